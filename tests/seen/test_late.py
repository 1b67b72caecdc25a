"""Updates that do not arrive are told to the referral's readers, once an outage, and so is that they have arrived."""

import asyncio

from tests.seen.conftest import HUB_SYSTEM, RECORD, Seen

from gateway.lateness import tell_of_late
from gateway.store.engine import Store

PHONE = "Northdale Wellbeing Hub on 01632 960100"


async def test_what_is_young_or_delivered_is_no_news(seen: Seen) -> None:
    await seen.running.refer()
    await seen.look()
    await seen.deliver()
    await seen.change_deliveries(age=1000)
    await seen.look()

    assert await seen.events() == ["submitted"]


async def test_a_referral_that_the_hub_was_never_told_of_says_so(seen: Seen) -> None:
    await seen.running.refer()
    await seen.deliver(RECORD)
    await seen.change_deliveries(HUB_SYSTEM, age=301)
    await seen.look()

    assert await seen.events() == ["submitted", "delivery-failed"]
    task = await seen.task()
    assert await seen.line() == f"NOT RECEIVED - phone {PHONE}."
    assert (task["status"], await seen.business()) == ("requested", ["delivery-failed"])
    assert task["businessStatus"]["text"] == "Not received"
    assert await seen.heard(RECORD) == [1, 2]
    assert await seen.heard(HUB_SYSTEM) == [1]  # it would hear only that it has not heard

    await seen.deliver(HUB_SYSTEM)
    await seen.look()

    assert await seen.events() == ["submitted", "delivery-failed", "delivery-recovered"]
    assert (await seen.line()).startswith("Sent to Northdale Wellbeing Hub on ")
    assert await seen.business() == ["sent-awaiting-receipt"]
    assert await seen.late_rows() == []


async def test_a_record_that_is_behind_is_said_to_be_so_beside_the_true_status(seen: Seen) -> None:
    task = await seen.running.refer()
    await seen.deliver()
    await seen.move(task["id"], to="received")
    await seen.change_deliveries(RECORD, state="dead", age=1)
    await seen.look()

    line = await seen.line()
    assert line.startswith("NOT UP TO DATE - the record system has not received changes since ")
    assert f"Phone {PHONE} for the latest. Received by Northdale Wellbeing Hub." in line
    assert await seen.business() == ["awaiting-triage", "delivery-failed"]
    assert (await seen.task())["businessStatus"]["text"] == (
        "Received, waiting for a decision. The latest is not received by the record system"
    )

    await seen.deliver()
    await seen.look()

    assert (await seen.line()).startswith("Received by")
    assert await seen.business() == ["awaiting-triage"]


async def test_an_outage_is_told_once_however_often_it_is_looked_at_and_changed(seen: Seen) -> None:
    task = await seen.running.refer()
    await seen.change_deliveries(age=301)
    for _ in range(3):
        await seen.look()
    await seen.move(task["id"], to="received")
    await seen.change_deliveries(RECORD, age=900)
    for _ in range(3):
        await seen.look()

    assert await seen.events() == ["submitted", "delivery-failed", "received"]
    assert [one["to"] for one in (await _view(seen, task["id"]))["undelivered"]] == ["record"]


async def test_what_the_hub_did_itself_it_need_not_be_told(seen: Seen) -> None:
    task = await seen.running.refer()
    await seen.change_deliveries(HUB_SYSTEM, age=301)
    await seen.deliver(RECORD)
    await seen.look()
    await seen.move(task["id"], to="received", by="Hub desk")  # found by looking, though its system was never told
    await seen.deliver(RECORD)
    await seen.change_deliveries(HUB_SYSTEM, age=900)
    await seen.look()

    assert await seen.events() == ["submitted", "delivery-failed", "received"]
    assert await seen.business() == ["awaiting-triage"]
    assert await seen.late_rows() == []


async def test_both_are_told_at_once(seen: Seen) -> None:
    await seen.running.refer()
    await seen.change_deliveries(age=301)
    await seen.look()

    assert await seen.events() == ["submitted", "delivery-failed"]
    line = await seen.line()
    assert line.startswith("NOT UP TO DATE - ")
    assert line.endswith(f"NOT RECEIVED - phone {PHONE}.")


async def test_a_destination_that_was_retired_waits_for_nothing(seen: Seen) -> None:
    await seen.running.refer()
    await seen.deliver(HUB_SYSTEM)
    await seen.change_deliveries(RECORD, age=301)
    await seen.look()
    await seen.change_destination(state="retired")
    await seen.look()

    assert await seen.events() == ["submitted", "record-behind", "record-caught-up"]


async def test_workers_that_look_at_the_same_time_tell_it_once(seen: Seen, database_url: str) -> None:
    await seen.running.refer()
    await seen.change_deliveries(age=301)
    other = Store(database_url)
    await asyncio.gather(*(tell_of_late(store, 300) for store in (seen.running.store, other) for _ in range(3)))
    await other.close()

    assert await seen.events() == ["submitted", "delivery-failed"]


async def test_who_told_it_is_the_gateway_itself(seen: Seen) -> None:
    task = await seen.running.refer()
    await seen.change_deliveries(age=301)
    await seen.look()

    answer = await seen.running.call("demo-platform", "GET", f"/platform/v1/referrals/{task['id']}/events")
    told = answer.json()["events"][-1]
    assert (told["actor"]["client"], told["actor"]["role"]) == ("gateway", "system")
    assert (told["change"]["from"], told["change"]["to"]) == ("submitted", "delivery-failed")


async def _view(seen: Seen, task_id: str) -> dict[str, list[dict[str, str]]]:
    answer = await seen.running.call("demo-platform", "GET", f"/platform/v1/referrals/{task_id}")
    shown: dict[str, list[dict[str, str]]] = answer.json()
    return shown
