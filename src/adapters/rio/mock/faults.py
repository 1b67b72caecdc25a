"""What goes wrong, and when: rules from a YAML file, judged for each call in turn."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.rio.mock.kinds import KINDS, OPERATIONS
from adapters.rio.mock.mistakes import MockError

MOST_RULES = 200


class Rule(BaseModel):
    """One fault, for some operations. It acts on every call, unless something below says on which.

    Calls are counted from one when the rules are loaded, of these operations and, with `target`, of that ClientID or
    Task id alone, inside the window only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operations: tuple[str, ...] = Field(min_length=1)  # SOAP operations, put-task, get-task, or any
    fault: str
    target: str | None = None

    probability: float | None = Field(default=None, ge=0, le=1)
    sequence: tuple[Literal["ok", "fail"], ...] | None = None  # call by call; ok when it is at its end
    after: int = Field(default=0, ge=0)  # so many calls go well first
    times: int | None = Field(default=None, ge=0)  # so many calls fail, and no more
    from_second: float = Field(default=0, ge=0)  # the window, since the loading of the rules
    until_second: float | None = Field(default=None, ge=0)

    seconds: float | None = Field(default=None, ge=0, le=600)  # how long it waits; hangs: then the connection is cut
    status: int = Field(default=503, ge=200, le=599)
    retry_after: int | None = Field(default=None, ge=0)
    committed: bool = False  # acts once the work is done and kept: only its answer suffers
    skew_seconds: int = 3600  # how far the clock is ahead
    bytes: int = Field(default=1024, ge=0)  # what a document may hold
    text: int = Field(default=150, ge=0)  # characters that are left of texts
    id: int = Field(default=25, ge=0)  # ... and of ids

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("operations"), str):
            return given | {"operations": [given["operations"]]}
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> "Rule":
        if self.fault not in KINDS:
            raise ValueError(f"fault: must be one of {', '.join(KINDS)}")
        for operation in self.operations:
            if operation not in (*OPERATIONS, "any"):
                raise ValueError(f"operations: must be any, or of {', '.join(OPERATIONS)}")
            if operation != "any" and operation not in KINDS[self.fault].operations:
                fitting = ", ".join(sorted(KINDS[self.fault].operations))
                raise ValueError(f"operations: {self.fault} acts on: {fitting}")
        return self

    @property
    def wait(self) -> float:
        return KINDS[self.fault].seconds if self.seconds is None else self.seconds

    def is_about(self, operation: str, targets: tuple[str, ...]) -> bool:
        named = operation in self.operations or "any" in self.operations
        return named and operation in KINDS[self.fault].operations and self.target in (None, *targets)


class RuleFile(BaseModel):
    """`seed` makes what is by probability come out the same each time."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 1
    rules: tuple[Rule, ...] = Field(max_length=MOST_RULES)


@dataclass
class Turn:
    """How far a rule has come."""

    rule: Rule
    random: random.Random
    calls: int = 0
    failed: int = 0

    def comes_up(self, second: float) -> bool:
        """Whether the rule acts on this call, which it counts."""
        rule = self.rule
        if second < rule.from_second or (rule.until_second is not None and second >= rule.until_second):
            return False
        self.calls += 1
        place = self.calls - rule.after - 1
        drawn = self.random.random()  # of every call, so that the other conditions do not shift the draws
        acts = (
            place >= 0
            and (rule.times is None or self.failed < rule.times)
            and (rule.sequence is None or rule.sequence[place : place + 1] == ("fail",))
            and (rule.probability is None or drawn < rule.probability)
        )
        self.failed += acts
        return acts

    def drawn(self) -> Rule:
        """The rule for this call: now a storm is heavy, now it is not."""
        if self.rule.fault != "batch-storm":
            return self.rule
        return self.rule.model_copy(update={"seconds": self.rule.wait * self.random.random()})


@dataclass
class Faults:
    """The rules in force. The first that comes up acts on a call, and no other."""

    turns: list[Turn] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, file: RuleFile) -> "Faults":
        return cls([Turn(rule, random.Random(f"{file.seed}/{at}")) for at, rule in enumerate(file.rules)])  # noqa: S311

    def next(self, operation: str, *targets: str) -> Rule | None:
        second = time.monotonic() - self.since
        for turn in self.turns:
            if turn.rule.is_about(operation, targets) and turn.comes_up(second):
                return turn.drawn()
        return None


def load_faults(file: Path) -> Faults:
    """Raises MockError."""
    try:
        return read_faults(file.read_bytes(), str(file))
    except OSError as trouble:
        raise MockError(f"{file}: cannot be read ({trouble.strerror})") from None


def read_faults(text: bytes, name: str) -> Faults:
    """The rules of a YAML (or JSON) text. Raises MockError."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as trouble:
        mark = getattr(trouble, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "its text"
        problem = getattr(trouble, "problem", None) or "unreadable"
        raise MockError(f"{name}: {place}: is not YAML: {problem}") from None
    except (ValueError, RecursionError):  # a date that is none; a thousand brackets
        raise MockError(f"{name}: its text: is not YAML that can be read") from None
    try:
        return Faults.of(RuleFile.model_validate(given))
    except ValidationError as mistakes:
        raise MockError("\n".join(f"{name}: {_tell(one)}" for one in mistakes.errors())) from None


def _tell(mistake: Any) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in mistake["loc"]).lstrip(".")
    return f"{place or 'the file'}: {mistake['msg'].removeprefix('Value error, ')}"
