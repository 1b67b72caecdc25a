"""Small valid resources, invented, and `but` to put one fault into one of them."""

import copy
from typing import Any

Json = dict[str, Any]

PATIENT: Json = {
    "resourceType": "Patient",
    "id": "ada",
    "meta": {"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Ada</p></div>'},
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
    "name": [{"use": "official", "family": "Fenwick", "given": ["Ada", "Jane"]}],
    "telecom": [{"system": "phone", "value": "07700 900123", "use": "mobile"}],
    "gender": "female",
    "birthDate": "1956-02-29",
    "address": [{"line": ["1 Pier Road"], "postalCode": "L1 0AA", "period": {"start": "2019-07"}}],
}
SERVICE_REQUEST: Json = {
    "resourceType": "ServiceRequest",
    "contained": [{"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Osei"}]}],
    "extension": [
        {"url": "https://example.org/urgent", "valueBoolean": False},
        {"url": "https://example.org/pair", "extension": [{"url": "one", "valueDecimal": 1.5}]},
    ],
    "status": "active",
    "intent": "order",
    "priority": "routine",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "871731000000106"}], "text": "Social prescribing"},
    "subject": {"reference": "Patient/ada"},
    "occurrencePeriod": {"start": "2026-01-05", "end": "2026-03-31"},
    "authoredOn": "2026-01-02T09:30:00.123456789+00:00",
    "requester": {"reference": "#gp"},
    "note": [{"time": "2026-01-02T09:30:00Z", "text": "Prefers **mornings**"}],
}
TASK: Json = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "focus": {"reference": "ServiceRequest/one"},
    "for": {"reference": "https://epr.example.org/FHIR/R4/Patient/ada"},
    "authoredOn": "2026-01-02T09:30:00Z",
    "lastModified": "2026-01-02T10:30:00+01:00",
    "restriction": {"period": {"start": "2026-01", "end": "2026-01-31T00:00:00Z"}},
    "output": [{"type": {"text": "Outcome"}, "valueString": "Met"}],
}
CONSENT: Json = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "patient": {"reference": "Patient/ada"},
    "policyRule": {"text": "Common law duty of confidentiality"},
}
OBSERVATION: Json = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "718466006"}]},
    "effectiveDateTime": "2026-01-02",
    "valueQuantity": {"value": 21.54, "unit": "score", "system": "http://unitsofmeasure.org", "code": "{score}"},
    "referenceRange": [{"low": {"value": 7}, "high": {"value": 35}}],
}
CONDITION: Json = {
    "resourceType": "Condition",
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    },
    "code": {"text": "Loneliness"},
    "subject": {"reference": "Patient/ada"},
    "onsetRange": {"low": {"value": 60, "unit": "a"}, "high": {"value": 65, "unit": "a"}},
}
APPOINTMENT: Json = {
    "resourceType": "Appointment",
    "status": "booked",
    "start": "2026-02-01T09:00:00Z",
    "end": "2026-02-01T10:00:00Z",
    "participant": [{"actor": {"reference": "Patient/ada"}, "status": "accepted"}],
}
PARAMETERS: Json = {
    "resourceType": "Parameters",
    "parameter": [{"name": "resource", "resource": PATIENT}, {"name": "mode", "valueCode": "create"}],
}
QUESTIONNAIRE: Json = {
    "resourceType": "Questionnaire",
    "status": "active",
    "item": [
        {
            "linkId": "1",
            "type": "group",
            "item": [
                {
                    "linkId": "1.1",
                    "type": "choice",
                    "answerOption": [{"valueCoding": {"code": "often", "display": "Often"}}],
                }
            ],
        },
        {"linkId": "2", "type": "display", "text": "Thank you"},
    ],
}
BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:0d6b0c5e-0b3f-4b62-9f77-8a6a3d3f2a01",
            "resource": PATIENT,
            "request": {"method": "POST", "url": "Patient"},
        },
        {
            "fullUrl": "urn:uuid:0d6b0c5e-0b3f-4b62-9f77-8a6a3d3f2a02",
            "resource": {**SERVICE_REQUEST, "subject": {"reference": "urn:uuid:0d6b0c5e-0b3f-4b62-9f77-8a6a3d3f2a01"}},
            "request": {"method": "POST", "url": "ServiceRequest"},
        },
    ],
}
VALID = [
    PATIENT,
    SERVICE_REQUEST,
    TASK,
    CONSENT,
    OBSERVATION,
    CONDITION,
    APPOINTMENT,
    PARAMETERS,
    QUESTIONNAIRE,
    BUNDLE,
]


def but(resource: Json, /, **changes: Any) -> Json:
    """The resource with some elements changed; None leaves one out."""
    changed = {**copy.deepcopy(resource), **changes}
    return {key: value for key, value in changed.items() if value is not None}


def first_entry(**changes: Any) -> list[Json]:
    return [but(BUNDLE["entry"][0], **changes), BUNDLE["entry"][1]]
