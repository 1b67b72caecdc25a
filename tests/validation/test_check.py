"""What is valid passes, what the gateway does not take is said so, and a Bundle is checked to its leaves."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from gateway.validation import check, dump, overlapping
from tests.validation.resources import (
    BUNDLE,
    OBSERVATION,
    PATIENT,
    SERVICE_REQUEST,
    TASK,
    VALID,
    Json,
    but,
    first_entry,
)


def ids(resource: Json) -> str:
    return str(resource["resourceType"])


@pytest.mark.parametrize("resource", VALID, ids=ids)
def test_a_valid_resource_has_no_findings(resource: Json) -> None:
    assert check(resource) == []


@pytest.mark.parametrize("resource", VALID, ids=ids)
def test_fhir_resources_finds_the_valid_examples_valid_too(resource: Json) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate_json(dump(resource))


@pytest.mark.parametrize(
    "resource",
    [
        but(PATIENT, gender=None, _gender={"extension": [{"url": "https://example.org/why", "valueCode": "unknown"}]}),
        but(PATIENT, name=[{"given": ["Ada", None], "_given": [None, {"id": "second"}]}]),
        but(PATIENT, birthDate="2024-02-29"),
        but(PATIENT, birthDate="2000-02-29"),
        but(PATIENT, _birthDate={}),
        but(PATIENT, _birthDate={"id": "born"}),
        but(OBSERVATION, referenceRange=[{"low": {"value": 9}, "high": {"value": 7}}]),
        but(SERVICE_REQUEST, authoredOn="2026-01-02T09:30:00.1234567Z"),
        but(PATIENT, generalPractitioner=[{"reference": "Practitioner?identifier=https://example.org|1"}]),
        but(PATIENT, generalPractitioner=[{"reference": "https://example.org/people/osei"}]),
        but(SERVICE_REQUEST, status=None, _status={"extension": [{"url": "https://example.org/e", "valueCode": "x"}]}),
        but(SERVICE_REQUEST, authoredOn="2026"),
        but(SERVICE_REQUEST, occurrencePeriod={"start": "2026-05-01", "end": "2026"}),
        but(SERVICE_REQUEST, occurrencePeriod={"start": "2026-05-01T23:30:00-01:00", "end": "2026-05-02T00:30:00Z"}),
        but(BUNDLE, type="searchset", total=1, entry=[{"search": {"mode": "match"}, "resource": but(TASK, id="a")}]),
        but(
            BUNDLE,
            type="history",
            entry=[
                {
                    "fullUrl": "https://example.org/Task/1",
                    "resource": TASK,
                    "request": {"method": "PUT", "url": "Task/1"},
                    "response": {"status": "200"},
                }
            ]
            * 2,
        ),
    ],
)
def test_what_r4_allows_is_allowed(resource: Json) -> None:
    assert check(resource) == []


def test_modifier_extensions_and_implicit_rules_are_refused_because_they_are_not_understood() -> None:
    found = check(
        but(
            SERVICE_REQUEST,
            implicitRules="https://example.org/rules",
            modifierExtension=[{"url": "https://example.org/not", "valueBoolean": True}],
        )
    )
    assert {(issue.code, issue.expression) for issue in found} == {
        ("extension", "ServiceRequest.modifierExtension"),
        ("not-supported", "ServiceRequest.implicitRules"),
    }


def test_a_bundle_is_checked_to_its_leaves_and_all_findings_are_given() -> None:
    request = but(
        SERVICE_REQUEST, status="bogus", contained=[{"resourceType": "Practitioner", "id": "gp", "gender": "x"}]
    )
    bundle = but(
        BUNDLE,
        entry=[
            *first_entry(resource=but(PATIENT, gender="x")),
            but(BUNDLE["entry"][1], fullUrl="urn:x:1", resource=request),
        ],
    )
    assert {(issue.code, issue.expression) for issue in check(bundle)} == {
        ("code-invalid", "Bundle.entry[0].resource.gender"),
        ("code-invalid", "Bundle.entry[2].resource.status"),
        ("code-invalid", "Bundle.entry[2].resource.contained[0].gender"),
    }


def test_a_urn_that_leads_to_no_entry_is_valid_r4_and_left_to_where_transactions_come_in() -> None:
    assert check(but(BUNDLE, entry=[BUNDLE["entry"][1]])) == []


def test_a_transaction_changes_a_resource_once() -> None:
    put = {"fullUrl": "https://e/Task/1", "resource": TASK, "request": {"method": "PUT", "url": "Task/1"}}
    delete = {"request": {"method": "DELETE", "url": "Task/1"}}
    bundle = but(BUNDLE, entry=[put, {**put, "fullUrl": "https://e/Task/2"}, delete])
    assert check(bundle) == []
    found = [(issue.code, issue.expression) for issue in overlapping(bundle)]
    assert found == [("duplicate", "Bundle.entry[1].request"), ("duplicate", "Bundle.entry[2].request")]
    assert overlapping(but(bundle, type="batch")) == []


def test_a_conditional_create_and_an_update_by_the_same_search_overlap() -> None:
    search = "Patient?identifier=https://e|1"
    create = {"resource": PATIENT, "request": {"method": "POST", "url": "Patient", "ifNoneExist": search[8:]}}
    update = {"resource": PATIENT, "request": {"method": "PUT", "url": search}}
    assert [issue.expression for issue in overlapping(but(BUNDLE, entry=[update, create]))] == [
        "Bundle.entry[1].request"
    ]


@pytest.mark.parametrize(
    ("resource", "code", "says"),
    [
        ({}, "structure", "resourceType is missing"),
        ({"resourceType": ["Patient"]}, "structure", "resourceType is missing"),
        ({"resourceType": "servicerequest"}, "structure", "Did you mean ServiceRequest?"),
        ({"resourceType": "Referral"}, "structure", "is no FHIR R4 resource type"),
        (
            {"resourceType": "AllergyIntolerance"},
            "not-supported",
            "does not take AllergyIntolerance. It takes: Appointment",
        ),
        ({"resourceType": "ReferralRequest", "status": "active"}, "not-supported", "looks like FHIR STU3"),
        (but(PATIENT, meta={"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/X"]}), "not-supported", "STU3"),
        (but(BUNDLE, entry=[{"resource": {"resourceType": "ProcedureRequest"}}]), "not-supported", "STU3"),
    ],
)
def test_what_the_gateway_does_not_take_is_said_in_one_issue(resource: Json, code: str, says: str) -> None:
    (issue,) = check(resource)
    assert issue.code == code
    assert says in issue.text


def test_what_is_contained_may_be_of_any_r4_type_and_is_checked_by_what_holds_for_all() -> None:
    wish = {"reference": "#wish"}
    prescription = {"resourceType": "VisionPrescription", "id": "wish", "status": "active"}
    assert check(but(TASK, contained=[prescription], focus=wish)) == []
    bad = {**prescription, "text": {"div": "<div><script/></div>"}, "id": "wish"}
    assert [issue.expression for issue in check(but(TASK, contained=[bad], focus=wish))] == [
        "Task.contained[0].text.div"
    ]
    unknown = {**prescription, "resourceType": "Wish"}
    assert [issue.expression for issue in check(but(TASK, contained=[unknown], focus=wish))] == ["Task.contained[0]"]


def test_expressions_start_where_the_caller_says() -> None:
    (issue,) = check(but(PATIENT, gender="x"), at="Parameters.parameter[0].resource")
    assert issue.expression == "Parameters.parameter[0].resource.gender"


def test_texts_teach_and_repeat_no_value() -> None:
    (issue,) = check(but(PATIENT, gender="Secretvalue"))
    assert issue.text == (
        "Patient.gender must be one of male, female, other, unknown "
        "(required binding http://hl7.org/fhir/ValueSet/administrative-gender)."
    )


@pytest.mark.parametrize(
    "resource",
    [
        but(PATIENT, **{f"unknown{number}": 1 for number in range(5_000)}),
        but(PATIENT, name=[{"family": 1}] * 5_000),
        but(PATIENT, extension=[{"url": "https://e", "valueCode": "a", "valueId": "b"}] * 5_000),
        but(PATIENT, generalPractitioner=[{"reference": "#nobody"}] * 5_000),
        but(
            BUNDLE, entry=[{"resource": {"resourceType": "Slot"}, "request": {"method": "POST", "url": "Slot"}}] * 5_000
        ),
    ],
    ids=["unknown", "type", "choice", "reference", "entry"],
)
def test_a_body_of_a_thousand_faults_gets_a_hundred_findings_at_most(resource: Json) -> None:
    assert 1 <= len(check(resource)) <= 100


WRONG: list[Any] = [None, True, 0, -1.5, "", "#x", [], [None], {}, {"resourceType": 1}, {"start": [], "end": {}}]


@pytest.mark.parametrize("resource", VALID, ids=ids)
def test_whatever_stands_in_the_place_of_an_element_the_check_answers(resource: Json) -> None:
    """Each element in turn becomes each kind of JSON; only the type of the resource stays."""
    for path in paths(resource):
        for wrong in WRONG:
            for issue in check(put(resource, path, wrong)):
                assert issue.expression is None or issue.expression.startswith(resource["resourceType"])


def paths(value: Any) -> list[list[Any]]:
    """The way to each value inside an object, leaves and branches, but for the object's own type."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [[key, *rest] for key, each in pairs if key != "resourceType" for rest in [[], *paths(each)]]


def put(value: Any, path: list[Any], wrong: Any) -> Any:
    if not path:
        return wrong
    changed = value.copy()
    changed[path[0]] = put(value[path[0]], path[1:], wrong)
    return changed
