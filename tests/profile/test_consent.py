"""A refusal anywhere around the request refuses the referral; nothing else than a permit counts as one."""

import copy
from typing import Any

import pytest

NHS = "https://fhir.nhs.uk/Id/nhs-number"
DENY = {"type": "deny"}


def test_a_permit_goes_through_without_a_word(sent: Any) -> None:
    assert sent.issues == []
    assert sent.referral["consent"]["decision"] == "permit"


def test_a_refusal_says_what_was_found_and_what_to_do(sent: Any) -> None:
    sent.consent["status"] = "inactive"
    (issue,) = sent.issues
    assert (issue.severity, issue.code, issue.expression) == ("error", "business-rule", "Consent.status")
    assert issue.text.startswith("A consent sent with this referral was withdrawn or rejected.")
    assert "send a Consent that permits it" in issue.text


@pytest.mark.parametrize(
    "patient",
    [{"reference": "Patient/1"}, {"identifier": {"system": NHS, "value": "999 000 1014"}}, None],
    ids=["by reference", "by identifier", "names nobody"],
)
def test_a_refusal_that_the_request_does_not_name_still_refuses(sent: Any, patient: Any) -> None:
    refusal = copy.deepcopy(sent.consent) | {"patient": patient, "provision": DENY}
    sent.known["Consent/2"] = {name: value for name, value in refusal.items() if value is not None}
    assert sent.errors == ["Consent.provision.type"]
    assert sent.referral["consent"]["decision"] == "deny"


def test_a_refusal_contained_in_the_task_refuses(sent: Any) -> None:
    sent.task["contained"] = [sent.consent | {"id": "c", "provision": DENY}]
    assert sent.errors == ["Consent.provision.type"]


def test_of_two_named_consents_the_refusal_wins(sent: Any) -> None:
    sent.send_along(**sent.consent | {"provision": DENY})
    assert sent.errors == ["Consent.provision.type"]


def test_somebody_elses_consent_beside_it_says_nothing(sent: Any) -> None:
    sent.known["Consent/2"] = sent.consent | {"patient": {"reference": "Patient/2"}, "provision": DENY}
    assert sent.issues == []


def test_somebody_elses_consent_named_by_the_request_is_an_error(sent: Any) -> None:
    sent.consent["patient"] = {"identifier": {"system": NHS, "value": "9990001022"}}
    assert sent.errors == ["Consent.patient"]


def test_a_permit_that_names_nobody_counts_only_when_the_request_names_it(sent: Any) -> None:
    del sent.consent["patient"]
    assert sent.referral["consent"]["decision"] == "permit"
    sent.request["supportingInfo"].pop()
    assert "consent" not in sent.referral
    assert sent.warnings == ["No consent was sent that counts as the person's agreement."]


def test_what_does_not_count_is_told_beside_what_does(sent: Any) -> None:
    sent.send_along(**sent.consent | {"provision": {"type": "permit", "period": {"end": "2020"}}})
    assert sent.referral["consent"]["decision"] == "permit"
    assert sent.warnings == [
        "A consent sent with this referral is not in force on the day of receipt: it does not count as agreement."
    ]
    del sent.request["supportingInfo"][1], sent.known["Consent/1"]
    assert sent.referral["consent"]["decision"] == "not-asked"


def test_exceptions_are_for_the_advisor_to_read(sent: Any) -> None:
    sent.consent["provision"]["provision"] = [DENY]
    assert sent.errors == []
    assert sent.warnings == ["The consent has exceptions: read them before anything is shared."]
