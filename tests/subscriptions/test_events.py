"""What a Subscription is told: which changes, how much of them, in which order, and again after a restart."""

import asyncio
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from sqlalchemy import select, update
from sqlalchemy.event import listen
from tests.app import referral_bundle, resource_of
from tests.subscriptions.hooks import (
    REQUEST,
    Endpoint,
    Subscribing,
    part,
    status_in,
    until_told,
    value,
)

from gateway.app import work
from gateway.store.schema import delivery, destination
from gateway.validation import check
from mappings.subscription import NOTIFICATION, STATUS


async def active(gateway: Subscribing, endpoint: Endpoint, *filters: str, **asked: Any) -> str:
    id_ = await gateway.subscribe(endpoint, *filters, **asked)
    await gateway.becomes(id_, "active")
    return id_


async def test_each_change_of_a_task_is_told_in_order_with_its_number(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        await active(gateway, endpoint)
        task = await gateway.running.refer()
        await gateway.move(task, "received", "accepted")
        other = await gateway.running.refer()
        await until_told(endpoint, 4)

    assert endpoint.numbers == [1, 2, 3, 4]
    assert [part(one, "focus")["reference"].rpartition("/")[2] for one in endpoint.events] == [
        *[task["id"]] * 3,
        other["id"],
    ]


@pytest.mark.parametrize("level", ["empty", "id-only", "full-resource"])
async def test_a_notification_holds_what_its_level_says(gateway: Subscribing, endpoint: Endpoint, level: str) -> None:
    async with gateway.working():
        id_ = await active(gateway, endpoint, level=level)
        task = await gateway.running.refer()
        await until_told(endpoint, 1)

    bundle = endpoint.events[0]
    status, entries = status_in(bundle), bundle["entry"][1:]
    address = f"http://gateway.example/FHIR/R4/Task/{task['id']}"
    assert (bundle["type"], bundle["meta"]["profile"]) == ("history", [NOTIFICATION])
    assert (status["resourceType"], status["meta"]["profile"]) == ("Parameters", [STATUS])
    assert value(status, "subscription") == {"reference": f"http://gateway.example/FHIR/R4/Subscription/{id_}"}
    assert (value(status, "status"), value(status, "type")) == ("active", "event-notification")
    assert (value(status, "events-since-subscription-start"), part(bundle, "event-number")) == ("1", "1")
    assert part(bundle, "timestamp") == task["meta"]["lastUpdated"]
    match level:
        case "empty":
            assert (value(status, "topic"), part(bundle, "focus"), entries) == (None, None, [])
        case "id-only":
            read = {"request": {"method": "GET", "url": address}, "response": {"status": "200"}}
            assert entries == [{"fullUrl": address} | read]
        case _:
            assert [one["resource"] for one in entries] == [task]
            assert entries[0]["fullUrl"] == part(bundle, "focus")["reference"] == address
            assert (entries[0]["request"], entries[0]["response"]["status"]) == (
                {"method": "POST", "url": "Task"},
                "201",
            )


async def test_each_notification_is_valid_r4(gateway: Subscribing, endpoint: Endpoint) -> None:
    """By the gateway's own check and by another's model; each entry has request and response (bdl-3, bdl-4)."""
    async with gateway.working():
        for level in ("empty", "id-only", "full-resource"):
            await active(gateway, endpoint, level=level)
        task = await gateway.running.refer()
        await gateway.move(task, "received")
        await until_told(endpoint, 6)

    for one in endpoint.notified.came:
        bundle = one["bundle"]
        assert check(bundle) == []
        Bundle.model_validate(bundle)
        assert all(entry.keys() >= {"fullUrl", "request", "response"} for entry in bundle["entry"])
        assert (
            bundle["entry"][0]["request"]["url"] == f"{value(status_in(bundle), 'subscription')['reference']}/$status"
        )
        assert bundle["entry"][0]["fullUrl"] == f"urn:uuid:{status_in(bundle)['id']}"


async def test_the_request_goes_out_as_the_channel_says(gateway: Subscribing, endpoint: Endpoint) -> None:
    header = ["Authorization: Bearer invented-token", "X-Team: Northdale"]
    async with gateway.working():
        await active(gateway, endpoint, header=header, payload="application/fhir+json;fhirVersion=4.0")
        await gateway.running.refer()
        await until_told(endpoint, 1)

    for one in endpoint.notified.came:
        assert one["path"] == "/hooks/tasks"
        assert one["headers"]["content-type"] == "application/fhir+json;fhirVersion=4.0"
        assert (one["headers"]["authorization"], one["headers"]["x-team"]) == ("Bearer invented-token", "Northdale")


@pytest.mark.parametrize(
    ("filters", "heard"),
    [
        (["Task?status=accepted"], ["accepted"]),
        (["Task?status:not=requested", "Task?status:not=received"], ["accepted"]),
        (["Task?status=received,accepted&intent=order"], ["received", "accepted"]),
        (["Task?code=fulfill", "Task?status=rejected"], []),
    ],
)
async def test_filters_choose_and_all_must_hold(
    gateway: Subscribing, endpoint: Endpoint, filters: list[str], heard: list[str]
) -> None:
    async with gateway.working():
        id_ = await active(gateway, endpoint, *filters, level="full-resource")
        task = await gateway.running.refer()
        await gateway.move(task, "received", "accepted")
        told = value(status_in(await gateway.asked(f"Subscription/{id_}/$status")), "events-since-subscription-start")
        await until_told(endpoint, len(heard))

    assert told == str(len(heard))
    assert [one["entry"][1]["resource"]["status"] for one in endpoint.events] == heard


async def test_a_filter_by_whom_it_is_about_takes_any_spelling_of_a_reference(
    gateway: Subscribing, endpoint: Endpoint
) -> None:
    task = await gateway.running.refer()
    patient = task["for"]["reference"]
    base = "http://gateway.example/FHIR/R4"
    filters = [f"Task?patient={patient}", f"Task?patient={base}/{patient}", f"Task?subject={patient},Patient/other"]
    async with gateway.working():
        for one in [*filters, "Task?patient=Patient/another"]:
            await active(gateway, endpoint, one)
        await gateway.move(task, "received")
        await until_told(endpoint, 3)

    assert len(endpoint.events) == 3


async def test_the_other_topic_tells_of_service_requests(gateway: Subscribing, endpoint: Endpoint) -> None:
    """When they are sent, amended and taken back; not when only the Task moves."""
    async with gateway.working():
        await active(gateway, endpoint, topic=REQUEST, level="full-resource")
        bundle = referral_bundle()
        answer = await gateway.call("POST", "", bundle)
        task, request = resource_of(answer.json(), "Task"), resource_of(answer.json(), "ServiceRequest")
        await gateway.move(task, "received")
        amended = request | {"note": [{"text": "She prefers mornings."}]}
        assert (await gateway.call("PUT", f"ServiceRequest/{request['id']}", amended)).status_code == 200
        taken_back = {**task, "status": "cancelled"}
        current = await gateway.asked(f"Task/{task['id']}")
        answer = await gateway.call("PUT", f"Task/{task['id']}", current | {"status": taken_back["status"]})
        assert answer.status_code == 200, answer.text
        await until_told(endpoint, 3)

    told = [one["entry"][1]["resource"] for one in endpoint.events]
    assert [(one["resourceType"], one["id"], one["meta"]["versionId"]) for one in told] == [
        ("ServiceRequest", request["id"], version) for version in "123"
    ]
    assert [one["status"] for one in told] == ["active", "active", "revoked"]
    assert [one["entry"][1]["request"]["method"] for one in endpoint.events] == ["POST", "PUT", "PUT"]


async def test_another_organisations_changes_are_never_told(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        id_ = await active(gateway, endpoint)
        answer = await gateway.running.call("demo-epr-2", "POST", "/FHIR/R4", referral_bundle())
        assert answer.status_code == 200, answer.text
        told = value(status_in(await gateway.asked(f"Subscription/{id_}/$status")), "events-since-subscription-start")

    assert (told, endpoint.events) == ("0", [])


async def test_an_event_comes_again_with_its_number_and_id_when_its_answer_was_lost(
    gateway: Subscribing, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is killed after the send, before it could record it; when its lease is over, another sends again."""
    gateway.settings.lease_seconds, gateway.settings.send_timeout_seconds = 4, 2
    async with gateway.working():
        id_ = await active(gateway, endpoint)

    async def never(*_: Any) -> list[str]:
        await asyncio.Event().wait()
        return []

    with monkeypatch.context() as patch:
        patch.setattr("gateway.delivery.finish", never)
        killed = asyncio.create_task(work(gateway.running.app.state.gateway, asyncio.Event()))
        await gateway.running.refer()
        await until_told(endpoint, 1)
        killed.cancel()
        await asyncio.wait([killed])
    async with gateway.working():
        await until_told(endpoint, 2)
        await gateway.running.refer()
        await until_told(endpoint, 3)

    first, again, _ = endpoint.events
    assert (first["id"], status_in(first)["id"]) == (again["id"], status_in(again)["id"])
    assert endpoint.numbers == [1, 1, 2]
    assert await gateway.status(id_) == "active"


async def test_numbers_count_on_over_restarts_and_while_nobody_sends(gateway: Subscribing, endpoint: Endpoint) -> None:
    async with gateway.working():
        await active(gateway, endpoint)
        await gateway.running.refer()
        await until_told(endpoint, 1)
    await gateway.running.refer()  # the worker is down, but what happens is kept
    await gateway.running.refer()
    async with gateway.working():
        await until_told(endpoint, 3)

    assert endpoint.numbers == [1, 2, 3]


async def test_many_at_once_are_numbered_without_gap_or_double(gateway: Subscribing, endpoint: Endpoint) -> None:
    id_ = await gateway.subscribe(endpoint)
    await asyncio.gather(*(gateway.running.refer() for _ in range(12)))
    statuses = await asyncio.gather(*(gateway.asked(f"Subscription/{id_}/$status") for _ in range(4)))
    async with gateway.working():
        await until_told(endpoint, 12)

    assert {value(status_in(one), "events-since-subscription-start") for one in statuses} == {"12"}
    assert endpoint.numbers == list(range(1, 13))


async def test_where_nobody_subscribes_nothing_is_kept_for_it(gateway: Subscribing) -> None:
    await gateway.running.refer()
    async with gateway.running.store.reading() as connection:
        rows = (await connection.execute(select(delivery.c.destination_id, delivery.c.event_number))).all()

    assert [tuple(row) for row in rows] == [("northdale-rio", None)]


async def test_a_referral_costs_no_statement_more_when_somebody_subscribes(
    gateway: Subscribing, endpoint: Endpoint
) -> None:
    said: list[str] = []
    listen(gateway.running.store.engine.sync_engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    await gateway.running.refer()
    said.clear()
    await gateway.running.refer()
    before = len(said)
    for level in ("empty", "full-resource"):
        await gateway.subscribe(endpoint, "Task?status=requested", level=level)
    said.clear()
    await gateway.running.refer()

    assert len(said) == before
    async with gateway.running.store.reading() as connection:
        heard = select(delivery.c.id).where(delivery.c.event_number == 0)
        assert len((await connection.execute(heard)).all()) == 2


async def test_a_longest_time_to_answer_is_kept(gateway: Subscribing, endpoint: Endpoint) -> None:
    timeout = {"url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-timeout"}
    endpoint.notified.delay = 3
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint, extension=[timeout | {"valueUnsignedInt": 1}])
        await gateway.becomes(id_, "error")

    assert "no answer" in (await gateway.read(id_))["error"]


async def test_max_count_is_kept_because_each_event_goes_by_itself(gateway: Subscribing, endpoint: Endpoint) -> None:
    most = {"url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-max-count"}
    async with gateway.working():
        await active(gateway, endpoint, extension=[most | {"valuePositiveInt": 1}])
        await asyncio.gather(*(gateway.running.refer() for _ in range(3)))
        await until_told(endpoint, 3)

    assert all(len(one["entry"]) == 2 for one in endpoint.events)


async def test_a_redirect_is_not_followed(gateway: Subscribing, endpoint: Endpoint) -> None:
    endpoint.notified.statuses = [307]
    async with gateway.working():
        id_ = await gateway.subscribe(endpoint)
        await gateway.becomes(id_, "error")

    assert [one["path"] for one in endpoint.notified.came] == ["/hooks/tasks"]
    assert (await gateway.read(id_))["error"] == "The handshake failed: answered 307."


async def test_the_platform_and_the_operators_see_it_as_a_destination(gateway: Subscribing, endpoint: Endpoint) -> None:
    id_ = await gateway.subscribe(endpoint)
    async with gateway.running.store.reading() as connection:
        row = (await connection.execute(select(destination).where(destination.c.id == id_))).one()

    assert (row.organisation, row.kind, row.url) == ("XND01", "fhir-subscription", endpoint.url)
    assert row.owner == "phone 01632 960150"


async def test_a_pause_by_the_operators_holds_events_back_and_a_client_cannot_lift_it(
    gateway: Subscribing, endpoint: Endpoint
) -> None:
    async with gateway.working():
        id_ = await active(gateway, endpoint)
        await _set_state(gateway, id_, "paused")
        await gateway.running.refer()
        refused = await gateway.ask_again(id_)
        told = await gateway.asked(f"Subscription/{id_}/$status")
        assert endpoint.events == []
        await _set_state(gateway, id_, "healthy")
        await until_told(endpoint, 1)

    assert refused.status_code == 409
    assert value(status_in(told), "events-since-subscription-start") == "1"


async def _set_state(gateway: Subscribing, id_: str, state: str) -> None:
    async with gateway.running.store.transaction() as connection:
        await connection.execute(update(destination).where(destination.c.id == id_).values(state=state))
