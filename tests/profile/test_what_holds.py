"""Only what holds on the day of receipt, 1 February 2026, is passed on."""

import copy
from typing import Any

import pytest

from mappings.current import holds

ENDED = {"period": {"end": "2026-01-31"}}


@pytest.mark.parametrize(
    ("period", "answer"),
    [
        (None, True),
        ({}, True),
        ({"start": "2026-02-01", "end": "2026-02-01"}, True),
        ({"end": "2026"}, True),
        ({"end": "2026-02-01T00:00:00Z"}, True),
        ({"start": "2026-02"}, True),
        ({"end": "2026-01"}, False),
        ({"end": "2025"}, False),
        ({"start": "2026-02-02"}, False),
        ({"start": "2026-03"}, False),
    ],
)
def test_a_period_includes_its_ends(period: Any, answer: bool) -> None:
    assert holds(period, "2026-02-01") is answer


def test_a_number_that_has_ended_is_not_passed_on(sent: Any) -> None:
    sent.patient["telecom"] = [
        {"system": "phone", "value": "01632 960101", **ENDED},
        {"system": "phone", "value": "01632 960102", "use": "old"},
        {"system": "phone", "value": "01632 960103", "period": {"end": "2099"}},
    ]
    assert [phone["value"] for phone in sent.referral["person"]["phones"]] == ["01632 960103"]


def test_no_address_rather_than_one_that_has_ended(sent: Any) -> None:
    sent.patient.update(address=[{"use": "home", "line": ["Then"], **ENDED}], telecom=[])
    assert "address" not in sent.referral["person"]
    assert sent.warnings == [
        "No telephone number, e-mail or address of the person was sent: the advisor cannot make contact."
    ]


def test_a_refuge_comes_before_the_home_while_it_lasts(sent: Any) -> None:
    refuge: dict[str, Any] = {"use": "temp", "line": ["Refuge"], "period": {"start": "2025-01-01", "end": "2026-06-01"}}
    sent.patient["address"].append(refuge)
    assert sent.referral["person"]["address"]["lines"] == ["Refuge"]
    refuge["period"]["end"] = "2026-01-01"
    assert sent.referral["person"]["address"]["lines"] == ["12 Invented Street"]


def test_a_former_name_and_a_superseded_nhs_number_are_not_taken(sent: Any) -> None:
    sent.patient["name"].insert(0, {"use": "official", "family": "Former", "given": ["Dead"], **ENDED})
    sent.patient["identifier"].insert(0, sent.patient["identifier"][0] | {"use": "old", "value": "9990001022"})
    person = sent.referral["person"]
    assert (person["family_name"], person["given_names"], person["nhs_number"]) == (
        "Example",
        ["Margaret"],
        "9990001014",
    )
    assert len(person["local_identifiers"]) == 1


def test_a_contact_of_the_person_who_is_no_longer_one(sent: Any) -> None:
    sent.patient["contact"] = [
        {"name": {"text": "Former partner"}, **ENDED},
        {"name": {"text": "Sister"}, "telecom": [{"system": "phone", "value": "1", **ENDED}]},
    ]
    assert sent.referral["person"]["contacts"] == [{"name": "Sister"}]


def test_what_was_sent_stays_as_it_was(sent: Any) -> None:
    sent.patient["telecom"][0] |= ENDED
    before = copy.deepcopy(sent.known)
    assert "phones" not in sent.referral["person"]
    assert sent.known == before
