"""Tokens: codes, identifiers and truths, with and without their systems (R4 search.html#token)."""

from typing import Any

import pytest
from tests.fhir.search.asking import meets

from gateway.errors import BadRequest

NHS = "https://fhir.nhs.uk/Id/nhs-number"
SCT = "http://snomed.info/sct"
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "identifier": [
        {"system": NHS, "value": "9992047186"},
        {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
            "value": "A,1|2",
        },
    ],
    "gender": "female",
    "telecom": [{"system": "phone", "value": "07700 900123"}, {"system": "email", "value": "m@example.net"}],
}
REQUEST = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "category": [{"coding": [{"system": SCT, "code": "3457005", "display": "Patient referral"}], "text": "Onward"}],
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"identifier={NHS}|9992047186", True),
        (f"identifier={NHS.replace('https', 'http').upper()}|9992047186", True),  # as systems are really spelt
        ("identifier=9992047186", True),
        ("identifier=|9992047186", False),  # it has a system
        (f"identifier={NHS}|", True),
        ("identifier=https://elsewhere.example|9992047186", False),
        (r"identifier=|A\,1\|2", True),
        (r"identifier=A\,1\|2,x", True),
        ("identifier=A", False),
        ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|A\\,1\\|2", True),
        ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|NH|A\\,1\\|2", False),
        ("gender=male,female", True),
        ("gender=http://hl7.org/fhir/administrative-gender|female", True),  # the system that the element implies
        ("gender=http://hl7.org/fhir/task-status|female", False),
        ("gender=Female", False),
        ("gender:not=male", True),
        ("gender:not=male,female", False),
        ("gender:missing=false", True),
        ("active=true", True),
        ("phone=07700 900123", True),
        ("phone=m@example.net", False),
        ("email=m@example.net", True),
        ("deceased=false", True),  # not said to be dead
        ("deceased=true", False),
        ("_id=p", True),
        ("_tag:missing=true", True),
        ("_tag:not=x", True),
    ],
)
def test_r16_tokens_of_a_patient(query: str, expected: bool) -> None:
    assert meets(PATIENT, query) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"category={SCT}|3457005", True),
        ("category:text=onw", True),
        ("category:text=patient ref", True),
        ("category:text=referral", False),  # a text starts so
        ("status=active", True),
        ("status:not=active", False),
    ],
)
def test_r16_tokens_of_a_request(query: str, expected: bool) -> None:
    assert meets(REQUEST, query) is expected


def test_r16_in_a_value_set_of_ours() -> None:
    system = "urn:social-prescribing-gateway:CodeSystem:business-status"
    task = {"resourceType": "Task", "businessStatus": {"coding": [{"system": system, "code": "allocated"}]}}

    assert meets(task, f"business-status:in={system.replace('CodeSystem', 'ValueSet')}")
    assert not meets(task, f"business-status:in={system.replace('CodeSystem:business', 'ValueSet:referral')}")
    with pytest.raises(BadRequest, match="ValueSet"):
        meets(task, "business-status:in=http://hl7.org/fhir/ValueSet/task-status")


@pytest.mark.parametrize(
    "query",
    [
        *("status:above=a", "status:below=a", "status:not-in=a", "status:exact=a", "status:missing=perhaps"),
        *("status=|", "status=a|b|c", "status=a,", "identifier:of-type=a|b"),
    ],
)
def test_r16_what_a_token_cannot_be_asked(query: str) -> None:
    with pytest.raises(BadRequest):
        meets({"resourceType": "Task", "status": "requested"}, query)


@pytest.mark.parametrize("deceased", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-02"}])
def test_r16_deceased_is_a_question(deceased: dict[str, Any]) -> None:
    assert meets(PATIENT | deceased, "deceased=true")
    assert not meets(PATIENT | deceased, "deceased=false")
