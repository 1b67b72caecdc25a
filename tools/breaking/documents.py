"""How one version of the contract breaks with another, operation by operation."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from tools.breaking.schemas import Json, Schemas, Way

METHODS = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
OTHER: dict[Way, Way] = {"taken": "given", "given": "taken"}
IN_WORDS: dict[Way, str] = {"taken": "in requests", "given": "in answers"}

Documents = Mapping[str, Json]  # file name -> OpenAPI document, or a file of schemas


def breaks(old: Documents, new: Documents) -> list[str]:
    """Each as `METHOD path: what`, or `schema NAME (in requests): what`: what a caller of the old would stumble over in
    the new. Sorted, each once."""
    return sorted(set(Comparison(old, new).found()))


class Comparison:
    def __init__(self, old: Documents, new: Documents) -> None:
        self._old, self._new = old, new
        self._waiting: deque[tuple[str, str, Way]] = deque()
        self._met: set[tuple[str, str, Way]] = set()
        self._file = ""

    def found(self) -> Iterator[str]:
        for file, document in self._old.items():
            if "openapi" not in document:
                continue
            self._file = file
            now = self._new.get(file, {})
            for part, way in (("paths", "taken"), ("webhooks", "given")):
                before, after = document.get(part, {}), now.get(part, {})
                yield from self._operations(document, now, before, after, way)  # type: ignore[arg-type]  # both are ways
            yield from self._named()

    def _operations(self, old: Json, new: Json, before: Json, after: Json, way: Way) -> Iterator[str]:
        for path, item in before.items():
            for method in (one for one in METHODS if one in item):
                name = f"{method.upper()} {path}" if way == "taken" else f"webhook {path}"
                operation = after.get(path, {}).get(method)
                if operation is None:
                    yield f"{name}: is gone"
                    continue
                shared = [item.get("parameters", []), after[path].get("parameters", [])]
                for what in self._operation((old, item[method], shared[0]), (new, operation, shared[1]), way):
                    yield f"{name}: {what}"

    def _operation(
        self, old: tuple[Json, Json, list[Json]], new: tuple[Json, Json, list[Json]], way: Way
    ) -> Iterator[str]:
        (was, before, _), (is_, after, _) = old, new
        yield from self._parameters(self._by_name(*old), self._by_name(*new), way)
        bodies = [
            self._resolved(document, one.get("requestBody", {})) for document, one in ((was, before), (is_, after))
        ]
        if way == "taken" and bodies[1].get("required") and not bodies[0].get("required"):
            yield "a body is required now"
        yield from self._contents(bodies[0].get("content", {}), bodies[1].get("content", {}), way, "")
        answers = [
            {status: self._resolved(document, one) for status, one in operation.get("responses", {}).items()}
            for document, operation in ((was, before), (is_, after))
        ]
        for status, answer in answers[0].items():
            if status not in answers[1]:
                yield f"{status} is no longer {'answered' if way == 'taken' else 'understood'}"
                continue
            given = answers[1][status]
            yield from self._contents(answer.get("content", {}), given.get("content", {}), OTHER[way], f"{status} ")
            for header in answer.get("headers", {}):
                if way == "taken" and header not in given.get("headers", {}):
                    yield f"{status} has no header {header} any more"
        asked, asks = ((one if "security" in one else document) for document, one in ((was, before), (is_, after)))
        if way == "taken" and (told := _locked(asked.get("security", []), asks.get("security", []))):
            yield told

    def _by_name(self, document: Json, operation: Json, shared: list[Json]) -> dict[str, Json]:
        given = [self._resolved(document, one) for one in [*shared, *operation.get("parameters", [])]]
        return {f"{one['in']} parameter {one['name']}": one for one in given}

    def _parameters(self, old: dict[str, Json], new: dict[str, Json], way: Way) -> Iterator[str]:
        for name, one in old.items():
            if name not in new:
                yield f"{name} is {'no longer taken' if way == 'taken' else 'no longer sent'}"
                continue
            if way == "taken" and new[name].get("required") and not one.get("required"):
                yield f"{name} is required now"
            yield from self._schemas().breaks(one.get("schema", {}), new[name].get("schema", {}), way, name)
        if way == "taken":
            yield from (
                f"{name} is required now" for name, one in new.items() if name not in old and one.get("required")
            )

    def _contents(self, old: Json, new: Json, way: Way, place: str) -> Iterator[str]:
        for kind, content in old.items():
            if kind not in new:
                yield f"{place}{kind} is no longer {way}"
                continue
            for what in self._schemas().breaks(content.get("schema", {}), new[kind].get("schema", {}), way):
                yield f"{place}{what}"

    def _named(self) -> Iterator[str]:
        """What references lead to, each pair once."""
        while self._waiting:
            old, new, way = self._waiting.popleft()
            file = self._file
            self._file, name = old.partition("#")[0], old.rpartition("/")[2]
            before, after = self._at(self._old, old), self._at(self._new, new)
            for what in self._schemas().breaks(before, after, way):
                yield f"schema {name} ({IN_WORDS[way]}): {what}"
            self._file = file

    def _schemas(self) -> Schemas:
        file = self._file

        def refer(old: str, new: str, way: Way) -> None:
            pair = (_whole(file, old), _whole(file, new), way)
            if pair not in self._met:
                self._met.add(pair)
                self._waiting.append(pair)

        def follow(old: Json, new: Json) -> tuple[Json, Json]:
            sides = ((self._old, old), (self._new, new))
            old, new = (self._at(side, _whole(file, one["$ref"])) if "$ref" in one else one for side, one in sides)
            return old, new

        return Schemas(refer, follow)

    def _at(self, documents: Documents, reference: str) -> Any:
        file, _, place = reference.partition("#/")
        found: Any = documents.get(file, {})
        for step in place.split("/"):
            found = found.get(step.replace("~1", "/").replace("~0", "~"), {})
        return found

    def _resolved(self, document: Json, part: Json) -> Json:
        found: Any = part
        if "$ref" in part:
            found = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
        return found  # type: ignore[no-any-return]  # a part of a document is an object


def _whole(file: str, reference: str) -> str:
    return file + reference if reference.startswith("#") else reference.removeprefix("./")


def _locked(old: list[Json], new: list[Json]) -> str | None:
    """What a caller needs now that did for the old without. No requirement at all is open to everybody."""
    before, after = (one or [{}] for one in (old, new))
    for way in before:
        held = {(scheme, scope) for scheme, scopes in way.items() for scope in [None, *scopes]}
        needs = [{(scheme, scope) for scheme, scopes in one.items() for scope in [None, *scopes]} for one in after]
        if not any(one <= held for one in needs):
            return f"needs {_in_words(after)} now"
    return None


def _in_words(needed: list[Json]) -> str:
    return " or ".join(
        " and ".join(f"{scheme} {' '.join(scopes)}".strip() for scheme, scopes in one.items()) or "nothing"
        for one in needed
    )
