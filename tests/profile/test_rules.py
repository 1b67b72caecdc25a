"""The other rules: what makes a referral unworkable, and what the advisor is told."""

from typing import Any

import pytest


def test_not_to_contact_the_person_is_the_first_warning(sent: Any) -> None:
    del sent.patient["birthDate"]
    sent.request["orderDetail"] = [{"coding": [{"code": "contacting-subject-prohibited"}]}]
    assert sent.warnings == [
        "Do not contact the person directly: the referrer asks for this.",
        "No date of birth was sent.",
    ]


@pytest.mark.parametrize("name", ["request", "task"])
def test_a_status_that_only_has_an_extension_is_no_status(sent: Any, name: str) -> None:
    resource = getattr(sent, name)
    resource["_status"] = {"extension": [{"url": "urn:x", "valueCode": resource.pop("status")}]}
    assert sent.errors == [f"{resource['resourceType']}.status"]


def test_a_referral_without_a_name_of_the_senders_cannot_be_recognised(sent: Any) -> None:
    sent.request["identifier"] = [{"value": "1"}]
    assert sent.warnings == [
        "A repeat of this referral cannot be recognised: send ServiceRequest.identifier with system and value."
    ]
    sent.task["identifier"] = [{"system": "urn:rio:task", "value": "1"}]
    assert sent.warnings == []


@pytest.mark.parametrize(("code", "told"), [("XND01", False), ("XND0142", False), ("XED02", True)])
def test_a_referrer_of_another_organisation_is_told(sent: Any, code: str, told: bool) -> None:
    sent.known["Organization/1"]["identifier"][0]["value"] = code
    assert [issue.expression for issue in sent.issues] == ["ServiceRequest.requester"] * told


def test_what_is_named_only_is_kept_in_words(sent: Any) -> None:
    sent.request["supportingInfo"].append({"display": "Letter from the GP"})
    sent.request["reasonReference"] = [{"display": "Asthma", "type": "Condition"}]
    assert sent.referral["shared_documents"] == [
        {"text": "Letter from the GP"},
        {"type": "Condition", "text": "Asthma"},
    ]


def test_very_many_codes_not_understood_are_summed_up(sent: Any) -> None:
    sent.request["reasonCode"] = [{"text": f"Reason {number}"} for number in range(60)]
    assert len(sent.warnings) == 51
    assert sent.warnings[-1] == "10 more codes are not known here. Their words are kept and shown as sent."


def test_references_inside_what_is_contained_lead_to_its_neighbours(sent: Any) -> None:
    role = sent.known.pop("PractitionerRole/1") | {"id": "role", "practitioner": {"reference": "#who"}}
    who = sent.known.pop("Practitioner/1") | {"id": "who"}
    sent.request |= {"contained": [role, who], "requester": {"reference": "#role"}}
    assert sent.referral["referrer"]["name"] == "Ms Jo Sample"


def test_a_reason_with_a_system_only_has_neither_code_nor_words(sent: Any) -> None:
    sent.request["reasonCode"].append({"coding": [{"system": "http://snomed.info/sct"}]})
    assert [text for text in sent.warnings if "neither code nor words" in text]
