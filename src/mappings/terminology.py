"""The vocabularies and maps of `maps/`, and the referral form, as FHIR R4 resources; and what the maps say of a code.

Each CodeSystem and ConceptMap has its name in `maps/` as its id; each CodeSystem has a ValueSet of all its codes.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from mappings.form import ID, questionnaire
from mappings.systems import BASE, SNOMED
from mappings.translate import names, read

Json = dict[str, Any]

R4 = "http://hl7.org/fhir/"
OWN = f"{BASE}:CodeSystem:"
NO_TRANSLATION = frozenset({"unmatched", "disjoint"})  # R4 conceptmap-operation-translate.html: these are no result
# What holds from source to target, said from target to source (http://hl7.org/fhir/concept-map-equivalence).
BACKWARDS = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}


@cache
def published(type_: str) -> dict[str, Json]:
    """id -> CodeSystem, ConceptMap, Questionnaire or ValueSet, stamped; none for another type."""
    made = {
        "CodeSystem": lambda: {name: _code_system(read(name, "CodeSystem")) for name in names("CodeSystem")},
        "ConceptMap": lambda: {name: _concept_map(read(name, "ConceptMap")) for name in names("ConceptMap")},
        "Questionnaire": lambda: {ID: questionnaire()},
        "ValueSet": lambda: {name: _value_set(read(name, "CodeSystem")) for name in names("CodeSystem")},
    }
    return {id_: _stamped(id_, content) for id_, content in made[type_]().items()} if type_ in made else {}


def value_set_of(system: str) -> str | None:
    """The canonical of the value set of all codes of a system: ours, SNOMED CT's or HL7's; None for any other."""
    if system.startswith(OWN):
        return system.replace(":CodeSystem:", ":ValueSet:")
    if system == SNOMED:
        return f"{SNOMED}?fhir_vs"
    return system.replace(R4, f"{R4}ValueSet/") if system.startswith(R4) and "/" not in system[len(R4) :] else None


@dataclass(frozen=True, slots=True)
class Match:
    """What one map says of one code: the Coding that it becomes (None: nothing does), and why, where it says so."""

    equivalence: str
    concept: Json | None
    map: str
    comment: str | None


def translations(
    maps: list[Json],
    codings: list[Json],
    source: str | None = None,
    target: str | None = None,
    target_system: str | None = None,
    reverse: bool = False,
) -> list[Match]:
    """All that the maps say of the codings (each with system and code), in the order of both.

    `source` and `target` are canonicals of value sets, `target_system` the url of a code system. With `reverse` the
    codings are looked for among the maps' targets, and what leads to them is found.
    """
    found = []
    for content in maps:
        for group in content["group"]:
            ends = (group["target"], group["source"]) if reverse else (group["source"], group["target"])
            if source not in (None, value_set_of(ends[0])) or target not in (None, value_set_of(ends[1])):
                continue
            if target_system in (None, ends[1]):
                wanted = {coding["code"] for coding in codings if coding["system"] == ends[0]}
                found += list(_in_group(content["url"], group, wanted, ends[1], reverse)) if wanted else []
    return found


def _in_group(url: str, group: Json, wanted: set[str], system: str, reverse: bool) -> Iterator[Match]:
    for element in group["element"]:
        for target in element["target"]:
            given, becomes = (target, element) if reverse else (element, target)
            if given.get("code") not in wanted:
                continue
            equivalence = target["equivalence"]
            concept = None
            if "code" in becomes:
                concept = {"system": system, "code": becomes["code"], "display": becomes["display"]}
            yield Match(
                BACKWARDS.get(equivalence, equivalence) if reverse else equivalence,
                concept,
                url,
                target.get("comment"),
            )


def _code_system(content: Json) -> Json:
    return content | {"valueSet": value_set_of(content["url"])}


def _value_set(content: Json) -> Json:
    kept = ("version", "name", "title", "status", "experimental", "date", "description")
    compose = {"include": [{"system": content["url"], "version": content["version"]}]}
    return {
        "resourceType": "ValueSet",
        "url": value_set_of(content["url"]),
        **{key: content[key] for key in kept},
        "compose": compose,
    }


def _concept_map(content: Json) -> Json:
    """With its value sets said where all groups agree on one that has a canonical."""
    ends = {}
    for end in ("source", "target"):
        sets = {value_set_of(group[end]) for group in content["group"]}
        if len(sets) == 1 and None not in sets:
            ends[f"{end}Canonical"] = sets.pop()
    return content | ends


def _stamped(id_: str, content: Json) -> Json:
    """Its version id is made of what it says, so that an ETag never outlives a change."""
    version = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    rest = {key: value for key, value in content.items() if key != "resourceType"}
    return {"resourceType": content["resourceType"], "id": id_, "meta": {"versionId": version}, **rest}
