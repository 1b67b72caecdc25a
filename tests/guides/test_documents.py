"""Whatever the documents have a reader type is typed here, and does what they say."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.browser.stage import Scene
from tests.guides.blocks import RUN, Block, blocks_of, documents, mistakes_of, read_blocks
from tests.guides.conftest import POSTGRES_COMMANDS, environment
from tests.guides.shell import Failed, Shell

TRIED = [name for name in documents() if any(one.language in RUN and one.mark != "not run" for one in blocks_of(name))]


@pytest.mark.parametrize("document", TRIED)
def test_what_a_document_has_typed_works(
    document: str, scene: Scene, checkout: Path, request: pytest.FixtureRequest
) -> None:
    variables = environment(
        GATEWAY_HERE=scene.gateway,
        GATEWAY_DATABASE_URL=scene.database_url,
        PATH=f"{checkout}/.venv/bin:{environment()['PATH']}",
        HOME=str(checkout),
        NO_PROXY="127.0.0.1",
    )
    told = {"127.0.0.1:8000": urlsplit(scene.gateway).netloc, "127.0.0.1:8001": urlsplit(scene.rio).netloc}
    blocks = blocks_of(document)
    if any("psql" in block.text for block in blocks if block.language == "sh"):
        host = request.getfixturevalue("own_postgres")
        told |= {f"@127.0.0.1:5432/{name}": f"@/{name}?host={host}" for name in ("gateway", "restored")}
        variables |= {"PGHOST": host, "PGUSER": "postgres", "PATH": f"{POSTGRES_COMMANDS}:{variables['PATH']}"}
    with Shell(checkout, variables, told) as shell:
        go_through(shell, blocks)


def go_through(shell: Shell, blocks: list[Block]) -> None:
    """Does what a reader does. Raises Failed."""
    printed: dict[int, str] = {}
    for block in blocks:
        if block.mark == "left running":
            shell.make_room(block.because)
    for block in blocks:
        if block.mark == "left running":
            shell.leave_running(block.text, block.place, block.because)
        elif block.language in RUN and not block.mark:
            printed[block.line] = shell.run(block)
        elif block.follows in printed:
            check_shown(block, printed[block.follows])


def check_shown(block: Block, printed: str) -> None:
    """Each line of the output that the document shows was printed, in that order; what differs each time may. An
    ellipsis stands for anything, and a line may go on."""
    lines = iter([stable(line) for line in printed.splitlines()])
    for line in block.text.splitlines():
        shown = re.compile(re.escape(stable(line)).replace(r"\.\.\.", ".*") + r"(?!\w)")
        if stable(line) and not any(shown.match(one) for one in lines):
            raise Failed(f"{block.place}: this was not printed (there): {line}\nPrinted was:\n{printed}")


def stable(line: str) -> str:
    line = re.sub(r"SP-\d{4}-\d{4}-\d{4}", "SP-", line)
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", line)
    line = re.sub(r"\d{4}-\d\d-\d\d(T[0-9:.]+(Z|\+00:00)?)?", "DATE", line)
    line = re.sub(r"\d+ ms", "MS", line)
    return " ".join(line.split())


@pytest.mark.parametrize("document", documents())
def test_each_block_is_tried_or_says_why_not(document: str) -> None:
    assert [mistake for block in blocks_of(document) for mistake in mistakes_of(block)] == []


WRITTEN = """\
```sh
NAME=Maya; echo "Hello $NAME"
```

```text
Hello Maya
```

```python
print("Good day")
```

Nobody runs this:

<!-- not run: it takes a week -->
```sh
false
```
"""


def test_blocks_are_run_in_their_order_and_their_outputs_compared(checkout: Path) -> None:
    with Shell(checkout, environment(), {}) as shell:
        go_through(shell, list(read_blocks(WRITTEN, "written.md")))


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("Hello Maya", "Hello Daniel", "written.md:5: this was not printed"),
        ("echo", "false", "written.md:1 fails"),
        ("NAME=Maya; ", "", "unbound variable"),
        ('print("Good day")', "raise ValueError", "written.md:9 fails"),
        ("it takes a week -->\n```sh", "it takes a week -->\n\nAnd yet:\n\n```sh", "written.md:19 fails"),
    ],
)
def test_what_does_not_work_is_told(right: str, wrong: str, told: str, checkout: Path) -> None:
    with Shell(checkout, environment(), {}) as shell, pytest.raises(Failed, match=told):
        go_through(shell, list(read_blocks(WRITTEN.replace(right, wrong, 1), "written.md")))


def test_a_refused_request_fails_the_block(checkout: Path, scene: Scene) -> None:
    asked = f"```sh\ncurl -s {scene.gateway}/platform/v1/referrals\n```\n"
    with Shell(checkout, environment(), {}) as shell, pytest.raises(Failed, match="token"):
        go_through(shell, list(read_blocks(asked, "asked.md")))


@pytest.mark.parametrize("fence", ["```console", "```", "```bash"])
def test_a_block_that_nobody_tries_is_told(fence: str) -> None:
    (block,) = read_blocks(f"{fence}\ntrue\n```\n", "strange.md")

    assert "strange.md:1: nobody tries" in mistakes_of(block)[0]
