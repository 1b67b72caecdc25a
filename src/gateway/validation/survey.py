"""One pass over a resource: the resources inside it, its references, and what breaks a rule of a data type.

The pass costs every referral; so it keeps nodes instead of paths, and looks for a path only where something is wrong.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.errors import Issue
from gateway.validation.schema import WHOLE, Json

Path = list[str | int]
OPEN = frozenset(
    {"extension", "modifierExtension", "input", "output", "parameter", "part"}
)  # with value[x] of fifty types


@dataclass(slots=True)
class Survey:
    """What one pass over a resource finds; nodes are kept instead of paths, because most resources are faultless."""

    weight: int = 0  # objects and list items, those of resources inside left out; what takes any type weighs more
    inner: list[tuple[str, Json]] = field(default_factory=list)  # resources inside, with the element they stand in
    references: list[tuple[str, Json]] = field(default_factory=list)  # those that name something, with their element
    suspects: list[tuple[Json, Path, Issue]] = field(default_factory=list)  # node, way down from it, what is wrong


ELE_1 = Issue("invariant", "breaks ele-1: an element must have a value or children. Leave it out when it is empty.")
PER_1 = Issue("invariant", "breaks per-1: start SHALL have a lower value than end.")
RNG_2 = Issue("invariant", "breaks rng-2: low SHALL have a lower value than high.")
SAME_ID = Issue("business-rule", "has an id that another element of the resource has. Give each its own, or none.")
FRACTION = Issue("value", "must be a whole JSON number: no fraction, not even .0, and no exponent.")
LONE_NULL = Issue(
    "structure", "is null, and what stands beside it (value or _ companion) gives nothing either. Leave it out."
)
MODIFIER = Issue(
    "extension",
    "changes what the element means, and the gateway knows no modifier extension. Send it in words instead.",
)


def survey(resource: Json) -> Survey:  # noqa: PLR0912 - one flat loop, for speed
    """One pass over everything in a resource, not into the resources inside it."""
    seen = Survey()
    ids: set[str] = set()
    todo = [("", resource)]
    for name, node in todo:  # it grows as it goes
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                continue
            if kind is dict:
                (seen.inner if "resourceType" in value else todo).append((key, value))
            elif kind is list:
                seen.weight += len(value) * (20 if key in OPEN else 1)
                for item in value:
                    if type(item) is dict:
                        (seen.inner if "resourceType" in item else todo).append((key, item))
                    elif item is None:
                        seen.suspects += [(node, [key, index], LONE_NULL) for index in _lone_nulls(node, key)]
                        break
                if key == "modifierExtension":
                    seen.suspects.append((node, [key], MODIFIER))
            elif kind is Decimal and key in WHOLE and value == value.to_integral_value():
                seen.suspects.append((node, [key], FRACTION))
        if not name:
            continue
        if "reference" in node:
            seen.references.append((name, node))
        if "id" in node:
            if len(node) == 1:
                seen.suspects.append((node, [], ELE_1))
            if type(node["id"]) is str:
                if node["id"] in ids:
                    seen.suspects.append((node, [], SAME_ID))
                ids.add(node["id"])
        elif not node and name.startswith("_"):
            seen.suspects.append((node, [], ELE_1))
        if "start" in node and "end" in node and later(node["start"], node["end"]):
            seen.suspects.append((node, [], PER_1))
        # a reference range is no Range: rng-2 is not its rule
        if "low" in node and "high" in node and name != "referenceRange" and _above(node["low"], node["high"]):
            seen.suspects.append((node, [], RNG_2))
    seen.weight += len(todo)
    return seen


def later(one: object, other: object) -> bool:
    """Whether a date or time is after another, as far as both are precise: 2024-05 is not after 2024."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    if "T" in one and "T" in other:
        try:
            return datetime.fromisoformat(one) > datetime.fromisoformat(other)
        except (ValueError, TypeError):  # no date and time of FHIR: the schema says so
            return False
    precision = min(len(one), len(other), 10)
    return one[:precision] > other[:precision]


def locate(resource: Json, node: Json) -> Path:
    """The JSON path of a node that is in the resource."""
    path = _way(resource, node)
    if path is None:
        raise LookupError("the node is not in the resource")
    return path


def beside_value(resource: Json, path: Path) -> bool:
    """Whether a path is that of a companion (_birthDate) whose value is there."""
    value: Any = resource
    for step in path:
        if isinstance(step, str):
            value = value.get(step.removeprefix("_")) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value is not None and not isinstance(value, dict)


def _way(value: Json | list[Any], node: Json) -> Path | None:
    if value is node:
        return []
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, dict | list) and (path := _way(each, node)) is not None:
            return [key, *path]
    return None


def _above(low: object, high: object) -> bool:
    if not isinstance(low, dict) or not isinstance(high, dict):
        return False
    if any(low.get(key) != high.get(key) for key in ("unit", "system", "code")):
        return False
    one, other = low.get("value"), high.get("value")
    return isinstance(one, int | float | Decimal) and isinstance(other, int | float | Decimal) and one > other


def _lone_nulls(node: Json, key: str) -> list[int]:
    """Where null stands beside nothing: it may only keep the place of a value or companion (json.html#null)."""
    beside = node.get(key[1:] if key.startswith("_") else f"_{key}")
    kept = {index for index, each in enumerate(beside if isinstance(beside, list) else []) if each is not None}
    return [index for index, each in enumerate(node[key]) if each is None and index not in kept]
