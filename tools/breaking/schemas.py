"""How one JSON Schema breaks with another: what was taken and is not, what is given and was not."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

Json = dict[str, Any]
Way = Literal["taken", "given"]  # taken: what callers send must still do. given: what they get must be as they know it
Refer = Callable[[str, str, Way], None]
Follow = Callable[[Json, Json], tuple[Json, Json]]

LOWER = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "minLength": "at least this long",
    "minItems": "at least so many",
    "minProperties": "at least so many",
}
UPPER = {
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "maxLength": "at most this long",
    "maxItems": "at most so many",
    "maxProperties": "at most so many",
}
RULES = (
    "pattern",
    "format",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "dependentRequired",
    "propertyNames",
    "uniqueItems",
    "multipleOf",
)
WORDS = ("description", "title", "example", "examples", "default", "deprecated", "$comment", "discriminator")


class Schemas:
    """Compares the schemas of two documents. `refer` is told of each pair of references that both sides have at the
    same place, so that what is named is compared once, by its name; `follow` gives what one alone leads to."""

    def __init__(self, refer: Refer, follow: Follow) -> None:
        self._refer = refer
        self._follow = follow

    def breaks(self, old: Any, new: Any, way: Way, at: str = "") -> Iterator[str]:
        """In words, each with the field it is about (`a.b[]`, nothing for the whole)."""
        old, new = ({} if one is True else one for one in (old, new))
        if plain(old) == plain(new) and "$ref" not in json.dumps([old, new]):
            return
        if old is False or new is False:
            if (old is False) != (new is False) and (new is False) == (way == "taken"):
                yield f"{at or 'the body'} is no longer taken" if way == "taken" else f"{at or 'the body'} is given now"
            return
        if "$ref" in old and "$ref" in new:
            self._refer(old["$ref"], new["$ref"], way)
        elif "$ref" in old or "$ref" in new:  # one of them has its own schema now: as long as it says the same
            old, new = self._follow(old, new)
        yield from self._values(old, new, way, at)
        yield from self._fields(old, new, way, at)
        if "items" in old and "items" in new:
            yield from self.breaks(old["items"], new["items"], way, f"{at}[]")
        for kind in ("anyOf", "oneOf"):
            yield from self._kinds(old.get(kind, []), new.get(kind, []), way, at)
        if way == "taken":
            yield from _rules(old, new, at)

    def _values(self, old: Json, new: Json, way: Way, at: str) -> Iterator[str]:
        name = at or "the body"
        before, after = _types(old), _types(new)
        if way == "taken" and before and after and (gone := sorted(before - _wider(after))):
            yield f"{name} may not be {', '.join(gone)} any more"
        if way == "taken" and not before and after:
            yield f"{name} must be {', '.join(sorted(after))} now"
        if way == "given" and before and (more := sorted((after or {"anything"}) - _wider(before))):
            yield f"{name} may be {', '.join(more)} now"
        yield from _choices(old, new, way, name)
        if way == "taken":
            yield from _ranges(old, new, name)

    def _fields(self, old: Json, new: Json, way: Way, at: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", [])), set(new.get("required", []))
        if way == "taken":
            yield from (f"{_field(at, one)} is required now" for one in sorted(needs - needed))
            if new.get("additionalProperties", True) is False:
                yield from (f"{_field(at, one)} is no longer taken" for one in before if one not in after)
                if old.get("additionalProperties", True) is not False and "properties" in old:
                    yield f"{at or 'the body'} takes no fields any more that are not described"
        else:
            yield from (f"{_field(at, one)} is no longer given" for one in before if one not in after)
            yield from (f"{_field(at, one)} may be absent now" for one in sorted(needed - needs) if one in after)
        for one in before:
            if one in after:
                yield from self.breaks(before[one], after[one], way, _field(at, one))
        if isinstance(old.get("additionalProperties"), dict) and isinstance(new.get("additionalProperties"), dict):
            yield from self.breaks(old["additionalProperties"], new["additionalProperties"], way, _field(at, "*"))

    def _kinds(self, old: list[Any], new: list[Any], way: Way, at: str) -> Iterator[str]:
        """Of what one of several may be. Those that are alike meet, then the one that is left on each side."""
        if not old and not new:
            return
        name = at or "the body"
        before, after = list(old), list(new)
        for one in old:
            twin = next((other for other in after if _same(one, other)), None)
            if twin is not None:
                before.remove(one)
                after.remove(twin)
                list(self.breaks(one, twin, way, at))  # for the references inside
        if len(before) == len(after) == 1:
            yield from self.breaks(before[0], after[0], way, at)
        elif way == "taken":
            if new and not old:
                yield f"{name} must be one of {len(new)} kinds now"
            elif new:
                yield from (f"{name} may not be {_called(one)} any more" for one in before)
        elif old:
            yield from (f"{name} may be {_called(one)} now" for one in (after if new else [{"type": "anything"}]))


def _choices(old: Json, new: Json, way: Way, name: str) -> Iterator[str]:
    allowed, allows = _enum(old), _enum(new)
    if way == "taken" and allows is not None:
        if allowed is None:
            yield f"{name} must be one of {_listed(allows)} now"
        elif gone_values := [one for one in allowed if one not in allows]:
            yield f"{name} may not be {_listed(gone_values)} any more"
    if way == "given" and allowed is not None:
        if allows is None:
            yield f"{name} may be anything now, and was one of {_listed(allowed)}"
        elif more_values := [one for one in allows if one not in allowed]:
            yield f"{name} may be {_listed(more_values)} now"


def _ranges(old: Json, new: Json, name: str) -> Iterator[str]:
    for keyword, words in LOWER.items():
        if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
            yield f"{name} must be {words} {new[keyword]} now ({keyword})"
    for keyword, words in UPPER.items():
        if keyword in new and new[keyword] < old.get(keyword, float("inf")):
            yield f"{name} must be {words} {new[keyword]} now ({keyword})"


def _rules(old: Json, new: Json, at: str) -> Iterator[str]:
    """Rules that only a reader can weigh count as narrower when they are new or other than they were."""
    name = at or "the body"
    for keyword in RULES:
        if keyword in new and plain(new[keyword]) != plain(old.get(keyword)):
            yield f"{name} has another {keyword} now"
    known = [plain(one) for one in old.get("allOf", [])]
    for number, one in enumerate(new.get("allOf", []), 1):
        if plain(one) not in known:
            yield f"{name} must keep one more rule now (allOf {number})"


def plain(schema: Any) -> Any:
    """Without what is only said about it."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {field: plain(one) for field, one in value.items()} if name == "properties" else plain(value)
        for name, value in schema.items()
        if name not in WORDS and not name.startswith("x-")
    }


def _same(one: Any, other: Any) -> bool:
    named = [schema.get("$ref") for schema in (one, other) if isinstance(schema, dict)]
    return plain(one) == plain(other) or (len(named) == 2 and named[0] is not None and named[0] == named[1])


def _types(schema: Json) -> set[str]:
    named = schema.get("type", [])
    return {named} if isinstance(named, str) else set(named)


def _wider(types: set[str]) -> set[str]:
    return types | ({"integer"} if "number" in types else set())


def _enum(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _field(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _called(schema: Any) -> str:
    if isinstance(schema, dict) and "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind if isinstance(kind, str) else json.dumps(plain(schema))[:80]


def _listed(values: list[Any]) -> str:
    return ", ".join(one if isinstance(one, str) else json.dumps(one) for one in values)
