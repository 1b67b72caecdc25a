"""What a condition of a search is narrowed to: index entries that hold all that meet it, and often more.

Each resource that is found by them is judged on its content; so this may be wide, but never too narrow.
"""

from dataclasses import dataclass, field

from gateway.search.dates import split_prefix
from gateway.search.keys import DIRECTORY_SYSTEMS, LONGEST, MOVING, NAMED, address_key, reference_key, token_key
from gateway.search.references import ID, wanted
from gateway.search.table import Parameter, is_indexed
from gateway.search.texts import normalise
from gateway.search.tokens import split_bars, unescape
from mappings.systems import canonical

NAMES = frozenset({"name", "family", "given"})
RANKS = ("identifier", "reference", "birthdate", "name", "status")  # the most selective first, as a rule
EXACT = frozenset({"identifier", "status"})
MOST_PAIRS = 20  # of birth dates and names that are looked for together


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Entries of the index: those with one of the values, and those that start with one of the beginnings."""

    parameter: str
    values: list[str] = field(default_factory=list)
    beginnings: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether each resource found so meets the condition."""
        return self.parameter in EXACT and not self.beginnings and all(len(one) < LONGEST for one in self.values)

    @property
    def rank(self) -> int:
        return RANKS.index(self.parameter)


def narrow(parameter: Parameter, modifier: str, values: list[str], base_url: str) -> Narrowing | None:
    """The entries that hold all that meets `parameter:modifier=values`; None when no index does.

    Raises BadRequest for a value that is no reference.
    """
    name = _indexed_as(parameter)
    if name is None or modifier in ("missing", "not", "text", "in", "of-type", "contains"):
        return None
    narrowing = Narrowing(name)
    for value in values:
        if not _NARROWS[name](narrowing, parameter, modifier, value, base_url):
            return None
    return narrowing


def _indexed_as(parameter: Parameter) -> str | None:
    """The name of the index entries of a parameter."""
    if parameter.type == "reference":
        return "reference" if is_indexed(parameter.of, parameter.name) else None
    if parameter.name in NAMES and parameter.of in NAMED:
        return "name"
    if (parameter.name == "birthdate" and parameter.of == "Patient") or (
        parameter.name == "status" and parameter.of in MOVING
    ):
        return parameter.name
    return "identifier" if parameter.name == "identifier" else None


def _identifier(narrowing: Narrowing, _parameter: Parameter, _modifier: str, value: str, _base_url: str) -> bool:
    *system, code = split_bars(value)
    if not code:
        return False
    if system:
        narrowing.values.append(token_key(system[0], code))
    else:
        narrowing.beginnings.append(f"{code}|"[:LONGEST])
    return True


def _reference(narrowing: Narrowing, parameter: Parameter, modifier: str, value: str, base_url: str) -> bool:
    if modifier == "identifier":
        *system, code = split_bars(value)
        if not code or not system or not system[0] or canonical(system[0]) in DIRECTORY_SYSTEMS:
            return False
        narrowing.values.append(token_key(system[0], code))
        return True
    type_, name = wanted(modifier, value, parameter, base_url)
    if type_:
        narrowing.values.append(reference_key(type_, name))
    elif ID.fullmatch(name):
        narrowing.beginnings.append(reference_key("", name))
    else:
        narrowing.values.append(address_key(name))
    return True


def _name(narrowing: Narrowing, _parameter: Parameter, modifier: str, value: str, _base_url: str) -> bool:
    text = normalise(unescape(value))[:LONGEST]
    (narrowing.values if modifier == "exact" else narrowing.beginnings).append(text)
    return bool(text)


def _birthdate(narrowing: Narrowing, _parameter: Parameter, _modifier: str, value: str, _base_url: str) -> bool:
    prefix, text = split_prefix(value)
    narrowing.beginnings.append(text)
    return prefix == "eq" and "T" not in text


def born_and_named(born: Narrowing, named: Narrowing) -> Narrowing:
    """Those of these birth dates who have one of these family names."""
    days = [day for day in born.beginnings if len(day) == len("1971-06-14")]
    if len(days) < len(born.beginnings) or len(days) * len(named.values + named.beginnings) > MOST_PAIRS:
        return born
    values = [f"{day}|{name}"[:LONGEST] for day in days for name in named.values]
    return Narrowing("birthdate", values, [f"{day}|{name}"[:LONGEST] for day in days for name in named.beginnings])


def _status(narrowing: Narrowing, parameter: Parameter, _modifier: str, value: str, _base_url: str) -> bool:
    *system, code = split_bars(value)
    narrowing.values.append(code[:LONGEST])
    return bool(code) and (not system or system[0] in ("", *parameter.systems))


_NARROWS = {
    "identifier": _identifier,
    "reference": _reference,
    "birthdate": _birthdate,
    "name": _name,
    "status": _status,
}
