"""The sender takes back, or changes, a Task whose details are still awaited."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.app import issues_of
from tests.fetch.sender import TLS, TRUST, Sender

from adapters.source.mock import Fault
from gateway.fetching import fetch
from gateway.gathering import collect
from gateway.store.fetches import cancel_fetch, settle
from gateway.store.schema import awaited, delivery, event, own_name, referral, resource


async def put(sender: Sender, task: dict[str, Any], **headers: str) -> httpx.Response:
    return await sender.running.call("demo-epr", "PUT", f"/FHIR/R4/Task/{task['id']}", task, **headers)


async def states(sender: Sender) -> tuple[str, list[str], list[int]]:
    """Of the fetch, the types of the events, the versions that are to be delivered."""
    async with sender.running.store.reading() as connection:
        state = (await connection.execute(select(awaited.c.state))).scalar_one()
        types = (await connection.execute(select(event.c.type).order_by(event.c.number))).scalars().all()
        due = (await connection.execute(select(delivery.c.number).order_by(delivery.c.number))).scalars().all()
    return state, list(types), list(due)


async def test_cancelled_it_is_fetched_no_more_and_its_request_may_be_sent_again(sender: Sender) -> None:
    task = await sender.read(await sender.send())
    answer = await put(sender, task | {"status": "cancelled", "statusReason": {"text": "She has moved away"}})

    assert answer.status_code == 200
    assert answer.headers["ETag"] == 'W/"2"'
    shown = await sender.read(task["id"])
    assert shown == answer.json()
    assert (shown["status"], shown["businessStatus"]["coding"][0]["code"]) == ("cancelled", "withdrawn-by-referrer")
    assert shown["statusReason"]["text"] == "Withdrawn before it was sent. She has moved away"
    assert await states(sender) == ("done", ["details-awaited", "withdrawn-by-referrer"], [1, 2])
    again = await sender.send()
    await sender.fetch()
    assert [one["id"] for one in await sender.referrals()] == [again]


async def test_entered_in_error(sender: Sender) -> None:
    task = await sender.read(await sender.send())
    shown = (await put(sender, task | {"status": "entered-in-error"})).json()

    assert (shown["status"], shown["statusReason"]["text"]) == ("entered-in-error", "Entered in error.")
    assert shown["note"][-1]["text"] == "Entered in error. Do not use."
    assert (await states(sender))[0] == "done"


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "completed"},
        {"status": "accepted"},
        {"priority": "urgent"},
        {"focus": {"reference": "https://epr.example/ServiceRequest/1"}},
    ],
)
async def test_nothing_else_can_be_made_of_it(sender: Sender, changed: dict[str, Any]) -> None:
    task = await sender.read(await sender.send())
    answer = await put(sender, task | changed)

    assert answer.status_code == 422
    assert issues_of(answer) == [("business-rule", "Task.status")]
    assert await sender.read(task["id"]) == task
    await sender.fetch()
    assert await sender.running.count(referral) == 1


async def test_what_is_said_when_it_is_taken_back_stays(sender: Sender) -> None:
    task = await sender.read(await sender.send())
    told = {"input": [{"type": {"text": "Who called"}, "valueString": "Her sister"}]}
    said = [*task["note"], {"text": "She has found help herself."}]
    shown = (await put(sender, task | told | {"status": "cancelled", "note": said})).json()

    assert [note["text"] for note in shown["note"]][-2:] == [
        "She has found help herself.",
        "Withdrawn before it was sent.",
    ]
    assert shown["input"] == told["input"]
    assert shown == await sender.read(task["id"])


@pytest.mark.parametrize("end", ["cancelled", "refused", "given up"])
async def test_a_mistake_is_said_at_any_time(sender: Sender, end: str) -> None:
    if end == "refused":
        del sender.of("ServiceRequest")["reasonCode"]
    if end == "given up":
        sender.held.faults["ServiceRequest/" + sender.of("ServiceRequest")["id"]] = [Fault(500)] * 3
    task_id = await sender.send()
    if end == "cancelled":
        await put(sender, await sender.read(task_id) | {"status": "cancelled"})
    for _ in range({"cancelled": 0, "refused": 1}.get(end, 3)):
        await sender.fetch()
    task = await sender.read(task_id)
    assert task["status"] in {"cancelled", "rejected", "failed"}

    answer = await put(sender, task | {"status": "entered-in-error"})
    again = await put(sender, task | {"status": "entered-in-error", "note": [{"text": "Once more."}]})

    assert answer.status_code == 200, answer.text
    assert (await sender.read(task_id))["note"][-1]["text"] == "Entered in error. Do not use."
    assert (await states(sender))[1][-1] == "entered-in-error"
    assert (again.status_code, issues_of(again)) == (422, [("business-rule", "Task.status")])


async def test_to_abort_is_for_referrals(sender: Sender) -> None:
    abort = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
        "focus": {"reference": f"Task/{await sender.send()}"},
    }
    answer = await sender.post(abort)

    assert (answer.status_code, issues_of(answer)) == (422, [("value", "Task.focus")])
    assert "set its status to cancelled" in answer.json()["issue"][0]["diagnostics"]


async def test_what_was_fetched_is_cancelled_with_the_senders_own_copy(sender: Sender) -> None:
    """In which the request, the person and the referrer have their addresses on the sender's server."""
    task_id = await sender.send()
    await sender.fetch()
    own = sender.task | {"id": task_id}
    told = await put(sender, own | {"note": [{"text": "Please ring after 5 pm."}]})
    other = await put(sender, own | {"focus": {"reference": f"{sender.base}/ServiceRequest/another"}})
    answer = await put(sender, own | {"status": "cancelled"})

    assert (told.status_code, answer.status_code) == (200, 200), told.text + answer.text
    assert (other.status_code, issues_of(other)) == (422, [("business-rule", "Task.focus")])
    shown = await sender.read(task_id)
    assert (shown["status"], shown["focus"]["reference"].split("/")[0]) == ("cancelled", "ServiceRequest")
    assert "Please ring after 5 pm." in [note["text"] for note in shown["note"]]
    [referral_seen] = await sender.referrals()
    assert referral_seen["status"] == "withdrawn"


async def test_after_the_end_it_stays_as_it_is(sender: Sender) -> None:
    del sender.of("ServiceRequest")["reasonCode"]
    task_id = await sender.send()
    await sender.fetch()
    task = await sender.read(task_id)

    assert (await put(sender, task | {"status": "cancelled"})).status_code == 422
    assert (await sender.read(task_id)) == task


async def test_a_worker_that_was_at_it_stores_nothing(sender: Sender) -> None:
    task = await sender.read(await sender.send())
    claimed = await sender.claim()
    await put(sender, task | {"status": "cancelled"})
    await fetch(sender.gateway, claimed, TLS)

    assert await sender.running.count(referral) == 0
    assert await sender.running.count(resource) == 2  # the two versions of the Task
    assert await sender.running.count(own_name) == 0
    assert sender.held.asked == []


@pytest.mark.parametrize("fault", [Fault(), Fault(500)])
async def test_taken_back_while_the_server_was_called(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    task = await sender.read(await sender.send())
    sender.held.faults[f"Patient/{sender.of('Patient')['id']}"] = [fault]

    async def take_back_and_collect(*given: Any) -> Any:
        assert (await put(sender, task | {"status": "cancelled"})).status_code == 200
        return await collect(*given)

    monkeypatch.setattr("gateway.fetching.collect", take_back_and_collect)
    await sender.fetch()

    assert await sender.running.count(referral) == 0
    assert (await sender.read(task["id"]))["status"] == "cancelled"
    assert await states(sender) == ("done", ["details-awaited", "withdrawn-by-referrer"], [1, 2])


async def test_only_the_organisation_that_sent_it_can_cancel(sender: Sender) -> None:
    task_id = await sender.send()
    async with sender.running.store.transaction() as connection:
        assert not await cancel_fetch(connection, "XSH01", task_id)
        assert await cancel_fetch(connection, TRUST, task_id)
        assert not await cancel_fetch(connection, TRUST, task_id)


async def test_who_takes_it_back_while_it_becomes_a_referral_comes_after(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await sender.read(await sender.send())
    waiting: list[asyncio.Task[httpx.Response]] = []

    async def settle_late(*given: Any) -> bool:
        waiting.append(asyncio.create_task(put(sender, task | {"status": "cancelled"})))
        await asyncio.wait(waiting, timeout=1)  # it has come as far as it can without waiting
        return await settle(*given)

    monkeypatch.setattr("gateway.details.settle", settle_late)
    await sender.fetch()
    [answer] = await asyncio.gather(*waiting)

    assert (answer.status_code, issues_of(answer)) == (412, [("conflict", None)])
    again = await put(sender, await sender.read(task["id"]) | {"status": "cancelled"})
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


async def test_what_is_said_about_it_before_it_is_a_referral_is_refused(sender: Sender) -> None:
    task_id = await sender.send()
    said = {
        "resourceType": "Communication",
        "status": "completed",
        "about": [{"reference": f"Task/{task_id}"}],
        "payload": [{"contentString": "She prefers mornings."}],
    }
    refused = await sender.running.call("demo-epr", "POST", "/FHIR/R4/Communication", said)
    await sender.fetch()
    taken = await sender.running.call("demo-epr", "POST", "/FHIR/R4/Communication", said)

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", "Communication.about")])
    assert "send this again later" in refused.json()["issue"][0]["diagnostics"]
    assert taken.status_code == 201
