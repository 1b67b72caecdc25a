"""A referral is made of what was sent before while that is being changed: each change is in it, or is told of it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import httpx
import pytest
from tests.app import Running, issues_of, referral_bundle, resource_of
from tests.later.conftest import Sent
from tests.later.test_consent import consent

from gateway.people import Identity, find_people
from gateway.referrals import received_rows
from gateway.store.engine import Store
from gateway.store.referrals import insert

Json = dict[str, Any]
Change = Callable[[Sent], Coroutine[Any, Any, None]]


@pytest.fixture
async def stored(gateway: Running) -> tuple[Sent, Json]:
    """What a referral needs, sent and not referred yet; and the Task that will refer it."""
    bundle = referral_bundle()
    task = resource_of(bundle, "Task")
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"] is not task]
    resource_of(bundle, "ServiceRequest")["status"] = "draft"
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle, Prefer="return=representation")
    request = resource_of(answer.json(), "ServiceRequest")
    sent = Sent(gateway, "", request["id"], resource_of(answer.json(), "Patient")["id"])
    await sent.change(request, status="active")
    task |= {"focus": {"reference": f"ServiceRequest/{sent.request_id}"}, "for": request["subject"]}
    return sent, {name: part for name, part in task.items() if name != "requester"}


async def revoke(sent: Sent) -> None:
    await sent.change(await sent.request(), status="revoked")


async def move_house(sent: Sent) -> None:
    patient = await sent.read(f"Patient/{sent.patient_id}")
    await sent.change(patient, telecom=[{"system": "phone", "value": f"01632 960{patient['meta']['versionId']:0>3}"}])


async def refuse(sent: Sent) -> None:
    await sent.post(consent(sent, "deny"))


def meanwhile(monkeypatch: pytest.MonkeyPatch, sent: Sent, change: Change, times: int = 1) -> None:
    """Has the change made, so many times, after the referral was read and before it is stored."""
    left = [change] * times

    async def find_late(store: Store, organisation: str, identities: Sequence[Identity]) -> Any:
        if left and identities:  # it is the referral, not the change
            await left.pop()(sent)
        return await find_people(store, organisation, identities)

    monkeypatch.setattr("gateway.referrals.find_people", find_late)


@pytest.mark.parametrize(("change", "element"), [(revoke, "ServiceRequest.status"), (refuse, "Consent.provision.type")])
async def test_what_was_taken_back_meanwhile_is_not_referred(
    stored: tuple[Sent, Json], monkeypatch: pytest.MonkeyPatch, change: Change, element: str
) -> None:
    sent, task = stored
    meanwhile(monkeypatch, sent, change)

    refused = await sent.fhir("POST", "/Task", task)

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", element)])


async def test_what_was_corrected_meanwhile_is_referred_as_it_is_now(
    stored: tuple[Sent, Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, task = stored
    meanwhile(monkeypatch, sent, move_house, times=2)

    sent.id = (await sent.post(task))["id"]

    assert (await sent.view())["referral"]["person"]["phones"][0]["value"] == "01632 960002"


async def test_what_never_rests_is_sent_again(stored: tuple[Sent, Json], monkeypatch: pytest.MonkeyPatch) -> None:
    sent, task = stored
    meanwhile(monkeypatch, sent, move_house, times=3)

    refused = await sent.fhir("POST", "/Task", task)
    again = await sent.fhir("POST", "/Task", task)

    assert (refused.status_code, issues_of(refused)) == (409, [("conflict", None)])
    assert again.status_code == 201


@pytest.mark.parametrize(
    ("change", "event"), [(revoke, "withdrawn"), (move_house, "amended"), (refuse, "consent-changed")]
)
async def test_a_change_waits_for_the_referral_that_is_being_stored(
    stored: tuple[Sent, Json], monkeypatch: pytest.MonkeyPatch, change: Change, event: str
) -> None:
    sent, task = stored
    waiting: list[asyncio.Task[None]] = []

    def begin(*given: Any) -> Any:
        if not waiting:
            waiting.append(asyncio.create_task(change(sent)))
        return received_rows(*given)

    async def insert_late(*given: Any) -> None:
        if waiting and asyncio.current_task() not in waiting:
            await asyncio.wait(waiting, timeout=1)  # it comes as far as it can without this
        await insert(*given)

    monkeypatch.setattr("gateway.referrals.received_rows", begin)
    monkeypatch.setattr("gateway.referrals.insert", insert_late)
    sent.id = (await sent.post(task))["id"]
    await asyncio.gather(*waiting)

    assert await sent.events() == ["submitted", event]


async def test_referrals_of_one_person_and_changes_of_them_all_come_through(stored: tuple[Sent, Json]) -> None:
    sent, task = stored

    async def again(number: int) -> httpx.Response:
        request = {name: part for name, part in (await sent.request()).items() if name not in {"id", "identifier"}}
        kept = await sent.post(request | {"identifier": [{"system": "urn:x", "value": str(number)}]})
        return await sent.fhir("POST", "/Task", task | {"focus": {"reference": f"ServiceRequest/{kept['id']}"}})

    answers = await asyncio.gather(*(again(number) for number in range(6)), move_house(sent))

    assert {one.status_code for one in answers if one is not None} == {201}
