"""Whether the value of an answer is one that its item in the Questionnaire takes (R4 questionnaire.html, item.type)."""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

import jsonschema_rs

from gateway.validation.comparing import compare
from gateway.validation.enablement import objects, value_of
from gateway.validation.references import contained
from gateway.validation.schema import Json

Key = tuple[str, str, str]
Options = tuple[str, set[Key]]  # words for an answer that is none of them

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
_CHOICE = ("Coding", "Integer", "Date", "Time", "String", "Reference")
TYPES = {
    "boolean": ("Boolean",),
    "decimal": ("Decimal",),
    "integer": ("Integer",),
    "date": ("Date",),
    "dateTime": ("DateTime",),
    "time": ("Time",),
    "string": ("String",),
    "text": ("String",),
    "url": ("Uri",),
    "choice": _CHOICE,
    "open-choice": _CHOICE,
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
}


def extension_values(node: Json, url: str) -> list[Any]:
    """The values of an element's extensions with this url."""
    return [value_of(each)[1] for each in objects(node, "extension") if each.get("url") == url]


def value_faults(question: Json, answer: Json, options: list[Options]) -> Iterator[str]:
    """What is wrong with the value of an answer, in words that follow the element; `options` are its item's."""
    kind, value = value_of(answer)
    taken = TYPES.get(str(question.get("type")))
    if value is None or taken is None:
        return
    if kind not in taken:
        yield f"must be of type {' or '.join(taken)}."
        return
    if question.get("type") != "open-choice" or kind != "String":
        keys = set(_keys(value))
        yield from (words for words, allowed in options if not keys & allowed)
    yield from _limit_faults(question, value)
    if isinstance(value, str):
        yield from _text_faults(question, value)
    elif isinstance(value, Decimal):
        places = -int(value.as_tuple().exponent)
        if any(places > most for most in limits(question, "maxDecimalPlaces")):
            yield "has more decimal places than its item takes."
    elif isinstance(value, dict):
        yield from _RULES.get(kind, _no_faults)(question, value)


def options_of(question: Json, questionnaire: Json) -> list[Options]:
    """What an item's answers are chosen from: its options, and a value set that the Questionnaire holds."""
    found: list[Options] = []
    listed = [each for option in objects(question, "answerOption") if (each := value_of(option)[1]) is not None]
    if listed:
        found.append(("is none of the options of its item.", {next(_keys(each)) for each in listed}))
    if codes := _codes(question.get("answerValueSet"), questionnaire):
        found.append(("is none of the codes of its item's value set.", codes))
    return found


def _keys(value: Any) -> Iterator[Key]:
    """What a value is known by, first the way that counts: a Coding by its code, one without by its display."""
    if not isinstance(value, dict):
        yield "", "", str(value)
        return
    for name in ("code", "reference", "display"):
        if name in value:
            yield name, str(value.get("system")) if name == "code" else "", str(value[name])
    yield "", "", ""


def _codes(canonical: object, questionnaire: Json) -> set[Key]:
    """The codes of a value set that the Questionnaire contains and spells out; empty for any other."""
    inside = [each for each in contained(questionnaire) if f"#{each.get('id')}" == canonical]
    compose = inside[0].get("compose") if inside else None
    if not isinstance(compose, dict) or "exclude" in compose:
        return set()
    found: set[Key] = set()
    for include in objects(compose, "include"):
        concepts = objects(include, "concept")
        if not concepts or "filter" in include or "valueSet" in include:
            return set()
        found |= {("code", str(include.get("system")), str(each.get("code"))) for each in concepts}
    return found


def _limit_faults(question: Json, value: Any) -> Iterator[str]:
    for name, wrong, words in (("min", -1, "less than the least"), ("max", 1, "more than the most")):
        ends = extension_values(question, f"{_EXTENSION}{name}Value")
        ends += extension_values(question, f"{_SDC}{name}Quantity")
        for limit in ends:
            order = compare(value, limit)
            if order == wrong:
                yield f"is {words} that its item takes."
            elif order is None and isinstance(value, dict) and isinstance(limit, dict):
                yield "cannot be compared with the limits of its item: give it a coded unit of the same kind."


def _text_faults(question: Json, value: str) -> Iterator[str]:
    most = question.get("maxLength")
    if isinstance(most, int) and len(value) > most:
        yield f"is longer than the {most} characters that its item takes."
    if any(len(value) < least for least in limits(question, "minLength")):
        yield "is shorter than its item takes."
    for pattern in extension_values(question, f"{_EXTENSION}regex"):
        form = _form(pattern) if isinstance(pattern, str) else None
        if form and not form.is_valid(value):
            yield "is not in the form that its item takes (regex)."


@lru_cache(maxsize=256)
def _form(pattern: str) -> jsonschema_rs.Draft202012Validator | None:
    """A whole-text match in linear time, because the pattern is not ours; None for one that needs more."""
    try:
        return jsonschema_rs.Draft202012Validator(
            {"pattern": f"^(?:{pattern})$"}, pattern_options=jsonschema_rs.RegexOptions()
        )
    except ValueError:
        return None


def _attachment_faults(question: Json, attachment: Json) -> Iterator[str]:
    data = attachment.get("data")
    size = attachment.get("size")
    if not isinstance(size, int):
        size = len(data) * 3 // 4 if isinstance(data, str) else 0
    if any(size > most for most in limits(question, "maxSize")):
        yield "is larger than its item takes."
    kinds = extension_values(question, f"{_EXTENSION}mimeType")
    if kinds and "contentType" in attachment and attachment["contentType"] not in kinds:
        yield f"must be of type {' or '.join(map(str, kinds))}."


def _reference_faults(question: Json, reference: Json) -> Iterator[str]:
    kinds = extension_values(question, f"{_EXTENSION}questionnaire-referenceResource")
    parts = str(reference.get("reference", "")).split("/_history/")[0].split("/")
    if kinds and len(parts) > 1 and parts[-2] not in kinds:
        yield f"may refer only to: {', '.join(map(str, kinds))}."


def _quantity_faults(question: Json, quantity: Json) -> Iterator[str]:
    units = extension_values(question, f"{_EXTENSION}questionnaire-unitOption")
    taken = [(unit.get("system"), unit.get("code")) for unit in units if isinstance(unit, dict)]
    if taken and (quantity.get("system"), quantity.get("code")) not in taken:
        yield "is in none of the units that its item takes."


def _no_faults(_question: Json, _value: Json) -> Iterator[str]:
    return iter(())


def limits(question: Json, name: str) -> list[int | Decimal]:
    """The numbers that an item's extensions of this name give (http://hl7.org/fhir/StructureDefinition/...)."""
    found = extension_values(question, f"{_EXTENSION}{name}")
    return [each for each in found if isinstance(each, int | Decimal) and not isinstance(each, bool)]


_RULES = {"Attachment": _attachment_faults, "Reference": _reference_faults, "Quantity": _quantity_faults}
