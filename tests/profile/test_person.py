"""Everything in a referral is about one person, and says so in a way that can be trusted."""

from typing import Any

import pytest

NHS = "https://fhir.nhs.uk/Id/nhs-number"
OURS = {"system": NHS, "value": "9990001014"}
THEIRS = {"system": NHS, "value": "9990001022"}


@pytest.mark.parametrize(
    "named",
    [
        {"reference": "Patient/1"},
        {"reference": "Patient/1", "identifier": OURS},
        {"identifier": {"system": "HTTP://fhir.nhs.uk/id/nhs-number", "value": "999 000 1014"}},
        {"identifier": {"system": "urn:rio", "value": "0042"}},
        None,
    ],
)
def test_a_task_for_the_subject(sent: Any, named: Any) -> None:
    sent.task |= {"for": named}
    if named is None:
        del sent.task["for"]
    assert sent.issues == []


@pytest.mark.parametrize(
    "named",
    [
        {"reference": "Patient/2"},
        {"reference": "Patient/1", "identifier": THEIRS},
        {"reference": "Patient/2", "identifier": OURS},
        {"identifier": {"system": "urn:other", "value": "9990001014"}},
        {"identifier": {"value": "9990001014"}},
        {"identifier": {"system": NHS}},
        {"display": "Mr Somebody Else"},
        {"reference": "#p"},
    ],
)
def test_a_task_for_somebody_else_or_nobody(sent: Any, named: Any) -> None:
    sent.task["for"] = named
    sent.task["contained"] = [{"resourceType": "Patient", "id": "p", "name": [{"family": "Other"}]}]
    assert sent.errors == ["Task.for"]


def contain(sent: Any, **changed: Any) -> None:
    """The Patient once in the request and once in the Task, both called #p."""
    sent.request |= {"contained": [sent.patient | {"id": "p"}], "subject": {"reference": "#p"}}
    for about in (sent.known["Flag/1"]["subject"], sent.consent["patient"]):
        about.clear()
        about["identifier"] = OURS
    sent.task |= {"contained": [sent.patient | {"id": "p"} | changed], "for": {"reference": "#p"}}


@pytest.mark.parametrize("changed", [{}, {"identifier": []}, {"identifier": [OURS], "name": [{"text": "Maggie"}]}])
def test_the_same_person_contained_twice(sent: Any, changed: Any) -> None:
    contain(sent, **changed)
    assert sent.issues == []


@pytest.mark.parametrize(
    "changed",
    [
        {"identifier": [THEIRS]},
        {"identifier": [THEIRS, {"system": "urn:rio", "value": "0042"}]},
        {"birthDate": "1990-01-01"},
        {"identifier": [], "name": [{"family": "Other"}]},
    ],
)
def test_two_people_contained_under_one_name(sent: Any, changed: Any) -> None:
    contain(sent, **changed)
    assert sent.errors == ["Task.for"]


def test_a_subject_whose_identifier_is_not_the_patients(sent: Any) -> None:
    sent.request["subject"]["identifier"] = THEIRS
    assert sent.errors == ["ServiceRequest.subject.identifier"]


def test_a_record_about_somebody_else_is_left_out(sent: Any) -> None:
    about = {"status": "active", "code": {"text": "Violent"}, "subject": {"reference": "Patient/2"}}
    sent.send_along(resourceType="Flag", **about)
    sent.send_along(resourceType="Goal", description={"text": "Theirs"}, subject={"identifier": THEIRS})
    sent.request["reasonReference"] = [{"reference": "Condition/9"}]
    sent.known["Condition/9"] = {"resourceType": "Condition", "code": {"text": "Theirs"}, **about}
    assert [(issue.severity, issue.expression) for issue in sent.issues] == [
        ("warning", "ServiceRequest.supportingInfo[2]"),
        ("warning", "ServiceRequest.supportingInfo[3]"),
        ("warning", "ServiceRequest.reasonReference[0]"),
    ]
    assert [risk["text"] for risk in sent.referral["risks"]] == ["No known risks"]
    assert "Theirs" not in str(sent.referral)


def test_a_contained_flag_about_the_contained_subject(sent: Any) -> None:
    contain(sent)
    flag = {"resourceType": "Flag", "id": "f", "status": "active", "subject": {"reference": "#p"}}
    sent.request["contained"].append(flag | {"code": {"text": "Dog"}})
    sent.request["supportingInfo"].append({"reference": "#f"})
    assert sent.issues == []
    assert [risk["text"] for risk in sent.referral["risks"]] == ["No known risks", "Dog"]


@pytest.mark.parametrize(
    "record", [{"active": False}, {"link": [{"other": {"reference": "Patient/2"}, "type": "replaced-by"}]}]
)
def test_a_record_that_no_longer_stands(sent: Any, record: Any) -> None:
    sent.patient.update(record)
    assert sent.warnings == [
        "The Patient record sent is inactive, or was replaced by another. Check who the person is."
    ]
