"""The order of what is found (R4 search.html#sort): by the least value of each parameter, or the greatest where it
goes down; what has none comes last; then by id."""

from decimal import Decimal
from functools import total_ordering
from typing import Any

from gateway.search.dates import spans_of
from gateway.search.references import plain
from gateway.search.table import Parameter
from gateway.search.texts import normalise, parts_of
from gateway.search.tokens import tokens

Json = dict[str, Any]
Sort = list[tuple[Parameter, bool]]
Value = str | float | None
Place = list[Value]  # where one stands in the order: the value of each parameter, then the id


def place_of(sort: Sort, content: Json) -> Place:
    """As JSON can hold it."""
    return [*(_value(parameter, descending, content) for parameter, descending in sort), content["id"]]


def order_key(sort: Sort, place: Place) -> tuple[Any, ...]:
    """What places are compared by. The id goes the way of the last parameter."""
    downs = [descending for _, descending in sort]
    downs.append(downs[-1] if downs else False)
    return tuple((value is None, _Down(value) if down else value) for value, down in zip(place, downs, strict=True))


@total_ordering
class _Down:
    """A value that is ordered the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and bool(self.value == other.value)

    def __lt__(self, other: "_Down") -> bool:
        return bool(other.value < self.value)

    __hash__ = None  # type: ignore[assignment]


def _value(parameter: Parameter, descending: bool, content: Json) -> Value:
    values: list[str | float] = [
        one for found in parameter.values(content) for one in _comparable(parameter, descending, found)
    ]
    if not values:
        return None
    return max(values) if descending else min(values)


def _comparable(parameter: Parameter, descending: bool, found: Any) -> list[Any]:
    match parameter.type:
        case "date":
            return [span[descending].isoformat() for span in spans_of(found)]
        case "string":
            return [normalise(part) for part in parts_of(found)]
        case "token":
            return [code for _, code in tokens(found, frozenset())]
        case "reference":
            return [text] if (text := plain(found)) else []
        case "uri":
            return [found] if isinstance(found, str) else []
    number = found.get("value") if isinstance(found, dict) else found
    return [float(number)] if isinstance(number, int | float | Decimal) else []
