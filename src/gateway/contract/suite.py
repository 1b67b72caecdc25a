"""A suite of contract tests, as written in a YAML file: what is sent or awaited, what must hold, and why it matters.

`read_suite` refuses a file that is not so with its line and what was expected.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.contract.fhirpath import check_expression
from gateway.contract.headers import Headers, check_names
from gateway.contract.reading import Place, Unreadable, line_of, read_json, read_yaml

Role = Literal["gateway", "epr-sender", "epr-receiver", "subscriber", "platform"]
Sign = Literal["rightly", "not", "with-another-key", "ten-minutes-ago", "in-ten-minutes", "another-body"]
Source = Literal[
    "FHIR R4", "BaRS", "Gravity SDOHCC", "Subscriptions Backport", "SMART", "Standard Webhooks", "CloudEvents", "HTTP",
    "ours",
]  # fmt: skip
Answer = Literal["lost", "slow", "401", "422", "500", "503"]

ROLES: tuple[Role, ...] = ("gateway", "epr-sender", "epr-receiver", "subscriber", "platform")
UNDER_TEST = {"epr-sender": "epr-under-test", "platform": "platform-under-test"}  # whom the runner listens to
ID = re.compile(r"[A-Z]{3}-\d{2}")
FILLED = re.compile(r"\$\{[^}]*\}")


class SuiteError(Exception):
    """A suite file cannot be used; the text names file, line and what was expected."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


def _is_regex(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as trouble:
        raise ValueError(f"{text[:80]!r} is no regular expression: {trouble}") from None
    return text


def _is_json(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("expected what JSON can say") from None
    return value


def _is_path(text: str) -> str:
    written = FILLED.sub("", text)
    if not written.isascii() or not written.isprintable():
        raise ValueError("expected a path in ASCII, anything else as %XX (RFC 3986, 2.1)")
    return text


Expression = Annotated[str, AfterValidator(check_expression)]
Regex = Annotated[str, AfterValidator(_is_regex)]
Regexes = Annotated[dict[str, Regex], AfterValidator(check_names)]  # by the name of a header
Json = Annotated[Any, AfterValidator(_is_json)]


class Clause(_Entry):
    """Where the rule comes from: a published standard, or our own contract of that neighbour."""

    source: Source
    rule: str
    url: str | None = None


class Expect(_Entry):
    """What must hold of an exchange. `that` and `sent_that` are FHIRPath, on the JSON of the answer and of the request;
    `%name` is what was kept under that name. `header` and `sent_header` are regular expressions for whole values."""

    status: list[int] | int | Literal["2xx", "4xx", "refused", "taken"] | None = None
    header: Regexes = {}
    that: list[Expression] = []
    sent_header: Regexes = {}
    sent_that: list[Expression] = []
    text: list[Regex] = []  # regular expressions, each to be found in the answer as it came: JSON readers round 1.50
    same_body_as: str | None = None  # the answer's body is that of the exchange that was kept so

    @property
    def wants_answer(self) -> bool:
        return bool(self.status or self.header or self.that or self.text or self.same_body_as)

    @property
    def statuses(self) -> set[int]:
        match self.status:
            case None | "taken":  # "taken" is judged by what stands inside, too
                return set()
            case "2xx":
                return set(range(200, 300))
            case "4xx":
                return set(range(400, 500))
            case "refused":  # by any status that says so, and never by a fault of the server
                return set(range(400, 500)) - {408, 429}
            case int(one):
                return {one}
            case many:
                return set(many)


class Send(_Entry):
    """One request of the runner's. `${name}` in path, headers and body is what was kept, or `${new.x}`: a UUID, the
    same through the test."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    at: Literal["target", "platform", "gateway-fhir", "gateway-platform", "token"] = "target"
    path: Annotated[str, AfterValidator(_is_path)] = ""
    as_: Annotated[str | None, Field(alias="as")] = None  # whose token: a name of the configuration's clients
    body: str | None = None  # a document of the suite
    change: dict[str, Json] = {}  # `Task.status`, `ServiceRequest.code.coding[0].code`, `/entry`: null leaves it out
    raw: str | None = None  # the body, as it is
    padded: Annotated[int, Field(gt=0, le=20_000_000)] | None = None  # bytes of the body, with spaces at its end
    type: str = "application/fhir+json"
    headers: Headers = {}
    agreed: Literal["rightly", "not", "wrongly"] = "rightly"  # the configuration's headers, for the target
    follows: int | None = None  # the version taken last: in If-Match, where `conditional` is agreed
    sign: Sign | None = None
    delivery: str = "${new.delivery}"  # the id under which it is signed
    together: Annotated[int, Field(ge=1, le=16)] = 1  # so many at the same time; what must hold holds of each

    @model_validator(mode="after")
    def _one_body(self) -> "Send":
        if self.body and self.raw is not None:
            raise ValueError("expected `body` or `raw`, not both")
        return self


class Await(_Entry):
    """A request that the counterpart is expected to make to the runner, new since the test began."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "any"]
    path: Regex  # with ${name}s
    saying: Expression | None = None  # FHIRPath on its JSON: no other is meant


class Step(_Entry):
    """One step does one of: send, await, absent, cue, answer, wait. Then what must hold; then what is kept of it."""

    cue: str | None = None  # what the counterpart, or whoever works it, is to do now
    do: str | None = None  # ... in one word, for a machine
    with_: Annotated[dict[str, str], Field(alias="with")] = {}  # ... and with what
    answer: list[Answer] = []  # how the runner answers the next requests, before it answers as it should
    answer_to: Await | None = None  # ... of this kind; of all that write, when it is not said
    send: Send | None = None
    await_: Annotated[Await | None, Field(alias="await")] = None
    absent: Await | None = None  # no such request since the last await, nor for `within` seconds (1)
    afresh: bool = False  # what the counterpart has asked before this step counts no more
    wait: Annotated[float, Field(gt=0, le=60)] | None = None  # seconds in which the counterpart may still do something
    expect: Expect = Expect()
    left_out_on: list[int] = []  # statuses that the counterpart is free to give; the rest cannot be judged then
    # Seconds for it to become so, sent again and again; or the configuration's patience, where a person may act.
    within: Annotated[float, Field(gt=0, le=600)] | Literal["patience"] | None = None
    keep: dict[str, Expression] = {}  # name -> FHIRPath on the answer; `exchange` keeps the whole under a name
    keep_sent: dict[str, Expression] = {}  # ... on the request
    keep_exchange: str | None = None

    @model_validator(mode="after")
    def _does_something(self) -> "Step":
        doing = [self.send, self.await_, self.absent, self.cue, self.answer or None, self.wait]
        if sum(one is not None for one in doing) != 1:
            raise ValueError("expected one of: send, await, absent, cue, answer, wait")
        if self.answer_to and not self.answer:
            raise ValueError("expected `answer` beside `answer_to`")
        looked_at = self.expect != Expect() or self.keep or self.keep_sent or self.keep_exchange
        if looked_at and not (self.send or self.await_):
            raise ValueError("expected `send` or `await` beside `expect` and `keep`: there is nothing else to look at")
        return self


class Test(_Entry):
    """`patients` says what it means for the people referred when this fails, `mend` how to mend it."""

    id: Annotated[str, Field(pattern=ID.pattern)]
    title: str
    clause: Clause
    patients: str
    mend: str
    needs: list[str] = []  # entries of the configuration without which it is left out, and said so
    steps: Annotated[list[Step], Field(min_length=1)]


class Suite(_Entry):
    role: Role
    title: str
    about: str
    documents: dict[str, Json] = {}  # name -> a JSON document, or the name of a file beside the suite
    tests: Annotated[list[Test], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> "Suite":
        seen: set[str] = set()
        for test in self.tests:
            if test.id in seen:
                raise ValueError(f"expected each id once; {test.id} is there twice")
            seen.add(test.id)
            kept: set[str] = set()
            for number, step in enumerate(test.steps, 1):
                if told := self._unsound(step, kept):
                    raise ValueError(f"{test.id}, step {number}: {told}")
                kept |= {step.keep_exchange} if step.keep_exchange else set()
        return self

    def _unsound(self, step: Step, kept: set[str]) -> str:
        """What is wrong with a step in its place; nothing if it is right there."""
        if step.expect.same_body_as and step.expect.same_body_as not in kept:
            return f"`same_body_as`: no step before has kept an exchange as {step.expect.same_body_as!r}"
        if self.role not in UNDER_TEST and (step.await_ or step.absent or step.answer):
            return f"`await`, `absent` and `answer` are for {' and '.join(UNDER_TEST)}: to a {self.role} nobody listens"
        if step.send is None:
            return ""
        if step.send.body and step.send.body not in self.documents:
            return f"there is no document {step.send.body!r} in `documents`"
        absent = {"gateway": {"gateway-fhir", "gateway-platform"}, "epr-sender": {"target", "platform"}}
        absent |= {"platform": {"platform"}}
        if step.send.at in absent.get(self.role, {"platform", "gateway-fhir", "gateway-platform"}):
            return f"`at: {step.send.at}`: there is no such address in tests of the role {self.role}"
        return ""


def suite_of(role: Role) -> Suite:
    """The suite that comes with the gateway for a role."""
    folder = files("gateway.contract").joinpath("suites")
    with_path = Path(str(folder.joinpath(f"{role}.yaml")))
    return read_suite(with_path)


def read_suite(path: Path) -> Suite:
    """Raises SuiteError, with the line, for what is no suite."""
    try:
        document, root = read_yaml(path)
        if root is None or not isinstance(document, dict):
            raise SuiteError(f"{path}: expected a mapping with role, title, about and tests")
        suite = Suite.model_validate(document)
    except Unreadable as trouble:
        raise SuiteError(str(trouble)) from None
    except ValidationError as mistakes:
        told = "\n".join(
            f"{path}, line {line_of(root, mistake['loc'])}: {_place(mistake['loc'])}: {mistake['msg']}"
            for mistake in mistakes.errors()[:10]
        )
        raise SuiteError(told) from None
    return suite.model_copy(update={"documents": dict(_documents(suite, path))})


def _documents(suite: Suite, path: Path) -> Iterator[tuple[str, Any]]:
    for name, document in suite.documents.items():
        try:
            yield name, read_json(path.parent / document) if isinstance(document, str) else document
        except Unreadable as trouble:
            raise SuiteError(f"{path}: documents.{name}: {trouble}") from None


def _place(place: Place) -> str:
    return ".".join(str(step) for step in place) or "the suite"
