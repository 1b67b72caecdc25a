"""The published FHIR R4 definitions, read from their folder: types, and the codes of value sets."""

import json
from pathlib import Path
from typing import Any

Schema = dict[str, Any]


class Definitions:
    """The published definitions: types by name, value sets and code systems by URL."""

    def __init__(self, folder: Path) -> None:
        self.types: dict[str, Schema] = {}
        self.resources: list[str] = []
        for name in ("profiles-types.json", "profiles-resources.json"):
            for resource in read(folder / name):
                if resource["resourceType"] == "StructureDefinition":
                    self.types[resource["name"]] = resource
                    if resource["kind"] == "resource" and not resource.get("abstract"):
                        self.resources.append(resource["name"])
        self.terminology = {
            resource["url"]: resource
            for name in ("valuesets.json", "v3-codesystems.json")
            for resource in read(folder / name)
            if "url" in resource
        }

    def codes(self, value_set: str) -> list[tuple[str, str]]:
        """(system, code) of each concept of a value set, in its order."""
        found: list[tuple[str, str]] = []
        compose = self.terminology[value_set]["compose"]
        if "exclude" in compose:
            raise ValueError(f"{value_set} excludes codes")
        for include in compose["include"]:
            if "filter" in include:
                raise ValueError(f"{value_set} filters codes")
            for other in include.get("valueSet", []):
                found += self.codes(other.split("|")[0])
            if "system" in include:
                concepts = include.get("concept") or flatten(self.terminology[include["system"]]["concept"])
                found += [(include["system"], concept["code"]) for concept in concepts]
        return found


def read(path: Path) -> list[Schema]:
    with path.open(encoding="utf-8") as file:
        return [entry["resource"] for entry in json.load(file)["entry"]]


def flatten(concepts: list[Schema]) -> list[Schema]:
    return [each for concept in concepts for each in [concept, *flatten(concept.get("concept", []))]]
