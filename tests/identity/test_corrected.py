"""A Patient record that is corrected later: whose its referrals are then."""

from typing import Any

import httpx
import pytest
from tests.app import Running, issues_of, resource_of
from tests.identity.conftest import OTHER, nhs, patient, rio
from tests.identity.test_matching import identity
from tests.identity.test_questions import belongs, questions, refer

from gateway.errors import Issue
from gateway.ids import now
from gateway.people import rematch

Json = dict[str, Any]


async def correct(gateway: Running, referral: Json, record: Json) -> list[Issue]:
    async with gateway.store.transaction() as connection:
        return await rematch(connection, "XND01", referral["id"], identity(record), now())


async def test_a_person_known_by_this_record_alone_is_corrected(gateway: Running) -> None:
    first = await refer(gateway, patient(nhs(), rio("1")))
    assert await correct(gateway, first, patient(nhs(OTHER), rio("1"), birthDate="1971-06-15")) == []
    second = await refer(gateway, patient(nhs(OTHER), birthDate="1971-06-15"))
    third = await refer(gateway, patient(nhs()))
    held = (await belongs(gateway))["referrals"]
    assert held[first["id"]] == held[second["id"]] != held[third["id"]]
    assert await questions(gateway) == []


async def test_a_record_that_says_the_same_changes_nothing(gateway: Running) -> None:
    first = await refer(gateway, patient(nhs(), rio("1")))
    before = await belongs(gateway)
    assert await correct(gateway, first, patient(nhs(), rio("1"))) == []
    assert await belongs(gateway) == before


async def test_a_correction_that_leads_to_somebody_known_is_asked_about(gateway: Running) -> None:
    first, second = await refer(gateway, patient(nhs())), await refer(gateway, patient(rio()))
    found = await correct(gateway, second, patient(nhs(), rio()))
    assert [one.severity for one in found] == ["warning"]
    held = (await belongs(gateway))["referrals"]
    assert held[first["id"]] != held[second["id"]]
    (question,) = await questions(gateway)
    assert (question["kind"], question["other"]["person_id"]) == ("record-corrected", held[first["id"]])
    assert await correct(gateway, second, patient(nhs(), rio())) == []


async def test_what_no_longer_fits_the_person_of_other_records_is_parted(gateway: Running) -> None:
    first, second = await refer(gateway, patient(nhs())), await refer(gateway, patient(nhs()))
    found = await correct(gateway, second, patient(nhs(), birthDate="1990-01-01"))
    assert {one.severity for one in found} == {"warning"}
    held = (await belongs(gateway))["referrals"]
    assert held[first["id"]] != held[second["id"]]
    assert {one["other"]["person_id"] for one in await questions(gateway)} == {held[first["id"]]}


async def test_what_still_fits_stays_and_brings_its_keys(gateway: Running) -> None:
    first, second = await refer(gateway, patient(nhs())), await refer(gateway, patient(nhs()))
    assert await correct(gateway, second, patient(nhs(), rio("7"))) == []
    third = await refer(gateway, patient(rio("7")))
    held = (await belongs(gateway))["referrals"]
    assert held[first["id"]] == held[second["id"]] == held[third["id"]]


async def test_a_put_of_the_patient_corrects_whose_the_referral_is(gateway: Running) -> None:
    first = await refer(gateway, patient(nhs(), rio("1")))
    record = next(
        entry["resource"] for entry in first["answer"]["entry"] if entry["resource"]["resourceType"] == "Patient"
    )
    corrected = record | {"birthDate": "1971-06-15"}
    answer = await gateway.call("demo-epr", "PUT", f"/FHIR/R4/Patient/{record['id']}", corrected)
    assert answer.status_code == 200, answer.text
    second = await refer(gateway, patient(nhs(), birthDate="1971-06-15"))
    held = (await belongs(gateway))["referrals"]
    assert held[first["id"]] == held[second["id"]]
    assert await questions(gateway) == []


async def put(gateway: Running, referral: Json, **changed: Any) -> httpx.Response:
    record = resource_of(referral["answer"], "Patient") | changed
    return await gateway.call("demo-epr", "PUT", f"/FHIR/R4/Patient/{record['id']}", record)


BOB = {"name": [{"family": "Smith", "given": ["Bob"]}], "birthDate": "1950-01-01"}


async def test_under_an_open_referral_a_record_does_not_become_somebody_elses(gateway: Running) -> None:
    first = await refer(gateway, patient(nhs(), rio("1")))

    answer = await put(gateway, first, identifier=[nhs(OTHER), rio("2")], **BOB)

    assert (answer.status_code, issues_of(answer)) == (422, [("business-rule", "Patient")])
    stored = await gateway.call("demo-epr", "GET", f"/FHIR/R4/Patient/{resource_of(first['answer'], 'Patient')['id']}")
    assert (stored.json()["meta"]["versionId"], stored.json()["birthDate"]) == ("1", "1971-06-14")


@pytest.mark.parametrize(
    "changed",
    [BOB, {"identifier": [nhs(OTHER)], "birthDate": "1950-01-01"}, {"identifier": [nhs(OTHER)], "name": BOB["name"]}],
    ids=["only the identifiers stay", "only the name stays", "only the birth date stays"],
)
async def test_a_record_that_keeps_one_thing_alone_is_asked_about(gateway: Running, changed: Json) -> None:
    first = await refer(gateway, patient(nhs(), rio("1")))

    answer = await put(gateway, first, **changed)

    assert answer.status_code == 200, answer.text
    (question,) = await questions(gateway)
    assert (question["kind"], question["other"]) == ("record-corrected", None)
    view = (await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{first['id']}")).json()
    assert any(text.startswith("The Patient record was corrected, and may be") for text in view["warnings"])
