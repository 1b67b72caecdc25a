"""What FHIR R4 knows: the codes of its own systems, and the elements that an expression may lead through.

Reads the generated schema that what comes in is judged by, so that what it refuses is known never to come.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mappings.fhirpath import CHOICES, TOKEN

Json = dict[str, Any]
Types = frozenset[str]

R4 = "http://hl7.org/fhir/"
SCHEMA = Path(__file__).parent.parent / "r4" / "r4.schema.json"
BOOLEAN: Types = frozenset({"boolean"})
SAME = frozenset({"first", "where"})  # functions that leave the type as it is


@cache
def _schema() -> Json:
    content: Json = json.loads(SCHEMA.read_text("utf-8"))
    return content


def codes_of(system: str, given: Iterable[str]) -> Iterable[str]:
    """The codes of one of R4's own systems that R4 binds an element to; those given when it is none of these."""
    bound = _schema()["$defs"].get(f"code.{system.removeprefix(R4)}", {}) if system.startswith(R4) else {}
    codes: list[str] = bound.get("enum") or list(given)
    return codes


def check_path(expression: str, context: Types | None) -> tuple[Types | None, str | None]:
    """The types that an expression leads to, and what is wrong with it: an element that R4 does not have. `context` are
    the types of the item at hand; None: not known, so anything may be there."""
    walk = _Walk(expression)
    return walk.either(context), walk.problem


class _Walk:
    """Goes along the tokens of an expression that compiles, with the types that it is at."""

    def __init__(self, expression: str) -> None:
        self.tokens: list[str] = [token.group(1) for token in TOKEN.finditer(expression)]
        self.at = 0
        self.problem: str | None = None

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def either(self, context: Types | None) -> Types | None:
        types = self.path(context)
        while self.peek() in ("or", "and", "=", "!="):
            self.take()
            self.path(context)
            types = BOOLEAN
        return types

    def path(self, context: Types | None) -> Types | None:
        first = self.take()
        types: Types | None
        if first == "(":
            types = self.either(context)
            self.take()
        elif first[0] == "'" or first in ("true", "false"):
            types = frozenset({"boolean" if first[0] != "'" else "string"})
        elif first == "$this":
            types = context
        elif first[0] == "%":
            types = None
        elif first[0].isupper():
            types = self.root(first)
        else:
            types = self.step(first, context)
        while self.peek() in (".", "["):
            if self.take() == "[":
                self.at += 2
            else:
                types = self.step(self.take(), types)
        return types

    def root(self, name: str) -> Types | None:
        if name in _schema()["x-accepted"]:
            return frozenset({name})
        self.tell(f"{name} is no resource that is taken here")
        return None

    def step(self, name: str, types: Types | None) -> Types | None:
        if self.peek() != "(":
            return self.member(name, types)
        self.take()
        result: Types | None = types if name in SAME else BOOLEAN
        if name == "ofType":
            type_ = self.take()
            result = frozenset({type_})
            if types and type_ not in types:
                self.tell(f"{type_} is no type that may stand there")
        elif name == "extension":
            self.take()
            result = frozenset({"Extension"})
        elif self.peek() != ")":
            self.either(types)
        self.take()
        return result

    def member(self, name: str, types: Types | None) -> Types | None:
        if types is None:
            return None
        found = frozenset(to for type_ in types for to in _member(type_, name))
        if not found:
            self.tell(f"{' or '.join(sorted(types))} has no element {name}")
        return found or None

    def tell(self, problem: str) -> None:
        self.problem = self.problem or problem


def _member(type_: str, name: str) -> list[str]:
    properties = _definition(type_).get("properties", {})
    if name in CHOICES and name not in properties:
        spelt = {key: one for key, one in properties.items() if key.startswith(name) and key[len(name) :][:1].isupper()}
        return [_type_of(one) for one in spelt.values()]
    return [_type_of(properties[name])] if name in properties else []


def _definition(type_: str) -> Json:
    found: Json = _schema()["$defs"].get(type_, {})
    return _definition(found["$ref"].rpartition("/")[2]) if "properties" not in found and "$ref" in found else found


def _type_of(element: Json) -> str:
    """The name of a type; of a primitive as FHIR spells it."""
    inner = element.get("items", element)
    inner = next((one for one in inner.get("anyOf", []) if "$ref" in one), inner)
    name: str = inner.get("$ref", "/string").rpartition("/")[2]
    return name.partition(".")[0] if name.startswith("Reference.") else name
