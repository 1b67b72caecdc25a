"""Identifier systems and codes are read in every spelling that is sent, and passed on in one."""

from typing import Any

import pytest
from tests.profile.examples import number, numbers


@pytest.mark.parametrize(
    "system",
    [
        "http://fhir.nhs.uk/Id/nhs-number",
        "https://fhir.nhs.uk/id/NHS-Number",
        "http://fhir.nhs.net/Id/nhs-number",
        "https://fhir.nhs.uk/Id/nhs-number/",
        "urn:oid:2.16.840.1.113883.2.1.4.1",
    ],
)
def test_an_nhs_number_of_any_spelling(sent: Any, system: str) -> None:
    sent.patient["identifier"][0]["system"] = system
    assert sent.referral["person"]["nhs_number"] == "9990001014"
    assert sent.issues == []


@pytest.mark.parametrize(
    ("sent_as", "passed_on"),
    [
        ("http://fhir.hl7.org.uk/id/GMP-number", "https://fhir.hl7.org.uk/Id/gmp-number"),
        ("http://fhir.nhs.net/Id/sds-user-id", "https://fhir.nhs.uk/Id/sds-user-id"),
        ("http://trust.example/Id/Rio", "http://trust.example/Id/Rio"),
    ],
)
def test_other_systems_are_passed_on_canonically_and_stay_as_sent_in_the_record(
    sent: Any, sent_as: str, passed_on: str
) -> None:
    sent.patient["identifier"][1]["system"] = sent_as
    assert sent.referral["person"]["local_identifiers"] == [{"system": passed_on, "value": "0042"}]
    assert sent.patient["identifier"][1]["system"] == sent_as


@pytest.mark.parametrize(
    ("status", "system", "code"),
    [
        ("number-present-and-verified", "", "01"),
        ("trace-in-progress", "", "06"),
        ("number-present-and-traced-using-welsh-nhs-ar", "", "01"),
        ("01", "England", "01"),
        ("08", "England", "08"),
    ],
)
def test_the_old_verification_status_is_read_and_englands_is_passed_on(
    sent: Any, status: str, system: str, code: str
) -> None:
    sent.patient.update(number("9990001014", status, system)["patient"])
    assert sent.referral["person"]["nhs_number_status"] == code


@pytest.mark.parametrize(
    ("given", "shown", "status"),
    [
        ([("9990001022", None), ("9990001014", "01")], "9990001014", "01"),
        ([("9990001022", "02"), ("9990001014", "01")], "9990001014", "01"),
        ([("9990001022", "03"), ("9990001014", "02")], "9990001014", "02"),
        ([("9990001022", None), ("9990001014", "03")], "9990001022", None),
    ],
)
def test_number_and_status_are_those_of_one_identifier(sent: Any, given: Any, shown: str, status: str | None) -> None:
    sent.patient.update(numbers(*given)["patient"])
    person = sent.referral["person"]
    assert (person["nhs_number"], person.get("nhs_number_status")) == (shown, status)
