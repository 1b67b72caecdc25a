"""Writes docs/contract-tests.md: how each role is proved, and the tests of each suite: make contract-tests."""

from pathlib import Path

from gateway.contract.suite import ROLES, Clause, Suite, suite_of

FILE = Path("docs/contract-tests.md")
HEAD = Path(__file__).parent / "contract_suites_head.md"
COLUMNS = "| Test | What must hold | Rule | When it fails, for patients | Needs |\n|---|---|---|---|---|\n"


def written() -> str:
    return HEAD.read_text("utf-8") + "".join(_section(suite_of(role)) for role in ROLES)


def _section(suite: Suite) -> str:
    rows = [
        [test.id, test.title, _rule(test.clause), test.patients, ", ".join(f"`{one}`" for one in test.needs)]
        for test in suite.tests
    ]
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |\n" for row in rows]
    return f"\n### {suite.role}\n\n{suite.title}: {len(rows)} tests.\n\n{COLUMNS}{''.join(lines)}"


def _rule(clause: Clause) -> str:
    told = f"{clause.source}: {clause.rule}"
    return f"[{told}]({clause.url})" if clause.url else told


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
