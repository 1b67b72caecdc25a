"""Organisations know nothing of each other's people, and hubs only of those referred to them."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select
from tests.app import Running, resource_of, start
from tests.identity.conftest import OTHER, nhs, patient, referral_of, rio
from tests.identity.test_questions import BORN_OTHERWISE, belongs, post, questions, refer

from gateway.security import Caller
from gateway.store.schema import identity_item, person, referral

EASTMERE = "2000090002"


def let_in(gateway: Running, *hubs: str) -> str:
    """A platform that works for these hubs only; its name."""
    scopes = frozenset({"platform/referrals.read", "platform/referrals.write"})
    name = "-".join(hubs)
    gateway.tokens[name] = gateway.app.state.gatekeeper.issue(
        Caller("demo-platform", "XNP01", "platform", scopes, frozenset(hubs))
    )
    return name


async def test_a_hub_sees_nothing_of_a_person_who_was_referred_elsewhere(gateway: Running) -> None:
    await refer(gateway, patient(nhs(), rio()))
    await refer(gateway, BORN_OTHERWISE, hub=EASTMERE)
    client = let_in(gateway, "eastmere-wellbeing-hub")
    (question,) = (await gateway.call(client, "GET", "/platform/v1/identity")).json()["questions"]
    assert question["other"] | {"person_id": ""} == {
        "person_id": "",
        "birth_date": None,
        "identifiers": [],
        "referrals": [],
        "elsewhere": True,
    }
    refused = await post(gateway, f"{question['id']}/decision", client, decision="same-person")
    assert refused.status_code == 422
    assert "Ask the organisation that referred both, XND01" in refused.text


async def test_either_side_s_hub_may_keep_two_apart(gateway: Running) -> None:
    await refer(gateway, patient(nhs(), rio()))
    await refer(gateway, BORN_OTHERWISE, hub=EASTMERE)
    for hub in ("eastmere-wellbeing-hub", "northdale-wellbeing-hub"):
        client = let_in(gateway, hub)
        (question,) = (await gateway.call(client, "GET", "/platform/v1/identity")).json()["questions"]
        assert [side["elsewhere"] for side in (question["person"], question["other"])].count(True) == 1
        decided = await post(gateway, f"{question['id']}/decision", client, decision="different-people")
        assert decided.status_code == 200
        assert (await post(gateway, f"{question['id']}/undo", client)).status_code == 200


async def test_a_question_about_no_referral_of_one_s_own_is_not_there(gateway: Running) -> None:
    await refer(gateway, patient(nhs(), rio()))
    await refer(gateway, BORN_OTHERWISE)
    (question,) = await questions(gateway)
    for client in ("demo-platform-2", let_in(gateway, "eastmere-wellbeing-hub")):
        assert (await gateway.call(client, "GET", "/platform/v1/identity")).json()["questions"] == []
        for path in (question["id"], "01981f41-0000-7000-8000-000000000001", "x"):
            answer = await gateway.call(client, "GET", f"/platform/v1/identity/{path}")
            assert answer.status_code == 404
        answer = await post(gateway, f"{question['id']}/decision", client, decision="same-person")
        assert answer.status_code == 404


async def test_an_epr_does_not_decide(gateway: Running) -> None:
    answer = await gateway.call("demo-epr", "GET", "/platform/v1/identity")
    assert answer.status_code == 403


async def test_people_of_two_organisations_are_never_compared(gateway: Running) -> None:
    bundle = referral_of(patient(nhs(), rio()))
    assert (await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)).status_code == 200
    assert (await gateway.call("demo-epr-2", "POST", "/FHIR/R4", bundle)).status_code == 200
    assert await gateway.count(person) == 2
    assert await gateway.count(identity_item) == 0


async def test_many_at_once_of_one_person_make_one_person(gateway: Running) -> None:
    people = [patient(nhs(), rio())] * 8 + [patient(nhs(OTHER), rio(f"{n}")) for n in range(1)]
    tasks = await asyncio.gather(*(refer(gateway, one) for one in people))
    held = (await belongs(gateway))["referrals"]
    assert len({held[task["id"]] for task in tasks[:8]}) == 1
    assert len({*held.values()}) == await gateway.count(person) == 2
    assert await questions(gateway) == []


async def test_at_once_in_two_processes(gateway: Running, database_url: str, tmp_path: Path) -> None:
    second = await start(database_url, tmp_path)
    sent = [refer(each, patient(nhs(), rio())) for _ in range(3) for each in (gateway, second)]
    tasks = await asyncio.gather(*sent)
    await second.stop()
    held = (await belongs(gateway))["referrals"]
    assert len({held[task["id"]] for task in tasks}) == await gateway.count(person) == 1


async def test_two_referrals_of_one_request_are_of_one_person(gateway: Running) -> None:
    bundle = referral_of(patient(nhs()))
    request = resource_of(bundle, "ServiceRequest")
    other: dict[str, Any] = request | {"identifier": [request["identifier"][0] | {"value": "another"}]}
    bundle["entry"].append({"resource": other, "request": {"method": "POST", "url": "ServiceRequest"}})
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text
    async with gateway.store.reading() as connection:
        people = (await connection.execute(select(referral.c.person_id))).scalars().all()
    assert len(people) == 2
    assert len({*people}) == await gateway.count(person) == 1
