"""The generated R4 schema as data: which types stand in it, and what its definitions say about an element's name."""

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

Json = dict[str, Any]


@cache
def schemas() -> Json:
    loaded: Json = orjson.loads(files("mappings").joinpath("r4/r4.schema.json").read_bytes())
    return loaded


SUPPORTED = frozenset(schemas()["x-accepted"])
WHOLE = frozenset(schemas()["x-whole"])


@cache
def element_names() -> frozenset[str]:
    """The names of all elements of all types that stand here, such as birthDate, valueCode and value."""
    defined = {name for each in schemas()["$defs"].values() for name in each.get("properties", {})}
    return frozenset(defined | set(schemas()["x-choices"].values()))


@cache
def targets(resource_type: str) -> dict[str, frozenset[str]]:
    """Element name -> the types that a Reference of this name may lead to, anywhere in a resource of the type.

    Names whose Reference may lead to any type are left out, and all those of a type that does not stand here.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    free: set[str] = set()
    todo = [resource_type] if resource_type in SUPPORTED else []
    for name in todo:  # it grows as it goes
        for element, schema in schemas()["$defs"][name].get("properties", {}).items():
            reached = (schema.get("items") or schema).get("$ref", "").rpartition("/")[2]
            kind, _, types = reached.partition(".")
            if kind == "Reference":
                found[element].update(types.split("."))
                if not types:
                    free.add(element)
            elif reached and reached not in todo:
                todo.append(reached)
    return {element: frozenset(types) for element, types in found.items() if element not in free}
