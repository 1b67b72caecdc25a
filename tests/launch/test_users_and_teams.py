"""Who the user is and which teams are theirs, as an EPR says it: by role, by name, or not at all."""

from typing import Any

import pytest
from tests.app import Json
from tests.launch.smart_epr import PRACTITIONER, ROLE, Launched, bundle


async def test_a_user_may_be_told_by_their_role_or_by_a_whole_address(launched: Launched) -> None:
    launched.epr.says["PractitionerRole/r1"] = ROLE | {"code": [{"text": "Care coordinator"}]}
    for user in ("PractitionerRole/r1", "https://epr.example/FHIR/R4/Practitioner/AOSEI"):
        launched.epr.claims = {"fhirUser": user}

        window = await launched.open()

        assert (await window.get("/refer")).status_code == 200


async def test_a_role_of_nobody_opens_nothing(launched: Launched) -> None:
    launched.epr.says["PractitionerRole/r1"] = {"resourceType": "PractitionerRole", "id": "r1"}
    launched.epr.claims = {"fhirUser": "PractitionerRole/r1"}

    assert (await launched.launch())[1].status_code == 502


async def test_of_several_teams_the_active_one_counts(launched: Launched) -> None:
    teams = [{"display": "Day hospital"}, {"identifier": {"value": "EIT"}}, {"display": "Recovery Team North"}]
    launched.epr.says["PractitionerRole"] = bundle(ROLE | {"healthcareService": teams})

    window = await launched.open()

    assert (await window.get("/refer")).status_code == 200


@pytest.mark.parametrize(
    ("teams", "named"),
    [
        ([{"display": "Day hospital"}, {"identifier": {"value": "EIT"}}], "Early Intervention Team"),
        ([{"display": "Day hospital"}, {"display": "Crisis team"}], "Day hospital"),
    ],
)
async def test_without_an_active_one_the_page_names_a_team_to_ask_for(
    launched: Launched, teams: list[Json], named: str
) -> None:
    launched.epr.says["PractitionerRole"] = bundle(ROLE | {"healthcareService": teams})
    window = await launched.open()

    page = await window.get("/refer")

    assert page.status_code == 403
    assert named in page.text


@pytest.mark.parametrize(
    "changed",
    [
        {"active": False},
        {"practitioner": {"reference": "Practitioner/SOMEBODY"}},
        {"practitioner": None},
        {"period": {"end": "2020-01-01"}},
    ],
)
async def test_a_role_that_is_over_or_somebody_elses_makes_nobody_a_member(launched: Launched, changed: Json) -> None:
    role = {name: value for name, value in (ROLE | changed).items() if value is not None}
    launched.epr.says["PractitionerRole"] = bundle(role)

    window = await launched.open()

    assert (await window.get("/refer")).status_code == 403


@pytest.mark.parametrize(
    "changed",
    [
        {"name": [{"use": "old"}]},
        {"name": [{"text": "x" * 50_000}]},
        {"name": [{"text": "Bell\u0000"}]},
        {"name": [{"text": "\ud800"}]},
        {"identifier": [{"use": "old"}]},
        {"telecom": [{"system": "phone"}, {"system": "email", "value": "<a@b>"}]},
        {"id": "SOMEBODY"},
        {"active": False},
    ],
)
async def test_any_user_gives_a_page(launched: Launched, changed: Json) -> None:
    launched.epr.says["Practitioner/AOSEI"] = PRACTITIONER | changed

    http, answer = await launched.launch()

    assert answer.status_code in {303, 502}, answer.text
    if answer.status_code == 303:
        assert (await http.get(answer.headers["location"])).status_code == 200


@pytest.mark.parametrize(
    "roles",
    [
        b"[" * 1000,
        bundle(None, 5, [], {"resourceType": "PractitionerRole"}),
        bundle(ROLE | {"healthcareService": 5}),
        bundle(ROLE | {"healthcareService": [{"display": "Team\u0000"}]}),
        bundle(ROLE | {"specialty": [{"coding": [{"display": None}]}]}),
        {"resourceType": "Bundle", "type": "searchset", "entry": 5},
        {"resourceType": "Bundle", "type": "searchset", "entry": [5, {"resource": 5}]},
    ],
)
async def test_any_roles_give_a_page(launched: Launched, roles: Any) -> None:
    launched.epr.says["PractitionerRole"] = roles

    window = await launched.open()

    assert (await window.get("/refer")).status_code in {200, 403}
