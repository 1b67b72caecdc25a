"""Broken FHIR invariants: each is named by its key, at the element that the rule belongs to."""

import pytest

from gateway.validation import check
from tests.validation.resources import (
    APPOINTMENT,
    BUNDLE,
    CONDITION,
    CONSENT,
    OBSERVATION,
    PARAMETERS,
    PATIENT,
    QUESTIONNAIRE,
    SERVICE_REQUEST,
    TASK,
    Json,
    but,
    first_entry,
)

RULES: list[tuple[str, Json, str]] = [
    ("ext-1", but(PATIENT, extension=[{"url": "https://e"}]), "Patient.extension[0]"),
    ("ext-1", but(PATIENT, extension=[{"url": "https://e", "id": "1"}]), "Patient.extension[0]"),
    (
        "ext-1",
        but(PATIENT, extension=[{"url": "https://e", "valueCode": "a", "extension": [{"url": "b", "valueCode": "c"}]}]),
        "Patient.extension[0]",
    ),
    ("cpt-2", but(PATIENT, telecom=[{"value": "07700 900123"}]), "Patient.telecom[0]"),
    ("att-1", but(PATIENT, photo=[{"data": "AAAA"}]), "Patient.photo[0]"),
    ("pat-1", but(PATIENT, contact=[{"gender": "male"}]), "Patient.contact[0]"),
    ("qty-3", but(OBSERVATION, valueQuantity={"value": 1, "code": "kg"}), "Observation.value"),
    ("obs-3", but(OBSERVATION, referenceRange=[{"age": {"low": {"value": 1}}}]), "Observation.referenceRange[0]"),
    ("obs-6", but(OBSERVATION, dataAbsentReason={"text": "asked"}), "Observation"),
    ("obs-7", but(OBSERVATION, component=[{"code": OBSERVATION["code"]}]), "Observation"),
    ("prr-1", but(SERVICE_REQUEST, code=None, orderDetail=[{"text": "x"}]), "ServiceRequest"),
    (
        "per-1",
        but(SERVICE_REQUEST, occurrencePeriod={"start": "2026-02", "end": "2026-01-31"}),
        "ServiceRequest.occurrence",
    ),
    (
        "per-1",
        but(
            PATIENT,
            address=[{"text": "x", "period": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T23:00:00-00:30"}}],
        ),
        "Patient.address[0].period",
    ),
    ("rng-2", but(CONDITION, onsetRange={"low": {"value": 9}, "high": {"value": 8.5}}), "Condition.onset"),
    ("inv-1", but(TASK, lastModified="2026-01-02T09:29:59Z"), "Task"),
    ("con-4", but(CONDITION, abatementDateTime="2026"), "Condition"),
    ("ppc-1", but(CONSENT, policyRule=None), "Consent"),
    ("app-1", but(APPOINTMENT, participant=[{"status": "accepted"}]), "Appointment.participant[0]"),
    ("app-2", but(APPOINTMENT, end=None), "Appointment"),
    ("app-3", but(APPOINTMENT, start=None, end=None), "Appointment"),
    ("app-4", but(APPOINTMENT, cancelationReason={"text": "x"}), "Appointment"),
    (
        "cpl-3",
        {
            "resourceType": "CarePlan",
            "status": "active",
            "intent": "plan",
            "subject": {"reference": "Patient/ada"},
            "activity": [{"detail": {"status": "scheduled"}, "reference": {"reference": "Task/1"}}],
        },
        "CarePlan.activity[0]",
    ),
    (
        "gol-1",
        {
            "resourceType": "Goal",
            "lifecycleStatus": "active",
            "description": {"text": "Walk"},
            "subject": {"reference": "Patient/ada"},
            "target": [{"detailString": "daily"}],
        },
        "Goal.target[0]",
    ),
    ("inv-1", but(PARAMETERS, parameter=[{"name": "empty"}]), "Parameters.parameter[0]"),
    ("que-1", but(QUESTIONNAIRE, item=[{"linkId": "1", "type": "group"}]), "Questionnaire.item[0]"),
    ("que-2", but(QUESTIONNAIRE, item=[{"linkId": "1", "type": "string"}] * 2), "Questionnaire"),
    (
        "qrs-1",
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "item": [{"linkId": "1", "answer": [{"valueBoolean": True}], "item": [{"linkId": "1.1"}]}],
        },
        "QuestionnaireResponse.item[0]",
    ),
    # contained resources
    ("ref-1", but(SERVICE_REQUEST, requester={"reference": "#nobody"}), "ServiceRequest.requester"),
    (
        "dom-2",
        but(
            SERVICE_REQUEST,
            contained=[
                {
                    **SERVICE_REQUEST["contained"][0],
                    "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
                }
            ],
        ),
        "ServiceRequest.contained[0]",
    ),
    (
        "dom-3",
        but(SERVICE_REQUEST, contained=[*SERVICE_REQUEST["contained"], {"resourceType": "Device", "id": "chair"}]),
        "ServiceRequest.contained[1]",
    ),
    ("dom-3", but(SERVICE_REQUEST, requester={"display": "Dr Osei"}), "ServiceRequest.contained[0]"),
    (
        "dom-4",
        but(SERVICE_REQUEST, contained=[{"resourceType": "Practitioner", "id": "gp", "meta": {"versionId": "1"}}]),
        "ServiceRequest.contained[0]",
    ),
    (
        "dom-5",
        but(
            SERVICE_REQUEST,
            contained=[{"resourceType": "Practitioner", "id": "gp", "meta": {"security": [{"code": "R"}]}}],
        ),
        "ServiceRequest.contained[0]",
    ),
    # Bundles
    ("bdl-1", but(BUNDLE, total=2), "Bundle"),
    ("bdl-2", but(BUNDLE, entry=first_entry(search={"mode": "match"})), "Bundle"),
    ("bdl-3", but(BUNDLE, entry=first_entry(request=None)), "Bundle"),
    ("bdl-3", but(BUNDLE, type="collection"), "Bundle"),
    ("bdl-4", but(BUNDLE, type="history"), "Bundle"),
    ("bdl-5", but(BUNDLE, entry=first_entry(resource=None, request=None)), "Bundle.entry[0]"),
    ("bdl-7", but(BUNDLE, entry=[BUNDLE["entry"][1]] * 2), "Bundle"),
    ("bdl-8", but(BUNDLE, entry=first_entry(fullUrl="https://e/Patient/1/_history/1")), "Bundle.entry[0]"),
    ("bdl-9", but(BUNDLE, type="document", entry=None), "Bundle"),
    ("bdl-10", but(BUNDLE, type="document", entry=None), "Bundle"),
    ("bdl-11", but(BUNDLE, type="document", entry=None), "Bundle"),
    ("bdl-12", but(BUNDLE, type="message", entry=[{"fullUrl": "urn:uuid:1", "resource": PATIENT}]), "Bundle"),
]


@pytest.mark.parametrize(("key", "resource", "expression"), RULES, ids=[f"{key}-{e}" for key, _, e in RULES])
def test_a_broken_invariant_is_named_with_its_key(key: str, resource: Json, expression: str) -> None:
    broken = [
        issue.expression for issue in check(resource) if issue.code == "invariant" and f"breaks {key}:" in issue.text
    ]
    assert broken == [expression]


def test_a_reference_in_a_bundle_leads_to_an_entry_of_a_type_that_it_may_have() -> None:
    practitioner = {"resourceType": "Practitioner", "name": [{"family": "Osei"}]}
    (issue,) = check(but(BUNDLE, entry=first_entry(resource=practitioner)))
    assert (issue.code, issue.expression) == ("structure", "Bundle.entry[1].resource.subject")


@pytest.mark.parametrize(
    ("resource", "expression"),
    [
        (but(PATIENT, name=[{"id": "a", "family": "x"}, {"id": "a", "family": "y"}]), "Patient.name[1]"),
        (but(SERVICE_REQUEST, contained=SERVICE_REQUEST["contained"] * 2), "ServiceRequest.contained[1]"),
    ],
)
def test_an_id_stands_once_in_a_resource(resource: Json, expression: str) -> None:
    assert [(issue.code, issue.expression) for issue in check(resource)] == [("business-rule", expression)]


def test_what_a_search_finds_has_an_id_and_outcomes_are_outcomes() -> None:
    found = [{"resource": TASK}, {"resource": but(TASK, id="a"), "search": {"mode": "outcome"}}]
    assert [(issue.code, issue.expression) for issue in check(but(BUNDLE, type="searchset", entry=found))] == [
        ("required", "Bundle.entry[0].resource.id"),
        ("structure", "Bundle.entry[1].resource"),
    ]
