"""openapi/ as it is shown: two doors, their operations, and how the requests of the examples were sent."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gateway.reference.samples import FORM, REQUEST_ID, Call

Json = dict[str, Any]

DOORS = {"fhir": "gateway.yaml", "platform": "platform.yaml"}
FILES = {*DOORS.values(), "r4.schema.json", "postman.json"}
METHODS = ("get", "post", "put", "patch", "delete")
SIGNED = {"client_assertion": "ASSERTION"}  # good once each: the reader signs one


@dataclass(frozen=True, slots=True)
class Sent:
    """A request of the contract's story: its place there, the client that sent it (None: nobody in particular), the
    example that it is, if it is one, with its answer there; else the ids that its answer `gives`, by JSON Pointer."""

    step: int
    client: str | None
    name: str | None
    summary: str
    call: Call
    status: str
    answer: Any
    gives: dict[str, str]


@dataclass(frozen=True, slots=True)
class Operation:
    """One of a door's, with what it refers to in place: `said` is its description in the file."""

    door: str
    id: str
    method: str
    path: str
    tag: str
    said: Json
    parameters: list[Json]
    sent: list[Sent]

    @property
    def address(self) -> str:
        return f"/docs/{self.door}/{self.id}"

    @property
    def summary(self) -> str:
        return str(self.said["summary"])

    @property
    def examples(self) -> list[Sent]:
        return [one for one in self.sent if one.name]


@dataclass(frozen=True, slots=True)
class Door:
    name: str
    document: Json
    operations: dict[str, Operation]

    @property
    def label(self) -> str:
        """What the title says after the colon, e.g. FHIR R4 for EPRs."""
        name = str(self.document["info"]["title"]).partition(": ")[2]
        return name[0].upper() + name[1:]

    @property
    def pushes(self) -> list[tuple[str, Json]]:
        """(METHOD, description) of what the gateway sends to others."""
        items = self.document["webhooks"].values()
        return [(method.upper(), said) for item in items for method, said in item.items() if method in METHODS]

    def of_tag(self, tag: str) -> list[Operation]:
        return [one for one in self.operations.values() if one.tag == tag]


def folder() -> Path:
    """Where openapi/ is: in an installed package beside this module, else in the checkout."""
    packed = Path(__file__).parent / "openapi"
    return packed if packed.is_dir() else Path(__file__).parents[3] / "openapi"


@cache
def doors() -> dict[str, Door]:
    """Reads both files: takes a third of a second, once."""
    return doors_of({name: _read(folder() / file) for name, file in DOORS.items()})


def doors_of(documents: dict[str, Json]) -> dict[str, Door]:
    return {name: _door(name, document) for name, document in documents.items()}


def _read(file: Path) -> Json:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with file.open(encoding="utf-8") as stream:
        document: Json = yaml.load(stream, loader)  # noqa: S506 - both are safe loaders
    return document


def _door(name: str, document: Json) -> Door:
    operations = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if said := item.get(method):
                given = [*item.get("parameters", []), *said.get("parameters", [])]
                parameters = [resolved(document, one) for one in given]
                sent = [_sent(document, method.upper(), path, said, one) for one in said.get("x-requests", [])]
                id_, tag = said["operationId"], said["tags"][0]
                operations[id_] = Operation(name, id_, method.upper(), path, tag, said, parameters, sent)
    return Door(name, document, operations)


def _sent(document: Json, method: str, path: str, said: Json, one: Json) -> Sent:
    name = one.get("example")
    ((media_type, content),) = said.get("requestBody", {"content": {None: {}}})["content"].items()
    shown = content.get("examples", {}).get(name, {})
    status, answered = _answer(document, said, name)
    (kind, answer), *_ = answered.get("content", {None: {}}).items()
    example = answer.get("examples", {}).get(name, {})
    needs = said.get("security", document.get("security", []))
    body = shown.get("value", one.get("body"))
    call = Call(
        method,
        path,
        one.get("at", {}),
        one.get("query", {}),
        one.get("headers", {}),
        media_type if body is not None else None,
        body,
        None if not needs else "CDS_JWT" if "cds" in needs[0] else "TOKEN",
        SIGNED if media_type == FORM else {},
        any(each.get("name") == REQUEST_ID and each.get("required") for each in said.get("parameters", [])),
        "nothing" if kind is None else "json" if kind.endswith("json") else "text",
    )
    summary = shown.get("summary") or example.get("summary") or ""
    return Sent(one["step"], one.get("as"), name, summary, call, status, example.get("value"), one.get("gives", {}))


def _answer(document: Json, said: Json, name: str | None) -> tuple[str, Json]:
    """Status and description of the success that has the example of this name; else of the first success."""
    good = {status: resolved(document, one) for status, one in said["responses"].items() if status < "300"}
    for status, one in good.items():
        if any(name in content.get("examples", {}) for content in one.get("content", {}).values()):
            return status, one
    return next(iter(good.items()))


def resolved(document: Json, part: Json) -> Json:
    """What a part says itself, or what it refers to within the document."""
    if "$ref" not in part:
        return part
    found = document
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found
