"""One condition of a search: what it asks, whether a resource meets it, and the index that narrows it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from gateway.errors import BadRequest
from gateway.ids import now
from gateway.search.dates import date_test, spans_of
from gateway.search.keys import reference_key
from gateway.search.narrowing import Narrowing, born_and_named, narrow
from gateway.search.numbers import number_test, quantity_test
from gateway.search.references import TYPE, plain, reference_test
from gateway.search.table import Parameter, belongs_by, parameter_of
from gateway.search.texts import normal_parts, parts_of, text_test
from gateway.search.tokens import normal_words, split_commas, token_test, unescape

Json = dict[str, Any]
Judge = Callable[[Json], bool]

MODIFIERS = {
    "token": {"", "missing", "not", "text", "in", "of-type"},
    "string": {"", "missing", "exact", "contains"},
    "reference": {"", "missing", "identifier"},  # and the name of a type
    "date": {"", "missing"},
    "number": {"", "missing"},
    "quantity": {"", "missing"},
    "uri": {"", "missing", "below"},
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """`judge` says whether a resource meets it; `narrowing` which index entries hold all that do, if one does;
    `ids` the ids that alone can meet it, where it names them; `name` the parameter it is of; `alternatives` how many
    values a resource is compared with."""

    judge: Judge
    narrowing: Narrowing | None = None
    ids: frozenset[str] | None = None
    name: str = ""
    alternatives: int = 1


def criterion(parameter: Parameter, modifier: str, value: str, base_url: str, at: datetime | None = None) -> Criterion:
    """The condition `parameter:modifier=value`; commas part the alternatives of the value (search.html#combining).

    Raises BadRequest, saying what the value must look like, and for a modifier that the type of parameter has not.
    `at` is the time that `ap` is measured from.
    """
    check_modifier(parameter, modifier)
    values = alternatives(value)
    judge = judge_of(parameter, modifier, values, base_url, at or now())
    if parameter.name == "_id" and not modifier:
        return Criterion(judge, ids=frozenset(unescape(one) for one in values), alternatives=len(values))
    return Criterion(judge, narrow(parameter, modifier, values, base_url), None, parameter.name, len(values))


def narrowings(criteria: list[Criterion]) -> list[Narrowing]:
    """Those that the criteria have, the most selective first, as a rule."""
    found = [(one.name, one.narrowing) for one in criteria if one.narrowing]
    named = next((narrowing for name, narrowing in found if name == "family" and narrowing), None)
    if named:
        found = [(name, born_and_named(one, named) if name == "birthdate" else one) for name, one in found]
    return sorted((one for _, one in found), key=lambda one: one.rank)


def matches(resource: Json, parameter: Parameter, modifier: str, values: list[str], base_url: str = "") -> bool:
    """Whether the resource meets one of the values (R4 search.html)."""
    check_modifier(parameter, modifier)
    return judge_of(parameter, modifier, values, base_url, now())(resource)


def check_modifier(parameter: Parameter, modifier: str) -> None:
    """Raises BadRequest for a modifier that this type of parameter has not, or that is not served."""
    known = MODIFIERS[parameter.type]
    if modifier not in known and not (parameter.type == "reference" and TYPE.fullmatch(modifier)):
        served = " ".join(f":{each}" for each in sorted(known - {""}))
        raise BadRequest(f"{parameter.name} is a {parameter.type} parameter: its modifiers here are {served}.")


def alternatives(value: str) -> list[str]:
    """What the commas part, still escaped, each once. Raises BadRequest for an empty one."""
    values = list(dict.fromkeys(split_commas(value)))
    if not all(values):
        raise BadRequest("A search parameter needs a value, and one on each side of a comma.")
    return values


def judge_of(parameter: Parameter, modifier: str, values: list[str], base_url: str, at: datetime) -> Judge:
    look = parameter.values
    if modifier == "missing":
        if values not in (["true"], ["false"]):
            raise BadRequest(f"{parameter.name}:missing takes true or false.")
        return partial(_is_missing, look, values == ["true"])
    tests = [_test(parameter, modifier, value, base_url, at) for value in values]
    parts = _parts(parameter, modifier)
    meant = modifier != "not"
    return lambda resource: (
        any(test(part) for found in look(resource) for part in parts(found) for test in tests) is meant
    )


def _is_missing(look: Callable[[Json], list[Any]], missing: bool, resource: Json) -> bool:
    return (not look(resource)) is missing


def _parts(parameter: Parameter, modifier: str) -> Callable[[Any], Iterable[Any]]:
    """What the tests compare of one value: made once of it, however many alternatives there are."""
    match parameter.type, modifier:
        case "date", _:
            return spans_of
        case "string", "exact":
            return parts_of
        case "string", _:
            return normal_parts
        case "token", "text":
            return normal_words
    return lambda found: (found,)


def _test(parameter: Parameter, modifier: str, value: str, base_url: str, at: datetime) -> Callable[[Any], bool]:
    match parameter.type:
        case "token":
            return text_test("", value) if modifier == "text" else token_test(modifier, value, parameter.systems)
        case "string":
            return text_test(modifier, unescape(value))
        case "reference":
            return reference_test(modifier, value, parameter, base_url)
        case "date":
            return date_test(value, at)
        case "number":
            return number_test(value)
        case "quantity":
            return quantity_test(value)
    wanted = unescape(value)
    if modifier == "below":
        return lambda found: isinstance(found, str) and found.startswith(wanted)
    return lambda found: bool(found == wanted)


def in_compartment(type_: str, patient_id: str) -> Criterion:
    """The condition of being about this Patient: one of the compartment's parameters names it (R4 compartments)."""
    looks = [parameter.values for name in belongs_by(type_) if (parameter := parameter_of(type_, name))]
    address = f"Patient/{patient_id}"
    key = Narrowing("reference", [reference_key("Patient", patient_id)])
    return Criterion(lambda resource: any(plain(found) == address for look in looks for found in look(resource)), key)


def referring_to(parameter: Parameter, addresses: set[str]) -> Criterion:
    """The condition that a reference names one of these `Type/id`."""
    look = parameter.values
    narrowing = narrow(parameter, "", sorted(addresses), "")
    return Criterion(lambda resource: any(plain(found) in addresses for found in look(resource)), narrowing)
