"""The FHIR R4 invariants that JSON Schema can state, by the definition they belong to.

Key and text of each come from the published constraint; only its FHIRPath is restated here as a schema.
The others (comparisons between elements, resolution of references, narrative) are in gateway.validation.
"""

from typing import Any

Schema = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def has(*names: str) -> Schema:
    """One of the elements at least is there."""
    return {"required": [names[0]]} if len(names) == 1 else {"anyOf": [{"required": [name]} for name in names]}


def none(*names: str) -> Schema:
    return {"not": has(*names)}


def both(*names: str) -> Schema:
    return {"required": list(names)}


def needs(name: str, *others: str) -> Schema:
    """Where the one is, one of the others is."""
    return {"dependentSchemas": {name: has(*others)}}


def when(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def where(name: str, schema: Schema) -> Schema:
    """The element is there and like this."""
    return {"required": [name], "properties": {name: schema}}


def code(name: str, *codes: str) -> Schema:
    return where(name, {"enum": list(codes)})


def coded(name: str, system: str, *codes: str) -> Schema:
    """One coding of a CodeableConcept is one of these."""
    coding = {**both("system", "code"), "properties": {"system": {"const": system}, "code": {"enum": list(codes)}}}
    return where(name, where("coding", {"contains": coding}))


def some(choice: str) -> Schema:
    """Any type of a choice element is there."""
    return {"not": no(choice)}


def no(choice: str) -> Schema:
    return {"propertyNames": {"not": {"pattern": f"^_?{choice}[A-Z]"}}}


def all_of(*schemas: Schema) -> Schema:
    return {"allOf": list(schemas)}


def first_entry(resource_type: str) -> Schema:
    return where("entry", {"prefixItems": [where("resource", where("resourceType", {"const": resource_type}))]})


def each_entry(name: str, *types: str) -> Schema:
    """Each entry has the element in Bundles of these types, and none has it in others."""
    return when(
        code("type", *types),
        {"properties": {"entry": {"items": has(name)}}},
    ) | {"else": {"properties": {"entry": {"items": none(name)}}}}


QTY_3 = ("qty-3", needs("code", "system", "_system"))
UCUM_ONLY = {"properties": {"system": {"const": UCUM}}}
PERCENT = {"properties": {"code": {"const": "%"}, "system": {"const": UCUM}}, **both("code", "system")}

RULES: dict[str, list[tuple[str, Schema]]] = {
    "Age": [QTY_3, ("age-1", all_of(needs("value", "code"), UCUM_ONLY))],
    "Appointment": [
        ("app-2", all_of(needs("start", "end", "_end"), needs("end", "start", "_start"))),
        (
            "app-3",
            {
                "anyOf": [
                    all_of(has("start", "_start"), has("end", "_end")),
                    code("status", "proposed", "cancelled", "waitlist"),
                ]
            },
        ),
        ("app-4", when(has("cancelationReason"), code("status", "noshow", "cancelled"))),
    ],
    "Appointment.participant": [("app-1", has("type", "actor"))],
    "Attachment": [("att-1", needs("data", "contentType", "_contentType"))],
    "Bundle": [
        ("bdl-1", when(has("total"), code("type", "searchset", "history"))),
        ("bdl-2", {"anyOf": [code("type", "searchset"), {"properties": {"entry": {"items": none("search")}}}]}),
        ("bdl-3", each_entry("request", "batch", "transaction", "history")),
        ("bdl-4", each_entry("response", "batch-response", "transaction-response", "history")),
        ("bdl-9", when(code("type", "document"), where("identifier", both("system", "value")))),
        ("bdl-10", when(code("type", "document"), has("timestamp"))),
        ("bdl-11", when(code("type", "document"), first_entry("Composition"))),
        ("bdl-12", when(code("type", "message"), first_entry("MessageHeader"))),
    ],
    "Bundle.entry": [
        ("bdl-5", has("resource", "request", "response")),
        ("bdl-8", {"not": where("fullUrl", {"pattern": "/_history/"})}),
    ],
    "CarePlan.activity": [("cpl-3", {"not": both("detail", "reference")})],
    "Condition": [
        ("con-4", when(some("abatement"), coded("clinicalStatus", CLINICAL, "resolved", "remission", "inactive"))),
        ("con-5", when(coded("verificationStatus", VERIFICATION, "entered-in-error"), none("clinicalStatus"))),
    ],
    "Condition.evidence": [("con-2", has("code", "detail"))],
    "Condition.stage": [("con-1", has("summary", "assessment"))],
    # ppc-2 to ppc-5 are published with the code system 'something', so that no resource breaks them
    "Consent": [("ppc-1", has("policy", "policyRule"))],
    "ContactPoint": [("cpt-2", needs("value", "system", "_system"))],
    "Count": [
        QTY_3,
        (
            "cnt-3",
            all_of(
                needs("value", "code"), UCUM_ONLY, {"properties": {"code": {"const": "1"}, "value": {"multipleOf": 1}}}
            ),
        ),
    ],
    "DataRequirement.codeFilter": [("drq-1", {"oneOf": [has("path"), has("searchParam")]})],
    "DataRequirement.dateFilter": [("drq-2", {"oneOf": [has("path"), has("searchParam")]})],
    "Distance": [QTY_3, ("dis-1", all_of(needs("value", "code"), UCUM_ONLY))],
    "Duration": [QTY_3, ("drt-1", when(has("code"), all_of(both("system", "value"), UCUM_ONLY)))],
    "Expression": [("exp-1", has("expression", "reference", "_expression", "_reference"))],
    "Extension": [
        (
            "ext-1",
            when(has("extension"), no("value"))
            | {"else": {"anyOf": [{"minProperties": 2, **none("id")}, {"minProperties": 3}]}},
        )
    ],
    "Goal.target": [("gol-1", when(some("detail"), has("measure")))],
    "Group": [("grp-1", when(has("member"), where("actual", {"const": True})))],
    "Observation": [("obs-6", when(has("dataAbsentReason"), no("value")))],
    "Observation.referenceRange": [("obs-3", has("low", "high", "text", "_text"))],
    "Organization": [
        ("org-1", has("identifier", "name", "_name")),
        ("org-2", {"properties": {"address": {"items": {"not": code("use", "home")}}}}),
        ("org-3", {"properties": {"telecom": {"items": {"not": code("use", "home")}}}}),
    ],
    "Parameters.parameter": [
        (
            "inv-1",
            {
                "oneOf": [
                    all_of(has("part"), none("resource"), no("value")),
                    all_of(has("resource"), none("part"), no("value")),
                    all_of(none("part", "resource"), some("value")),
                ]
            },
        )
    ],
    "Patient.contact": [("pat-1", has("name", "telecom", "address", "organization"))],
    "Quantity": [QTY_3],
    "Questionnaire.item": [
        ("que-1", all_of(when(code("type", "group"), has("item")), when(code("type", "display"), none("item")))),
        ("que-3", when(code("type", "display"), none("code"))),
        ("que-4", {"not": both("answerOption", "answerValueSet")}),
        (
            "que-5",
            when(
                has("answerOption", "answerValueSet"),
                {"not": code("type", "group", "display", "boolean", "text", "url", "attachment", "reference")},
            ),
        ),
        ("que-6", when(code("type", "display"), none("required", "repeats"))),
        ("que-8", when(code("type", "group", "display"), none("initial"))),
        ("que-9", when(code("type", "display"), none("readOnly"))),
        (
            "que-10",
            when(
                has("maxLength"), code("type", "boolean", "decimal", "integer", "string", "text", "url", "open-choice")
            ),
        ),
        ("que-11", {"not": both("answerOption", "initial")}),
        ("que-12", when(where("enableWhen", {"minItems": 2}), has("enableBehavior"))),
        ("que-13", when(where("initial", {"minItems": 2}), where("repeats", {"const": True}))),
    ],
    "Questionnaire.item.enableWhen": [("que-7", when(code("operator", "exists"), has("answerBoolean")))],
    "QuestionnaireResponse.item": [("qrs-1", {"not": both("answer", "item")})],
    "Ratio": [
        (
            "rat-1",
            {"anyOf": [both("numerator", "denominator"), all_of(has("extension"), none("numerator", "denominator"))]},
        )
    ],
    "RiskAssessment.prediction": [
        ("ras-1", {"properties": {"probabilityRange": {"properties": {"low": PERCENT, "high": PERCENT}}}}),
        ("ras-2", {"properties": {"probabilityDecimal": {"maximum": 100}}}),
    ],
    "ServiceRequest": [("prr-1", needs("orderDetail", "code"))],
    "SimpleQuantity": [QTY_3],
    "Timing.repeat": [
        ("tim-1", needs("duration", "durationUnit", "_durationUnit")),
        ("tim-2", needs("period", "periodUnit", "_periodUnit")),
        ("tim-4", {"properties": {"duration": {"minimum": 0}}}),
        ("tim-5", {"properties": {"period": {"minimum": 0}}}),
        ("tim-6", needs("periodMax", "period")),
        ("tim-7", needs("durationMax", "duration")),
        ("tim-8", needs("countMax", "count")),
        ("tim-9", when(has("offset"), where("when", {"not": {"contains": {"enum": ["C", "CM", "CD", "CV"]}}}))),
        ("tim-10", {"not": both("timeOfDay", "when")}),
    ],
    "TriggerDefinition": [
        ("trd-1", {"not": all_of(has("data"), some("timing"))}),
        ("trd-2", needs("condition", "data")),
        (
            "trd-3",
            all_of(
                when(code("type", "named-event"), has("name")),
                when(code("type", "periodic"), some("timing")),
                when(where("type", {"pattern": "^data-"}), has("data")),
            ),
        ),
    ],
}
