"""The keys by which a resource is found in the store: (parameter, value) pairs, made of its content.

Keys cost a row each, so only what narrows much has them: identifiers, references (under one name, `reference`,
whichever element they stand in), names, birth dates, and the status of what moves.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gateway.search.references import plain
from gateway.search.table import Parameter, is_indexed, parameter_of, parameters_of
from gateway.search.texts import normalise
from mappings.systems import DOS_SERVICE, HUB_SYSTEM, ODS_ORGANISATION, ODS_SITE, canonical

Json = dict[str, Any]
Key = tuple[str, str]

LONGEST = 512  # characters, of table found_by
# An identifier in place of a reference is indexed, unless it is of an organisation, a service or a professional.
DIRECTORY_SYSTEMS = frozenset(
    {
        *(ODS_ORGANISATION, ODS_SITE, DOS_SERVICE, HUB_SYSTEM),
        *(f"https://fhir.nhs.uk/Id/{name}" for name in ("sds-user-id", "sds-role-profile-id")),
        *(f"https://fhir.hl7.org.uk/Id/{body}-number" for body in ("gmc", "gmp", "gphc", "hcpc", "nmc")),
    }
)
NAMED = frozenset({"Patient", "Practitioner", "RelatedPerson"})
MOVING = frozenset({"ServiceRequest", "Task"})


def keys(content: Json) -> set[Key]:
    """(parameter, value) for each value of the parameters that are indexed."""
    found: set[Key] = set()
    for element, write in _writers(content["resourceType"]):
        if element in content:
            write(content, found)
    return found


def token_key(system: str, code: str) -> str:
    """code|system: all systems of a code stand together in the index."""
    return f"{code}|{canonical(system)}"[:LONGEST]


def url_key(url: str) -> str:
    """What answers name their Questionnaire by."""
    return url[:LONGEST]


def reference_key(type_: str, id_: str) -> str:
    """id/Type: all types of an id stand together in the index."""
    return f"{id_}/{type_}"


Writer = Callable[[Json, set[Key]], None]


@lru_cache(maxsize=64)
def _writers(type_: str) -> list[tuple[str, Writer]]:
    """For each indexed element of a type what writes its keys."""
    writers: list[tuple[str, Writer]] = []
    paths: set[str] = set()
    for name, row in parameters_of(type_).items():
        parameter = parameter_of(type_, name)
        assert parameter
        if name == "identifier":
            writers += [(_first(path), _writes(parameter, _write_identifiers)) for path in row["paths"]]
        elif row["type"] == "reference" and is_indexed(type_, name):
            new = set(row["paths"]) - paths
            paths |= new
            writers += [(_first(path), _writes(parameter, _write_references)) for path in sorted(new)]
    if type_ in NAMED:
        writers.append(("name", _write_names))
    if type_ == "Patient":
        writers.append(("birthDate", _write_births))
    if type_ == "Questionnaire":
        writers.append(("url", lambda content, found: found.add(("url", url_key(content["url"])))))
    if type_ in MOVING:
        writers.append(("status", lambda content, found: found.add(("status", content["status"]))))
    return writers


def _first(path: str) -> str:
    return path.partition(".")[0]


def _writes(parameter: Parameter, write: Callable[[Any, set[Key]], None]) -> Writer:
    look = parameter.values

    def written(content: Json, found: set[Key]) -> None:
        for one in look(content):
            write(one, found)

    return written


def _write_identifiers(one: Any, found: set[Key]) -> None:
    if one.get("value"):
        found.add(("identifier", token_key(one.get("system", ""), one["value"])))


def _write_references(one: Any, found: set[Key]) -> None:
    text = plain(one)
    if text and text[0] != "#":
        found.add(("reference", address_key(text)))
    identifier = one.get("identifier") if isinstance(one, dict) else None
    if identifier and identifier.get("value") and canonical(identifier.get("system", "")) not in DIRECTORY_SYSTEMS:
        found.add(("reference", token_key(identifier.get("system", ""), identifier["value"])))


def address_key(text: str) -> str:
    """Of Type/id, of an address elsewhere, or of a canonical, without its version."""
    type_, slash, id_ = text.partition("/")
    return reference_key(type_, id_) if slash and "/" not in id_ else text.partition("|")[0][:LONGEST]


def _write_names(content: Json, found: set[Key]) -> None:
    for name in content["name"]:
        for part in (name.get("family"), name.get("text"), *name.get("given", ())):
            if part and (text := normalise(part)):
                found.add(("name", text[:LONGEST]))


def _write_births(content: Json, found: set[Key]) -> None:
    """date|family: everyone of a day, in order of their family names."""
    families = [normalise(name["family"]) for name in content.get("name", ()) if name.get("family")]
    found.update(("birthdate", f"{content['birthDate']}|{family}"[:LONGEST]) for family in families or [""])
