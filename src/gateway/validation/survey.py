"""One pass over a resource: the resources inside it, its local references, and what breaks a rule of a data type.

The pass costs every referral; so it keeps nodes instead of paths, and looks for a path only where something is wrong.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.errors import Issue

Json = dict[str, Any]
Path = list[str | int]


@dataclass(slots=True)
class Survey:
    """What one pass over a resource finds; nodes are kept instead of paths, because most resources are faultless."""

    size: int = 0  # objects and list items, those of resources inside left out
    inner: list[tuple[str, Json]] = field(default_factory=list)  # resources inside, with the element they stand in
    local: list[Json] = field(default_factory=list)  # references to #... and urn:...
    suspects: list[tuple[Json, Path, Issue]] = field(default_factory=list)  # node, way down from it, what is wrong


PER_1 = Issue("invariant", "breaks per-1: start SHALL have a lower value than end.")
RNG_2 = Issue("invariant", "breaks rng-2: low SHALL have a lower value than high.")
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
    todo = [resource]
    for node in todo:  # it grows as it goes
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                if key == "reference" and value.startswith(("#", "urn:")):
                    seen.local.append(node)
            elif kind is dict:
                if "resourceType" in value:
                    seen.inner.append((key, value))
                else:
                    todo.append(value)
                    if "low" in value and "high" in value and _above(value["low"], value["high"]):
                        seen.suspects.append((value, [], RNG_2))
            elif kind is list:
                seen.size += len(value)
                for item in value:
                    if type(item) is dict:
                        if "resourceType" in item:
                            seen.inner.append((key, item))
                        else:
                            todo.append(item)
                    elif item is None:
                        seen.suspects += [(node, [key, index], LONE_NULL) for index in _lone_nulls(node, key)]
                        break
                if key == "modifierExtension":
                    seen.suspects.append((node, [key], MODIFIER))
        if "start" in node and "end" in node and node is not resource and later(node["start"], node["end"]):
            seen.suspects.append((node, [], PER_1))
    seen.size += len(todo)
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
