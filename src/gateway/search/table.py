"""The search parameters that are served: R4's own and two of Gravity's, as `mappings/r4/search.json` lists them.

The file is generated (tools/build_search_parameters.py); a parameter's paths are compiled when it is first used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson

from mappings.fhirpath import compile_expression

Json = dict[str, Any]

TABLE: dict[str, Json] = orjson.loads(files("mappings").joinpath("r4/search.json").read_bytes())

# What most requests and records share narrows little: there these references are judged, but not indexed, and cannot be
# followed backwards.
SHARED = frozenset({"custodian", "instantiates-canonical", "location", "managing-entity", "organization", "owner"})
DIRECTORY = frozenset({"Endpoint", "HealthcareService", "Location", "Organization", "PractitionerRole"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one type; `values` gives what it looks at in a resource, as it stands in the JSON."""

    of: str  # the type of resource
    name: str
    type: str  # token | string | reference | date | number | quantity | uri
    values: Callable[[Json], list[Any]]
    targets: frozenset[str]  # the types that a reference may name; none: any
    systems: frozenset[str]  # the systems that a code which stands alone is from; none: not known


def parameters_of(type_: str) -> dict[str, Json]:
    """name -> {"type": ..., "paths": [...], "targets": [...]} of each search parameter that is served for the type."""
    served: dict[str, Json] = TABLE[type_]["parameters"] if type_ in TABLE else {}
    return served


@lru_cache(maxsize=2048)  # names come from addresses
def parameter_of(type_: str, name: str) -> Parameter | None:
    """The parameter, ready to use; None when the type has none of that name."""
    row = parameters_of(type_).get(name)
    if row is None:
        return None
    steps = [compile_expression(path).run for path in row["paths"]]
    if row.get("question"):  # is any of these there, and not false?

        def values(content: Json) -> list[Any]:
            return [any(found is not False for step in steps for found in step([content]))]

    elif len(steps) == 1:
        step = steps[0]

        def values(content: Json) -> list[Any]:
            return step([content])

    else:

        def values(content: Json) -> list[Any]:
            return [found for step in steps for found in step([content])]

    targets, systems = frozenset(row.get("targets", [])), frozenset(row.get("systems", []))
    return Parameter(type_, name, row["type"], values, targets, systems)


@cache
def elements_of(type_: str) -> frozenset[str]:
    """The elements of a type, in R4's names and in JSON's: deceased, deceasedBoolean; none for a type of no table."""
    if type_ not in TABLE:
        return frozenset()
    schema = orjson.loads(files("mappings").joinpath("r4/r4.schema.json").read_bytes())
    return frozenset({*schema["$defs"][type_]["properties"], *TABLE[type_]["choices"].values()})


def is_indexed(type_: str, name: str) -> bool:
    """Whether the reference is indexed: what refers to something by it is found at once."""
    return name not in SHARED or type_ in DIRECTORY


def belongs_by(type_: str) -> list[str]:
    """The parameters by which a resource of the type is in a Patient's compartment (R4 compartmentdefinition)."""
    names: list[str] = TABLE[type_]["compartment"] if type_ in TABLE else []
    return names


@lru_cache(maxsize=2048)  # names come from addresses
def includes_of(type_: str) -> list[str]:
    """What `_include` takes for the type: Task:focus ..."""
    return [f"{type_}:{name}" for name, row in parameters_of(type_).items() if _names_resources(name, row)]


@lru_cache(maxsize=2048)  # names come from addresses
def revincludes_of(type_: str) -> list[str]:
    """What `_revinclude` takes for the type: Provenance:target ..., wherever the reference is indexed."""
    return [
        f"{source}:{name}"
        for source in TABLE
        for name, row in parameters_of(source).items()
        if is_indexed(source, name) and _names_resources(name, row) and type_ in row.get("targets", [type_])
    ]


def _names_resources(name: str, row: Json) -> bool:
    """Whether what stands there is a Reference: a canonical names what is published, not what is stored here."""
    return bool(row["type"] == "reference") and name not in ("instantiates-canonical", "questionnaire")
