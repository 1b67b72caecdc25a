"""Writes docs/clinical-safety.md from docs/hazards.yaml: make hazards.

The scales and the matrix are the examples of the implementation guidance of DCB0129, as NHS England prints them in the
hazard log of UK Core (UK Core implementation guide, "Hazard Log": risk matrix, risk rating, interpretations).
"""

from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

DATA = Path("docs/hazards.yaml")
FILE = Path("docs/clinical-safety.md")
HEAD = Path(__file__).parent / "hazard_log_head.md"

SEVERITIES = {
    "minor": "one person: a minor injury, upset or inconvenience that soon passes",
    "significant": "one person: a minor injury that lasts, or significant psychological trauma; "
    "or several: what is minor",
    "considerable": "one person: a severe injury that heals soon, or severe psychological trauma; "
    "or several: what is significant",
    "major": "one person: death, or a life-changing or lasting severe injury; or several: what is considerable",
    "catastrophic": "several people: death, or a life-changing or lasting severe injury",
}
LIKELIHOODS = {  # what it means, and the scores by severity
    "very high": ("certain or almost certain", (3, 4, 4, 5, 5)),
    "high": ("not certain, but to be expected in most cases", (2, 3, 3, 4, 5)),
    "medium": ("possible", (2, 2, 3, 3, 4)),
    "low": ("could happen, but mostly will not", (1, 2, 2, 3, 4)),
    "very low": ("next to impossible", (1, 1, 2, 2, 3)),
}
RATINGS = {
    5: "unacceptable",
    4: "must be eliminated or controlled",
    3: "undesirable: only where reducing it further is impractical",
    2: "acceptable where reducing it further costs more than it brings",
    1: "acceptable as it is",
}
STATUSES = {
    "controlled": "its controls are built and tested; for your Clinical Safety Officer to review",
    "open": "something known is not controlled here; it stands under *What remains*",
}

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]
NamedTest = Annotated[str, StringConstraints(pattern=r"^tests/[a-z0-9_/]+/test_[a-z0-9_]+\.py::test_[a-z0-9_]+$")]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Risk(Shape):
    severity: Literal["minor", "significant", "considerable", "major", "catastrophic"]
    likelihood: Literal["very low", "low", "medium", "high", "very high"]
    score: int

    @model_validator(mode="after")
    def score_fits(self) -> Self:
        found = LIKELIHOODS[self.likelihood][1][list(SEVERITIES).index(self.severity)]
        if self.score != found:
            raise ValueError(f"{self.severity} and {self.likelihood} make {found}, not {self.score}")
        return self


class Control(Shape):
    """`where` is a file of this repository that holds or explains it; `shown_by` are tests without their parameters."""

    what: Words
    where: str
    shown_by: Annotated[tuple[NamedTest, ...], Field(min_length=1)]


class Hazard(Shape):
    id: Annotated[str, StringConstraints(pattern=r"^H\d\d$")]
    hazard: Words
    causes: Annotated[tuple[Words, ...], Field(min_length=1)]
    effect: Words
    initial: Risk
    controls: Annotated[tuple[Control, ...], Field(min_length=1)]
    residual: Risk
    deploying_organisation: Annotated[tuple[Words, ...], Field(min_length=1)]
    status: Literal["controlled", "open"]
    remains: Words | None = None

    @model_validator(mode="after")
    def judgement_holds_together(self) -> Self:
        orders = (list(SEVERITIES), list(reversed(LIKELIHOODS)))
        before, after = (
            [order.index(word) for order, word in zip(orders, (risk.severity, risk.likelihood), strict=True)]
            for risk in (self.initial, self.residual)
        )
        if after[0] > before[0] or after[1] > before[1]:
            raise ValueError(f"{self.id}: the residual risk is above the initial risk")
        if (self.status == "open") != (self.remains is not None):
            raise ValueError(f"{self.id}: what is open says what remains, and nothing else does")
        return self


def read_hazards(text: str) -> list[Hazard]:
    """The hazards of docs/hazards.yaml, in order. Raises pydantic.ValidationError with the place of each mistake."""
    return [Hazard.model_validate(one) for one in yaml.safe_load(text)]


def written(text: str) -> str:
    """docs/clinical-safety.md for this text of docs/hazards.yaml."""
    hazards = read_hazards(text)
    parts = [
        HEAD.read_text("utf-8").rstrip() + "\n",
        *scales(),
        *summary(hazards),
        *chain.from_iterable(map(section, hazards)),
    ]
    return "".join(f"{part}\n" for part in parts)


def scales() -> list[str]:
    names = " | ".join(SEVERITIES)
    return [
        *(f"- *{name}*: {meaning}" for name, meaning in SEVERITIES.items()),
        f"\n| Likelihood | Meaning | {names} |\n|---|---|{'---|' * len(SEVERITIES)}",
        *(f"| {name} | {says} | {' | '.join(map(str, row))} |" for name, (says, row) in LIKELIHOODS.items()),
        "\n" + "; ".join(f"**{score}** {says}" for score, says in RATINGS.items()) + ".",
        "\nSource: the example scales of DCB0129's implementation guidance, shortened, as NHS England prints",
        "them in the UK Core hazard log (UK Core implementation guide). Your organisation may use others.",
    ]


def summary(hazards: list[Hazard]) -> list[str]:
    return [
        "\n## Summary\n",
        *(f"- *{name}*: {says}." for name, says in STATUSES.items()),
        "\n| | Hazard | Risk before | Risk after | Status |\n|---|---|---|---|---|",
        *(
            f"| [{one.id}](#{one.id.lower()}) | {one.hazard} "
            f"| {one.initial.score} | {one.residual.score} | {one.status} |"
            for one in hazards
        ),
    ]


def section(one: Hazard) -> list[str]:
    lines = [
        f'\n<a id="{one.id.lower()}"></a>\n\n## {one.id}: {one.hazard}\n',
        f"**Harm.** {one.effect}\n",
        "**Causes.** " + " ".join(one.causes) + "\n",
        f"**Risk before controls:** {told(one.initial)}. **After:** {told(one.residual)}. **Status:** {one.status}.\n",
    ]
    if one.remains:
        lines.append(f"**What remains.** {one.remains}\n")
    lines.append("**What this gateway does**\n")
    for control in one.controls:
        lines.append(f"- {control.what} ([`{control.where}`](../{control.where}))")
        lines += [f"  - shown by `{test}`" for test in control.shown_by]
    return [*lines, "\n**What you must do (DCB0160)**\n", *(f"- {duty}" for duty in one.deploying_organisation)]


def told(risk: Risk) -> str:
    return f"{risk.score} ({risk.severity}, likelihood {risk.likelihood})"


if __name__ == "__main__":
    FILE.write_text(written(DATA.read_text("utf-8")), "utf-8")
