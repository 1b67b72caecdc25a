"""Who the page is about."""

from datetime import date
from typing import Any

import pytest

from mappings.view import PersonView, person_of

TODAY = date(2026, 6, 13)
NHS = "https://fhir.nhs.uk/Id/nhs-number"
MAGGIE: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "https://rio.example/id", "value": "0012345"}, {"system": NHS, "value": "9992047186"}],
    "name": [
        {"use": "nickname", "given": ["Maggie"]},
        {"use": "official", "family": "Harrow", "given": ["Margaret"], "prefix": ["Ms"]},
    ],
    "gender": "female",
    "birthDate": "1971-06-14",
}


def test_all_that_tells_people_apart_is_in_words() -> None:
    assert person_of(MAGGIE, TODAY) == PersonView(
        "Ms Margaret Harrow", "14 June 1971", "54 years", "999 204 7186", "Female"
    )


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"birthDate": "1971"}, ("1971", None)),
        ({"birthDate": None}, ("Not known", None)),
        ({"birthDate": "1971-06-13"}, ("13 June 1971", "55 years")),
        ({"deceasedBoolean": True}, ("14 June 1971", "Has died")),
        ({"deceasedDateTime": "2026-01-02"}, ("14 June 1971", "Has died")),
    ],
)
def test_an_age_is_told_only_where_it_is_known(changed: Any, shown: tuple[str, str | None]) -> None:
    person = person_of(MAGGIE | changed, TODAY)

    assert (person.born, person.age) == shown


@pytest.mark.parametrize("value", ["", "123", "999 204 718"])
def test_what_is_no_nhs_number_is_not_shown_as_one(value: str) -> None:
    assert person_of(MAGGIE | {"identifier": [{"system": NHS, "value": value}]}, TODAY).nhs_number == "Not known"


def test_a_record_without_a_name_says_so() -> None:
    assert person_of({"resourceType": "Patient"}, TODAY).name == "Name not given by the record system"
