"""A Task that the sender POSTs alone becomes a referral, fetched from the sender's own server (Gravity 1.7, G1)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from tests.fetch.sender import SECRET, Sender

from gateway import fetching
from gateway.app import work
from gateway.ids import is_reference
from gateway.store.fetches import next_due
from gateway.store.schema import audit, awaited, delivery, event, message, referral, resource

REFERENCE = "urn:social-prescribing-gateway:Id:referral-reference"


def code_of(task: dict[str, Any]) -> tuple[str, str]:
    return task["status"], task["businessStatus"]["coding"][0]["code"]


async def test_a_task_is_stored_at_once_and_does_not_look_sent(sender: Sender) -> None:
    answer = await sender.post()
    task = answer.json()

    assert answer.status_code == 201
    assert answer.headers["ETag"] == 'W/"1"'
    assert code_of(task) == ("requested", "details-awaited")
    assert task["statusReason"]["text"].startswith("The details are awaited from the sender's server since ")
    assert task["note"][-1]["text"].startswith("NOT SENT YET.")
    assert task["focus"] == sender.task["focus"]
    assert sender.held.asked == []
    assert await sender.referrals() == []
    assert (await sender.read(task["id"])) == task


async def test_what_the_task_lacks_is_fetched_and_the_platform_has_the_referral(sender: Sender) -> None:
    task_id = await sender.send()
    await sender.fetch()

    [shown] = await sender.referrals()
    task = await sender.read(task_id)
    assert (shown["id"], shown["status"], shown["version"]) == (task_id, "submitted", 2)
    assert shown["person"]["family_name"] == "Harrow"
    assert code_of(task) == ("requested", "sent-awaiting-receipt")
    assert is_reference(next(one["value"] for one in task["identifier"] if one["system"] == REFERENCE))
    assert len(task["note"]) == 1
    for reference in (task["focus"], task["for"], task["requester"]):
        found = await sender.running.call("demo-epr", "GET", f"/FHIR/R4/{reference['reference']}")
        assert found.status_code == 200


async def test_only_what_the_referral_needs_is_read_with_the_secret_of_that_server(sender: Sender) -> None:
    sender.of("Patient")["managingOrganization"] = {"reference": "Organization/elsewhere"}
    await sender.send()
    await sender.fetch()

    names = [name.split("/")[0] for name, _ in sender.held.asked]
    assert sorted(names) == ["Consent", "Organization", "Patient", "PractitionerRole", "ServiceRequest"]
    for _, headers in sender.held.asked:
        assert headers["authorization"] == SECRET
        assert headers["accept"] == "application/fhir+json"
        assert len(headers["x-request-id"]) == 36
    stored = await sender.running.call(
        "demo-epr", "GET", "/FHIR/R4/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9992047186"
    )
    [entry] = stored.json()["entry"]
    assert entry["resource"]["managingOrganization"]["reference"] == f"{sender.base}/Organization/elsewhere"


async def test_the_journal_goes_on_from_the_first_event(sender: Sender) -> None:
    task_id = await sender.send()
    await sender.fetch()

    async with sender.running.store.reading() as connection:
        events = (await connection.execute(select(event).order_by(event.c.number))).all()
        due = (await connection.execute(select(delivery.c.number).order_by(delivery.c.number))).scalars().all()
        versions = (
            await connection.execute(select(resource.c.version, resource.c.method).where(resource.c.id == task_id))
        ).all()
        messages = (await connection.execute(select(message.c.correlation_id))).scalars().all()
        actions = (await connection.execute(select(audit.c.action, audit.c.target, audit.c.outcome))).all()
        state = (await connection.execute(select(awaited.c.state))).scalar_one()
    assert [(one.number, one.type) for one in events] == [(1, "details-awaited"), (2, "submitted")]
    assert due == [1, 2]
    assert sorted(versions) == [(1, "POST"), (2, "PUT")]
    assert len(set(messages)) == 1
    assert len({one.correlation_id for one in events} | set(messages)) == 1
    assert ("fetch ServiceRequest", f"Task/{task_id}", 200) in actions
    assert state == "done"


async def test_the_referral_is_found_by_its_status_and_works_like_any_other(sender: Sender) -> None:
    task_id = await sender.send()
    awaited = await sender.running.call("demo-epr", "GET", "/FHIR/R4/Task?status=requested")
    await sender.fetch()

    moved = await sender.running.call(
        "demo-platform", "POST", f"/platform/v1/referrals/{task_id}/transitions", {"to": "received"}, If_Match='W/"2"'
    )
    trace = await sender.running.call("demo-platform", "GET", f"/platform/v1/referrals/{task_id}/trace")
    events = await sender.running.call("demo-platform", "GET", f"/platform/v1/referrals/{task_id}/events")
    requested = await sender.running.call("demo-epr", "GET", "/FHIR/R4/Task?status=requested")

    assert [one["resource"]["id"] for one in awaited.json()["entry"]] == [task_id]
    assert (moved.status_code, moved.json()["version"]) == (200, 3)
    assert trace.status_code == 200
    assert [one["number"] for one in events.json()["events"]] == [1, 2, 3]
    assert "entry" not in requested.json()


async def test_the_worker_fetches_as_soon_as_the_task_is_there(sender: Sender) -> None:
    stop = asyncio.Event()
    worker = asyncio.create_task(work(sender.gateway, stop))
    await sender.send()
    async with asyncio.timeout(60):
        while not await sender.referrals():  # noqa: ASYNC110 - what it waits for is in the database
            await asyncio.sleep(0.01)
    stop.set()
    await worker

    assert await sender.running.count(referral) == 1


async def test_the_worker_looks_again_after_trouble_with_the_database(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def failing_once(*given: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise OSError
        return await next_due(*given)

    monkeypatch.setattr(fetching, "next_due", failing_once)
    await test_the_worker_fetches_as_soon_as_the_task_is_there(sender)
    assert looks > 1
