"""FHIR elements in words a person can read, for what no field of the referral is made for."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

# States that need no word: what stands is as it says.
AS_SAID = frozenset({"active", "final", "completed", "current", "amended", "corrected", "confirmed", "recurrence"})
STATES = ("status", "lifecycleStatus", "clinicalStatus", "verificationStatus")
HEADINGS = ("code", "type", "title", "description", "name", "category")


def concept_in_words(value: Any) -> str | None:
    """A CodeableConcept or Coding: its text, else the first display, else the first code. A text stays as it is."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else None
    codings = value.get("coding", [value])
    named = [*(one.get("display") for one in codings), *(one.get("code") for one in codings)]
    return value.get("text") or next((one for one in named if one), None)


def name_in_full(name: Any) -> str | None:
    """A HumanName as one text: its own text, else prefix, given and family names."""
    if not isinstance(name, dict):
        return str(name)
    parts = [*name.get("prefix", []), *name.get("given", []), name.get("family")]
    return name.get("text") or " ".join(part for part in parts if part) or None


def answer_in_words(element: Json) -> str | None:
    """What an element asks or measures (`code`, `type` or `text`), and its value[x]."""
    value = next((value for key, value in element.items() if key.startswith("value")), None)
    return _labelled(_heading(element) or element.get("text"), _value(value))


def resource_in_words(resource: Json) -> str:
    """What a resource says, a line per part, with its state when that is not the usual one."""
    states = [concept_in_words(_coded(resource.get(name))) for name in STATES]
    if "entered-in-error" in states:
        return "Entered in error: do not use."
    unusual = [state for state in states if state and state not in AS_SAID]
    text = "\n".join(part for part in _parts(resource) if part) or "Sent without words: ask the referrer."
    return f"{text} ({', '.join(unusual)})" if unusual else text


def _parts(resource: Json) -> Iterator[str | None]:
    yield answer_in_words(resource)
    yield from (answer_in_words(one) for one in resource.get("component", []))
    yield from _answers(resource.get("item", []))
    contents = [one for name in ("content", "payload") for one in _listed(resource.get(name))]
    yield from (_value(one.get("attachment") or one.get("contentString")) for one in contents if isinstance(one, dict))
    yield resource.get("conclusion")
    yield from (note.get("text") for note in _listed(resource.get("note")) if isinstance(note, dict))


def _answers(items: list[Json]) -> Iterator[str | None]:
    """Questions of a QuestionnaireResponse with their answers, those inside others after them."""
    for item in items:
        answers = item.get("answer", [])
        given = [words for words in map(answer_in_words, answers) if words]
        yield _labelled(item.get("text"), ", ".join(given))
        for inner in (item, *answers):
            yield from _answers(inner.get("item", []))


def _heading(element: Json) -> str | None:
    for name in HEADINGS:
        for value in _listed(element.get(name)):
            if words := name_in_full(value) if name == "name" else concept_in_words(value):
                return words
    return None


def _value(value: Any) -> str | None:
    """A value of any type; None for what has no words of its own (a bare Reference, a SampledData ...)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, dict):
        return None if value is None else str(value)
    if "value" in value:  # Quantity
        unit = value.get("unit") or value.get("code")
        return " ".join(str(part) for part in (value.get("comparator"), value["value"], unit) if part is not None)
    return concept_in_words(value) or value.get("display") or value.get("title")


def _coded(value: Any) -> Any:
    """A status concept by its code, which is what AS_SAID knows."""
    codings = value.get("coding", []) if isinstance(value, dict) else []
    return next((coding["code"] for coding in codings if coding.get("code")), value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _labelled(label: str | None, words: str | None) -> str | None:
    return f"{label}: {words}" if label and words else label or words
