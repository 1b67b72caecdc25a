"""Which of two FHIR values is the greater, and whether they are the same, as far as that can be said."""

from decimal import Decimal

from gateway.validation.schema import Json
from gateway.validation.survey import later

UCUM = "http://unitsofmeasure.org"
_PREFIXES = {"k": "1000", "": "1", "d": "0.1", "c": "0.01", "m": "0.001", "u": "0.000001"}
_ONES = "m 1 m|[in_i] 0.0254 m|[ft_i] 0.3048 m|[mi_i] 1609.344 m|g 1 g|[oz_av] 28.349523125 g|[lb_av] 453.59237 g|L 1 L"
_TIMES = "s 1 s|min 60 s|h 3600 s|d 86400 s|wk 604800 s"
# UCUM code -> its base unit, and how many of these it is
UNITS = {
    f"{prefix}{code}": (base, Decimal(factor) * Decimal(times))
    for code, times, base in (each.split() for each in f"{_ONES}|{_TIMES}".split("|"))
    for prefix, factor in (_PREFIXES.items() if code == base and code != "s" else [("", "1")])
}


def compare(one: object, other: object) -> int | None:
    """-1, 0 or 1; None where it cannot be said: other types, 2024 and 2024-05, units that do not convert."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = _amount(one), _amount(other)
        return compare(left[1], right[1]) if left and right and left[0] == right[0] else None
    if isinstance(one, str) and isinstance(other, str):
        return 1 if later(one, other) else -1 if later(other, one) else 0 if one == other else None
    if isinstance(one, int | float | Decimal) and isinstance(other, int | float | Decimal):
        return (one > other) - (one < other)
    return None


def same(one: object, other: object) -> bool:
    """Whether an answer is the value: Codings by code, Quantities by amount, References by what they name."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return isinstance(one, bool) == isinstance(other, bool) and one == other
    if "value" in one and "value" in other:
        return compare(one, other) == 0 or one == other
    keys = ("reference",) if "reference" in other else ("system", "code") if "code" in other else ("display",)
    return all(one.get(key) == other.get(key) for key in keys)


def _number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _amount(quantity: Json) -> tuple[str, Decimal] | None:
    """Base unit and amount of a Quantity with a coded unit."""
    value, system, code = quantity.get("value"), quantity.get("system"), quantity.get("code")
    if not _number(value) or not isinstance(system, str) or not isinstance(code, str):
        return None
    base, factor = UNITS.get(code, (code, Decimal(1))) if system == UCUM else (f"{system}|{code}", Decimal(1))
    return base, Decimal(str(value)) * factor
