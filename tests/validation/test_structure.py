"""Faults that the R4 schemas find: which issue code each has, and which element the answer names."""

from decimal import Decimal

import pytest

from gateway.validation import check
from tests.validation.resources import APPOINTMENT, CONDITION, OBSERVATION, PATIENT, SERVICE_REQUEST, TASK, Json, but

STRUCTURE: list[tuple[Json, str, str]] = [
    # codes of required bindings, also inside backbone elements
    (but(PATIENT, gender="bogus"), "code-invalid", "Patient.gender"),
    (
        but(PATIENT, link=[{"other": {"reference": "Patient/b"}, "type": "twin"}]),
        "code-invalid",
        "Patient.link[0].type",
    ),
    (but(SERVICE_REQUEST, status="bogus"), "code-invalid", "ServiceRequest.status"),
    (but(SERVICE_REQUEST, intent="Order"), "code-invalid", "ServiceRequest.intent"),
    (but(TASK, priority="soon"), "code-invalid", "Task.priority"),
    (but(CONDITION, clinicalStatus={"text": "Active"}), "code-invalid", "Condition.clinicalStatus"),
    # JSON types
    (but(PATIENT, gender=1), "value", "Patient.gender"),
    (but(PATIENT, gender=["female"]), "structure", "Patient.gender"),
    (but(PATIENT, active="true"), "value", "Patient.active"),
    (but(PATIENT, birthDate=0), "value", "Patient.birthDate"),
    (but(PATIENT, name={"family": "Fenwick"}), "structure", "Patient.name"),
    (but(PATIENT, name=["Fenwick"]), "structure", "Patient.name[0]"),
    (but(OBSERVATION, valueQuantity={"value": "1.5"}), "value", "Observation.value.value"),
    (but(OBSERVATION, valueQuantity=None, valueInteger=1.5), "value", "Observation.value"),
    (but(OBSERVATION, valueQuantity=None, valueInteger=2147483648), "value", "Observation.value"),
    (but(TASK, restriction={"repetitions": 0}), "value", "Task.restriction.repetitions"),
    # nothing where something must be
    (but(PATIENT, name=[]), "structure", "Patient.name"),
    (but(PATIENT, name=[{}]), "invariant", "Patient.name[0]"),
    (but(PATIENT, name=[{"family": ""}]), "value", "Patient.name[0].family"),
    (but(PATIENT, name=[None]), "structure", "Patient.name[0]"),
    (but(PATIENT, name=[{"given": ["Ada", None]}]), "structure", "Patient.name[0].given[1]"),
    ({**PATIENT, "gender": None}, "structure", "Patient.gender"),
    (but(PATIENT, birthDate=None, _birthDate={}), "invariant", "Patient.birthDate"),
    (but(PATIENT, birthDate=None, _birthDate={"id": "born"}), "invariant", "Patient.birthDate"),
    (but(PATIENT, name=[{"id": "only"}]), "invariant", "Patient.name[0]"),
    # unknown and missing elements
    (but(PATIENT, socialPrescription="x"), "structure", "Patient.socialPrescription"),
    (but(PATIENT, name=[{"surname": "x"}]), "structure", "Patient.name[0].surname"),
    (but(SERVICE_REQUEST, status=None), "required", "ServiceRequest.status"),
    (but(SERVICE_REQUEST, subject=None), "required", "ServiceRequest.subject"),
    (but(TASK, output=[{"valueString": "Met"}]), "required", "Task.output[0].type"),
    (but(TASK, output=[{"type": {"text": "Outcome"}}]), "required", "Task.output[0].value"),
    # forms of primitives
    (but(PATIENT, id="a b"), "value", "Patient.id"),
    (but(PATIENT, id="a" * 65), "value", "Patient.id"),
    (but(PATIENT, birthDate="2026-02-30"), "value", "Patient.birthDate"),
    (but(PATIENT, birthDate="2025-02-29"), "value", "Patient.birthDate"),
    (but(PATIENT, birthDate="1900-02-29"), "value", "Patient.birthDate"),
    (but(PATIENT, birthDate="2026-04-31"), "value", "Patient.birthDate"),
    (but(PATIENT, birthDate="31/01/1956"), "value", "Patient.birthDate"),
    (but(PATIENT, birthDate="0000"), "value", "Patient.birthDate"),
    (but(PATIENT, birthDate="1956-02-29T00:00:00Z"), "value", "Patient.birthDate"),
    (but(PATIENT, birthDate="1956-02-29\n"), "value", "Patient.birthDate"),
    (but(SERVICE_REQUEST, authoredOn="2026-01-02T09:30:00"), "value", "ServiceRequest.authoredOn"),
    (but(SERVICE_REQUEST, authoredOn="2026-01-02T09:30Z"), "value", "ServiceRequest.authoredOn"),
    (but(SERVICE_REQUEST, authoredOn="2026-01-02T24:00:00Z"), "value", "ServiceRequest.authoredOn"),
    (but(SERVICE_REQUEST, authoredOn="2026-01-02T09:30:00.1234567891Z"), "value", "ServiceRequest.authoredOn"),
    (but(SERVICE_REQUEST, authoredOn="2026-01-02T09:30:00+15:00"), "value", "ServiceRequest.authoredOn"),
    (but(PATIENT, meta={"lastUpdated": "2026-01-02"}), "value", "Patient.meta.lastUpdated"),
    (but(SERVICE_REQUEST, instantiatesUri=["not a uri"]), "value", "ServiceRequest.instantiatesUri[0]"),
    (but(PATIENT, name=[{"id": "a b", "family": "x"}]), "value", "Patient.name[0].id"),
    (but(PATIENT, language="en GB"), "value", "Patient.language"),
    (but(PATIENT, identifier=[{"system": "urn:oid:1.02.3"}]), "value", "Patient.identifier[0].system"),
    (but(PATIENT, identifier=[{"system": "urn:uuid:1234"}]), "value", "Patient.identifier[0].system"),
    (but(PATIENT, extension=[{"url": "https://e|1.0", "valueCode": "a"}]), "value", "Patient.extension[0].url"),
    (but(TASK, restriction={"repetitions": Decimal("1.0")}), "value", "Task.restriction.repetitions"),
    (but(APPOINTMENT, priority=Decimal("1E+1")), "value", "Appointment.priority"),
    (but(PATIENT, photo=[{"contentType": "image/png", "data": "%%%"}]), "value", "Patient.photo[0].data"),
    # choices
    (but(SERVICE_REQUEST, occurrenceDateTime="2026"), "structure", "ServiceRequest.occurrence"),
    (but(OBSERVATION, valueString="x"), "structure", "Observation.value"),
    (
        but(TASK, output=[{"type": {"text": "o"}, "valueString": "a", "valueCode": "b"}]),
        "structure",
        "Task.output[0].value",
    ),
    (
        but(PATIENT, extension=[{"url": "https://e", "valueCode": "a", "valueId": "b"}]),
        "structure",
        "Patient.extension[0].value",
    ),
    (
        but(PATIENT, extension=[{"url": "https://e", "valueRatioRange": {}}]),
        "structure",
        "Patient.extension[0].valueRatioRange",
    ),
    # references
    (but(SERVICE_REQUEST, subject={"reference": "Medication/1"}), "structure", "ServiceRequest.subject"),
    (but(SERVICE_REQUEST, subject={"reference": "https://a.example/Task/1"}), "structure", "ServiceRequest.subject"),
    (but(SERVICE_REQUEST, subject={"type": "Medication", "display": "x"}), "structure", "ServiceRequest.subject"),
    (but(TASK, focus={"reference": "Task/1", "type": "Patient"}), "structure", "Task.focus"),
    (but(SERVICE_REQUEST, subject={"reference": "#gp"}), "structure", "ServiceRequest.subject"),
    (but(SERVICE_REQUEST, subject={"reference": "Person/1/2"}), "value", "ServiceRequest.subject.reference"),
]


@pytest.mark.parametrize(("resource", "code", "expression"), STRUCTURE, ids=[f"{c}-{e}" for _, c, e in STRUCTURE])
def test_a_fault_of_structure_is_named_once(resource: Json, code: str, expression: str) -> None:
    assert [(issue.code, issue.expression) for issue in check(resource)] == [(code, expression)]
