"""A JSON Schema as rows that can be read: each field with its kind, and links to the shapes that it is made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

Json = dict[str, Any]

R4 = "./r4.schema.json#/$defs/"
OWN = "#/components/schemas/"
LIMITS = [("minLength", "maxLength", " characters"), ("minimum", "maximum", ""), ("minItems", "maxItems", "")]
PLAIN = r"^[^\x00"  # how the pattern of text without control characters begins: that goes without saying
FORMATS = {"date-time": "date and time", "date": "date", "uuid": "UUID", "uri": "address"}


@dataclass(frozen=True, slots=True)
class Field:
    """`name` has dots where an object without a name of its own is inside."""

    name: str
    kind: Markup
    required: bool
    words: str


def fields(schema: Json, door: str, before: str = "") -> Iterator[Field]:
    """A row for each property, and for those of the objects inside that are not shapes of their own."""
    required = set(schema.get("required", []))
    for name, one in schema.get("properties", {}).items():
        yield Field(before + name, kind_of(one, door), name in required, one.get("description", ""))
        inner = one.get("items", one) if isinstance(one, dict) else {}
        if "properties" in inner:
            yield from fields(inner, door, f"{before}{name}{'[]' if 'items' in one else ''}.")
    for part in schema.get("allOf", []):
        yield from fields(part, door, before)


def kind_of(schema: Json, door: str) -> Markup:
    """In words, e.g. "list of Reason, 1 or more". A shape of the door's leads to its fields, FHIR's to hl7.org."""
    if reference := schema.get("$ref"):
        return _link(reference, door)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return Markup(" or ").join(kind_of(one, door) for one in schema[choice])
    if "allOf" in schema:
        named = [kind_of(one, door) for one in schema["allOf"] if "$ref" in one]
        fixed = [
            Markup("{} {}").format(name, kind_of(one, door))
            for part in schema["allOf"]
            for name, one in part.get("properties", {}).items()
        ]
        return Markup(", ").join([*named, *fixed])
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    if "enum" in schema:
        return Markup("one of ") + Markup(", ").join(Markup("<code>{}</code>").format(one) for one in schema["enum"])
    return _plain(schema, door)


def _plain(schema: Json, door: str) -> Markup:
    types = schema.get("type", "anything")
    words = " or ".join(types) if isinstance(types, list) else str(types)
    words = words.replace("boolean", "true or false").replace("string", "text")
    kind = escape(FORMATS.get(schema.get("format", ""), words))
    if "items" in schema:
        kind = Markup("list of ") + kind_of(schema["items"], door)
    elif isinstance(inner := schema.get("additionalProperties"), dict):
        kind = Markup("names, each with ") + kind_of(inner, door)
    if not schema.get("pattern", PLAIN).startswith(PLAIN):
        kind += Markup(" as <code>{}</code>").format(schema["pattern"])
    return kind + "".join(_limits(schema))


def _limits(schema: Json) -> Iterator[str]:
    for least, most, unit in LIMITS:
        match schema.get(least), schema.get(most):
            case ((int() | float() as low), (int() | float() as high)):
                yield f", {low} to {high}{unit}"
            case ((int() | float() as low), None):
                yield f", {low}{unit} or more"
            case None, (int() | float() as high):
                yield f", {high}{unit} at most"


def _link(reference: str, door: str) -> Markup:
    name = reference.rpartition("/")[2]
    if reference.startswith(R4):
        page = "resourcelist" if name == "Resource" else name.lower()
        return Markup('<a href="https://hl7.org/fhir/R4/{}.html">{}</a>').format(
            page, "a FHIR resource" if name == "Resource" else name
        )
    return Markup('<a href="/docs/{}/shapes#{}">{}</a>').format(door, name, name)
