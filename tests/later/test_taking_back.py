"""The referrer takes a referral back: at once before work began, by asking after, as a mistake at any time."""

import asyncio

import pytest
from tests.app import issues_of
from tests.later.conftest import CLOSED, Sent, line, texts

BEFORE = ["submitted", "received", "info-requested", "accepted", "allocated"]
BEGUN = ["contacting", "engaged", "on-hold"]


@pytest.mark.parametrize("status", BEFORE)
async def test_a_cancelled_task_withdraws_the_referral(sent: Sent, status: str) -> None:
    await sent.work(status)

    task = await sent.change(await sent.task(), status="cancelled", statusReason={"text": "Sent twice."})

    assert (task["status"], task["statusReason"]["text"]) == ("cancelled", "Sent twice.")
    assert line(task).endswith(": Sent twice.")
    assert await sent.statuses() == ("cancelled", "revoked")
    assert (await sent.events())[-1] == (await sent.view())["status"] == "withdrawn"


async def test_a_revoked_request_withdraws_the_referral(sent: Sent) -> None:
    request = await sent.change(await sent.request(), status="revoked", reasonCode=[{"text": "She has moved."}])

    assert (request["status"], request["meta"]["versionId"]) == ("revoked", "2")
    assert await sent.statuses() == ("cancelled", "revoked")
    assert line(await sent.task()).endswith(": She has moved.")


async def test_an_epr_that_keeps_its_own_copy_can_cancel(sent: Sent) -> None:
    own = {
        "resourceType": "Task",
        "id": sent.id,
        "status": "cancelled",
        "intent": "order",
        "focus": {"reference": f"ServiceRequest/{sent.request_id}"},
    }

    task = await sent.change(own)

    assert (task["status"], task["statusReason"]["text"]) == ("cancelled", "Withdrawn by the referrer")
    assert task["owner"]


@pytest.mark.parametrize("status", BEGUN)
@pytest.mark.parametrize("by", ["Task", "ServiceRequest"])
async def test_after_work_began_the_way_to_ask_is_told(sent: Sent, status: str, by: str) -> None:
    await sent.work(status)
    before = await sent.events()
    cancelled = {"status": "cancelled" if by == "Task" else "revoked"}

    refused = await sent.put(await (sent.task() if by == "Task" else sent.request()), **cancelled)

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", f"{by}.status")])
    assert "POST a Task with code abort" in texts(refused)
    assert await sent.events() == before
    assert (await sent.request())["status"] == "active"


@pytest.mark.parametrize("status", ["submitted", "engaged", "closed-completed", "not-accepted"])
async def test_a_mistake_is_said_at_any_time(sent: Sent, status: str) -> None:
    await sent.work(status)

    task = await sent.change(await sent.task(), status="entered-in-error")

    assert line(task) == "Entered in error. Do not use."
    assert await sent.statuses() == ("entered-in-error", "entered-in-error")


@pytest.mark.parametrize(("status", "left"), [("on-hold", "review_date"), ("not-accepted", "alternative")])
async def test_a_mistake_leaves_nothing_of_what_was_to_come(sent: Sent, status: str, left: str) -> None:
    await sent.work(status)
    assert (await sent.view())[left]

    await sent.change(await sent.task(), status="entered-in-error")

    view = await sent.view()
    assert [view.get(name) for name in ("review_date", "resumes_as", "alternative")] == [None, None, None]


async def test_both_said_in_one_transaction_are_one_event(sent: Sent) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
            for resource in (
                await sent.request() | {"status": "revoked"},
                await sent.task() | {"status": "cancelled", "statusReason": {"text": "Sent twice."}},
            )
        ],
    }

    answer = await sent.fhir("POST", "", bundle)

    assert answer.status_code == 200, answer.text
    assert [entry["response"]["etag"] for entry in answer.json()["entry"]] == ['W/"2"', 'W/"2"']
    assert await sent.statuses() == ("cancelled", "revoked")
    assert await sent.events() == ["submitted", "withdrawn"]


async def test_task_and_request_that_contradict_each_other_are_refused(sent: Sent) -> None:
    entries = [await sent.request() | {"status": "entered-in-error"}, await sent.task() | {"status": "cancelled"}]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in entries
        ],
    }

    answer = await sent.fhir("POST", "", bundle)

    assert answer.status_code == 422
    assert "must say the same" in texts(answer)
    assert await sent.statuses() == ("requested", "active")


async def test_a_move_of_the_hub_and_the_cancelling_take_turns(sent: Sent) -> None:
    await sent.work("allocated")
    task = await sent.task()

    cancelled, contact = await asyncio.gather(
        sent.put(task, status="cancelled"),
        sent.at_hub("contacts", {"mechanism": "telephone", "outcome": "spoke"}),
    )

    assert (cancelled.status_code, contact.status_code) in {(200, 422), (412, 201), (422, 201)}
    stands = {200: ("cancelled", "revoked")}.get(cancelled.status_code, ("in-progress", "active"))
    assert await sent.statuses() == stands


async def test_the_request_follows_the_task_to_its_end(sent: Sent) -> None:
    early = await sent.put(await sent.request(), status="completed")
    await sent.work("engaged")
    await sent.at_hub("transitions", {"to": "closed-completed", "closure": CLOSED})
    revoked = await sent.put(await sent.request(), status="revoked")
    request = await sent.change(await sent.request(), status="completed")
    again = await sent.put(request, status="active")

    assert (early.status_code, revoked.status_code, again.status_code) == (422, 422, 422)
    assert "completed follows when the Task is completed" in texts(early)
    assert "may be set to completed or entered-in-error only" in texts(revoked)
    assert "may be set to entered-in-error only" in texts(again)
    assert await sent.statuses() == ("completed", "completed")


async def test_a_request_that_was_not_accepted_may_be_revoked(sent: Sent) -> None:
    await sent.work("not-accepted")

    await sent.change(await sent.request(), status="revoked")

    assert await sent.statuses() == ("rejected", "revoked")
    assert (await sent.events())[-1] == "not-accepted"


async def test_the_same_cancelling_twice_is_one(sent: Sent) -> None:
    task = await sent.task() | {"status": "cancelled"}
    first = await sent.fhir("PUT", f"/Task/{sent.id}", task, X_Request_Id="5b0f4f5e-3f44-4c39-9a53-1f4a2a6f0c11")
    again = await sent.fhir("PUT", f"/Task/{sent.id}", task, X_Request_Id="5b0f4f5e-3f44-4c39-9a53-1f4a2a6f0c11")
    other = await sent.put(await sent.task(), status="cancelled")

    assert (first.status_code, again.content, other.status_code) == (200, first.content, 200)
    assert await sent.events() == ["submitted", "withdrawn"]
