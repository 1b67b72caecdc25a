"""The life of a Subscription: requested, a handshake, active; error, and active again when its client asks; off."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.subscriptions.hooks import (
    Endpoint,
    Subscribing,
    heartbeat,
    part,
    status_in,
    subscription,
    until_told,
    value,
)
from tests.waiting import until

from gateway.ids import instant, now
from gateway.store.schema import delivery, destination
from gateway.store.subscriptions import living, take


async def test_it_is_requested_until_its_endpoint_has_shaken_hands(gateway: Subscribing, endpoint: Endpoint) -> None:
    sent = subscription(endpoint.url, level="full-resource") | {"status": "active"}
    created = await gateway.call("POST", "Subscription", sent)
    id_ = created.json()["id"]
    assert (created.status_code, created.json()["status"]) == (201, "requested")

    async with gateway.working():
        await gateway.becomes(id_, "active")

    (came,) = endpoint.notified.came
    status = status_in(came["bundle"])
    assert (value(status, "type"), value(status, "status")) == ("handshake", "requested")
    assert value(status, "events-since-subscription-start") == "0"
    assert (value(status, "topic"), len(came["bundle"]["entry"])) == (sent["criteria"], 1)


@pytest.mark.parametrize("answer", [400, 404, 500, 302])
async def test_any_other_answer_to_the_handshake_is_an_error(
    gateway: Subscribing, endpoint: Endpoint, answer: int
) -> None:
    endpoint.notified.statuses = [answer]
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "error")
        await asyncio.sleep(0.2)

    assert len(endpoint.notified.came) == 1  # to be tried again is for the client to ask
    assert (await gateway.read(id_))["error"] == f"The handshake failed: answered {answer}."


async def test_an_endpoint_that_is_not_there_is_an_error(gateway: Subscribing) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(Endpoint("http://127.0.0.1:9/nobody", None))  # type: ignore[arg-type] # only its URL
        await gateway.becomes(id_, "error")

    assert (await gateway.read(id_))["error"] == "The handshake failed: no answer (connect)."


async def test_each_status_is_a_version_of_the_resource_and_is_found(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")

    history = await gateway.asked(f"Subscription/{id_}/_history")
    found = await gateway.asked("Subscription?status=active&url=" + endpoint.url)
    assert [one["resource"]["status"] for one in history["entry"]] == ["active", "requested"]
    assert [one["resource"]["id"] for one in found["entry"]] == [id_]
    assert (await gateway.asked("Subscription?status=requested")).get("entry") is None


async def test_a_restart_does_not_lose_the_handshake(gateway: Subscribing, endpoint: Endpoint) -> None:
    """Whoever took it was killed: when the lease is over, another does it."""
    id_ = await gateway.subscribe(endpoint)
    (one,) = await living(gateway.running.store)
    assert await take(gateway.running.store, one, seconds=2)
    assert await take(gateway.running.store, one, seconds=2) is None  # nobody else meanwhile

    async with gateway.working():
        await gateway.becomes(id_, "active")


async def test_after_three_failures_it_is_in_error_and_the_count_goes_on(
    gateway: Subscribing, endpoint: Endpoint
) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")
        endpoint.notified.statuses = [503] * 3
        await gateway.running.refer()
        await gateway.becomes(id_, "error")
        await gateway.running.refer()
        status = status_in(await gateway.asked(f"Subscription/{id_}/$status"))
        await asyncio.sleep(0.2)

    assert (value(status, "status"), value(status, "events-since-subscription-start")) == ("error", "2")
    assert value(status, "error") == {"text": "Notifications fail: answered 503."}
    assert [one["answered"] for one in endpoint.notified.of_type("event-notification")] == [503] * 3


async def test_asked_again_it_shakes_hands_and_tells_what_was_missed_in_order(
    gateway: Subscribing, endpoint: Endpoint
) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")
        endpoint.notified.statuses = [500] * 3
        task = await gateway.running.refer()
        await gateway.becomes(id_, "error")
        await gateway.move(task, "received", "accepted")
        answer = await gateway.ask_again(id_)
        await until_told(endpoint, 3)
        await gateway.becomes(id_, "active")

    assert (answer.status_code, answer.json()["status"]) == (200, "requested")
    assert "error" not in answer.json()
    handshake = status_in(endpoint.notified.of_type("handshake")[1]["bundle"])
    assert value(handshake, "type") == "handshake"
    assert endpoint.numbers == [1, 2, 3]


@pytest.mark.parametrize("answer", [404, 410])
async def test_an_endpoint_that_is_gone_is_an_error_at_once_and_its_event_waits(
    gateway: Subscribing, endpoint: Endpoint, answer: int
) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")
        endpoint.notified.statuses = [answer]
        await gateway.running.refer()
        await gateway.becomes(id_, "error")
        assert len(endpoint.notified.of_type("event-notification")) == 1
        await gateway.ask_again(id_)
        await until_told(endpoint, 1)

    assert endpoint.numbers == [1]


async def test_an_event_is_never_given_up(gateway: Subscribing, endpoint: Endpoint) -> None:
    """A gap in the numbers would be one that no later notification closes."""
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")
        endpoint.notified.statuses = [500] * 3
        await gateway.running.refer()
        await gateway.becomes(id_, "error")
        for _ in range(2):  # more failures than the schedule has retries
            endpoint.notified.statuses = [200, *[500] * 3]
            await gateway.ask_again(id_)
            await gateway.becomes(id_, "error")
        await gateway.ask_again(id_)
        await until_told(endpoint, 1)

    async with gateway.running.store.reading() as connection:
        row = (await connection.execute(select(delivery).where(delivery.c.destination_id == id_))).one()
    assert (row.state, row.attempts, row.event_number) == ("delivered", 10, 1)


async def test_off_is_silent_and_requested_is_heard_again(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")
        off = await gateway.ask_again(id_, status="off")
        await gateway.running.refer()
        await gateway.ask_again(id_)
        await gateway.becomes(id_, "active")
        await gateway.running.refer()
        await until_told(endpoint, 1)

    assert (off.status_code, off.json()["status"]) == (200, "off")
    assert endpoint.numbers == [1]


async def test_it_ends_at_its_end(gateway: Subscribing, endpoint: Endpoint) -> None:
    sent = subscription(endpoint.url) | {"end": instant(now() + timedelta(seconds=1))}
    id_ = (await gateway.call("POST", "Subscription", sent)).json()["id"]
    async with gateway.working():
        await gateway.becomes(id_, "active")
        await gateway.becomes(id_, "off")
        await gateway.running.refer()

    assert endpoint.events == []


async def test_a_heartbeat_comes_when_it_was_silent_for_its_period_and_counts_as_no_event(
    gateway: Subscribing, endpoint: Endpoint
) -> None:
    async with gateway.working():
        silent = await gateway.subscribe(endpoint)
        id_ = await gateway.subscribe(endpoint, **heartbeat(60))
        await gateway.becomes(silent, "active")
        await gateway.becomes(id_, "active")
        await _let_pass(gateway, seconds=30)
        await asyncio.sleep(0.2)
        assert endpoint.notified.of_type("heartbeat") == []
        await _let_pass(gateway, seconds=31)
        await _until_came(endpoint, "heartbeat", 1)
        await asyncio.sleep(0.2)

    (beat,) = endpoint.notified.of_type("heartbeat")
    status = status_in(beat["bundle"])
    assert value(status, "subscription")["reference"].endswith(id_)
    assert (value(status, "status"), value(status, "events-since-subscription-start")) == ("active", "0")


async def test_heartbeats_that_fail_put_it_in_error(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint, **heartbeat(60))
        await gateway.becomes(id_, "active")
        endpoint.notified.statuses = [503] * 3
        for beats in (1, 2, 3):
            await _let_pass(gateway, seconds=61)
            await _until_came(endpoint, "heartbeat", beats)
            await _until_failures(gateway, id_, beats)
        await gateway.becomes(id_, "error")


async def test_it_waits_until_each_process_knows_of_it(gateway: Subscribing, endpoint: Endpoint) -> None:
    """A process that had not read of it yet would tell it of nothing: from when it is active, it misses nothing."""
    gateway.settings.directory_seconds = 0.6
    began = now()
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")

    assert now() - began >= timedelta(seconds=0.6)


async def test_who_changes_it_during_its_handshake_has_another(gateway: Subscribing, endpoint: Endpoint) -> None:
    endpoint.notified.delay = 0.4
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await _until_came(endpoint, "handshake", 1)
        await gateway.ask_again(id_, reason="Another reason")
        await gateway.becomes(id_, "active")

    assert len(endpoint.notified.of_type("handshake")) == 2
    assert (await gateway.read(id_))["reason"] == "Another reason"


async def test_an_update_that_changes_nothing_leaves_it_active(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")
        before = await gateway.read(id_)
        answer = await gateway.call("PUT", f"Subscription/{id_}", before)

    assert (answer.status_code, answer.json()) == (200, before)


async def test_a_slow_endpoint_holds_up_no_other(gateway: Subscribing, endpoint: Endpoint) -> None:
    endpoint.notified.delay = 3
    async with gateway.working():
        ids = [await gateway.subscribe(endpoint) for _ in range(2)]
        await _until_came(endpoint, "handshake", 2)
        assert {await gateway.status(one) for one in ids} == {"requested"}  # the other came before the one was answered
        await asyncio.gather(*(gateway.becomes(one, "active") for one in ids))


async def test_the_order_of_events_is_by_their_number(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "active")
        endpoint.notified.statuses = [503, 503]
        await asyncio.gather(*(gateway.running.refer() for _ in range(5)))
        await until_told(endpoint, 5)

    told = endpoint.notified.of_type("event-notification")
    assert [int(part(one["bundle"], "event-number")) for one in told] == [1, 1, 1, 2, 3, 4, 5]


async def _let_pass(gateway: Subscribing, seconds: float) -> None:
    """As if so much time had gone by since each was told something last."""
    columns = (destination.c.last_success_at, destination.c.last_failure_at)
    async with gateway.running.store.transaction() as connection:
        rows = (await connection.execute(select(destination.c.id, *columns))).all()
        for row in rows:
            earlier = {
                column.name: moment - timedelta(seconds=seconds)
                for column, moment in zip(columns, row[1:], strict=True)
                if moment
            }
            if earlier:
                await connection.execute(update(destination).where(destination.c.id == row.id).values(earlier))


async def _until_came(endpoint: Endpoint, type_: str, count: int) -> None:
    async def holds() -> bool:
        return len(endpoint.notified.of_type(type_)) >= count

    await until(holds)


async def _until_failures(gateway: Subscribing, id_: str, count: int) -> None:
    async def holds() -> Any:
        async with gateway.running.store.reading() as connection:
            query = select(destination.c.failures).where(destination.c.id == id_)
            return (await connection.execute(query)).scalar_one() >= count

    await until(holds)
