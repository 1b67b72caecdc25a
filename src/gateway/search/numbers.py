"""Numbers and quantities in searches (R4 search.html#number, #quantity)."""

from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Any

from gateway.errors import BadRequest
from gateway.search.dates import split_prefix
from gateway.search.tokens import split_bars

Test = Callable[[Any], bool]
Ends = tuple[Decimal, Decimal]

MOST_DIGITS = 25  # fewer than Decimal computes with
NO_LIMIT = Decimal("Infinity")


def number_test(value: str) -> Test:
    """Whether a number fits, e.g. gt0.8; equal means: rounds to the digits given. Raises BadRequest for no number."""
    fits = _comparison(value)
    return lambda found: any(fits(ends) for ends in _ends(found))


def quantity_test(value: str) -> Test:
    """As `number_test` for [number]|[system]|[code], where no system means: the code or the unit as written."""
    number, *unit = split_bars(value)
    fits = _comparison(number)
    if not unit:
        return lambda found: any(fits(ends) for ends in _ends(found))
    if len(unit) != 2:
        raise BadRequest("A quantity is searched as number, number|system|code or number||unit.")
    system, code = unit

    def measured(found: Any) -> bool:
        if system:
            return bool(found.get("system") == system and found.get("code") == code)
        return code in (found.get("code"), found.get("unit"))

    def test(found: Any) -> bool:
        parts = [found.get("low"), found.get("high")] if isinstance(found, dict) and "value" not in found else [found]
        named = [part for part in parts if isinstance(part, dict)]
        return any(map(measured, named)) and any(fits(ends) for ends in _ends(found))

    return test


def _comparison(value: str) -> Callable[[Ends], bool]:
    prefix, text = split_prefix(value)
    try:
        number = Decimal(text)
    except DecimalException:
        number = NO_LIMIT
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS or len(text) > MOST_DIGITS:
        raise BadRequest("A number is searched as 100, 5.40 or 1e-3, after eq ne gt lt ge le sa eb or ap.")
    exponent = number.as_tuple().exponent
    half = Decimal(5).scaleb(int(exponent) - 1) if prefix != "ap" else abs(number) / 10
    low, high = number - half, number + half
    comparisons: dict[str, Callable[[Ends], bool]] = {
        "eq": lambda ends: low <= ends[0] and ends[1] < high,
        "ne": lambda ends: not (low <= ends[0] and ends[1] < high),
        "gt": lambda ends: ends[1] > number,
        "lt": lambda ends: ends[0] < number,
        "ge": lambda ends: ends[1] >= number,
        "le": lambda ends: ends[0] <= number,
        "sa": lambda ends: ends[0] > number,
        "eb": lambda ends: ends[1] < number,
        "ap": lambda ends: ends[0] <= high and low <= ends[1],
    }
    return comparisons[prefix]


def _ends(found: Any) -> list[Ends]:
    """Lowest and highest of a number, a Quantity or a Range."""
    if isinstance(found, int | Decimal) and not isinstance(found, bool):
        return [(Decimal(found), Decimal(found))]
    if not isinstance(found, dict):
        return []
    if "value" in found:
        return _ends(found["value"])
    low, high = _ends(found.get("low")), _ends(found.get("high"))
    return [(low[0][0] if low else -NO_LIMIT, high[0][1] if high else NO_LIMIT)] if low or high else []
