"""$status and $events: how a Subscription stands, and what its events were, asked by GET and by POST."""

from typing import Any

import pytest
from sqlalchemy import update
from tests.app import Json
from tests.subscriptions.hooks import REQUEST, Endpoint, Subscribing, part, status_in, value

from gateway.store.schema import destination
from gateway.validation import check
from mappings.subscription import NOTIFICATION, STATUS


def parameters(**given: str) -> Json:
    kinds = {"id": "valueId", "status": "valueCode", "content": "valueCode"}
    listed = [{"name": name, kinds.get(name, "valueString"): text} for name, text in given.items()]
    return {"resourceType": "Parameters", "parameter": listed}


async def three_events(gateway: Subscribing, endpoint: Endpoint, **asked: Any) -> tuple[str, Json]:
    """A Subscription that is not active yet, with three events; and the Task that they are of."""
    id_ = await gateway.subscribe(endpoint, **asked)
    task = await gateway.running.refer()
    await gateway.move(task, "received", "accepted")
    return id_, task


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_status_of_one(gateway: Subscribing, endpoint: Endpoint, method: str) -> None:
    id_, _ = await three_events(gateway, endpoint)

    bundle = await gateway.asked(f"Subscription/{id_}/$status", method=method)

    assert (bundle["type"], bundle["total"], check(bundle)) == ("searchset", 1, [])
    status = status_in(bundle)
    assert status["meta"]["profile"] == [STATUS]
    assert value(status, "subscription")["reference"].endswith(f"/Subscription/{id_}")
    assert (value(status, "type"), value(status, "status")) == ("query-status", "requested")
    assert value(status, "events-since-subscription-start") == "3"


async def test_status_of_one_ignores_its_parameters(gateway: Subscribing, endpoint: Endpoint) -> None:
    id_ = await gateway.subscribe(endpoint)

    assert (await gateway.asked(f"Subscription/{id_}/$status?id=another&status=off"))["total"] == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["error", "off", "requested"]),
        ("?id={0}", ["requested"]),
        ("?id={0}&id={1}", ["error", "requested"]),
        ("?id={0},{1}", ["error", "requested"]),
        ("?id=nobody", []),
        ("?status=error", ["error"]),
        ("?status=error&status=off", ["error", "off"]),
        ("?status=error,off&id={1}", ["error"]),
        ("?status=active", []),
    ],
)
async def test_status_of_several(gateway: Subscribing, endpoint: Endpoint, query: str, found: list[str]) -> None:
    """Values are alternatives; without ids all are told, without statuses any."""
    ids = [await gateway.subscribe(endpoint) for _ in range(3)]
    async with gateway.running.store.transaction() as connection:
        for id_, state in zip(ids[1:], ("error", "retired"), strict=True):
            await connection.execute(update(destination).where(destination.c.id == id_).values(state=state))

    bundle = await gateway.asked(f"Subscription/$status{query.format(*ids)}")

    assert sorted(value(one["resource"], "status") for one in bundle.get("entry", [])) == found
    assert bundle["total"] == len(found)


async def test_status_of_several_by_post(gateway: Subscribing, endpoint: Endpoint) -> None:
    ids = [await gateway.subscribe(endpoint) for _ in range(2)]

    bundle = await gateway.asked("Subscription/$status", parameters(id=ids[1], status="requested"), "POST")

    assert [value(one["resource"], "subscription")["reference"][-36:] for one in bundle["entry"]] == [ids[1]]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2, 3]),
        ("?eventsSinceNumber=2", [2, 3]),
        ("?eventsUntilNumber=2", [1, 2]),
        ("?eventsSinceNumber=2&eventsUntilNumber=2", [2]),
        ("?eventsSinceNumber=0&eventsUntilNumber=99", [1, 2, 3]),
        ("?eventsSinceNumber=4", []),
    ],
)
async def test_events_by_their_numbers_both_included(
    gateway: Subscribing, endpoint: Endpoint, query: str, numbers: list[int]
) -> None:
    id_, task = await three_events(gateway, endpoint)

    bundle = await gateway.asked(f"Subscription/{id_}/$events{query}")

    status = status_in(bundle)
    assert (bundle["type"], bundle["meta"]["profile"], check(bundle)) == ("history", [NOTIFICATION], [])
    assert (value(status, "type"), value(status, "events-since-subscription-start")) == ("query-event", "3")
    assert [int(part(bundle, "event-number", index)) for index in range(len(numbers))] == numbers
    assert len(bundle["entry"]) == 1 + len(numbers)
    assert all(one["fullUrl"].endswith(f"/Task/{task['id']}") for one in bundle["entry"][1:])


@pytest.mark.parametrize("level", ["empty", "id-only", "full-resource"])
async def test_events_with_as_much_content_as_asked(gateway: Subscribing, endpoint: Endpoint, level: str) -> None:
    id_, _ = await three_events(gateway, endpoint)

    bundle = await gateway.asked(f"Subscription/{id_}/$events", parameters(content=level), "POST")

    entries = bundle["entry"][1:]
    assert [one.get("resource", {}).get("meta", {}).get("versionId") for one in entries] == {
        "empty": [],
        "id-only": [None, None, None],
        "full-resource": ["1", "2", "3"],
    }[level]
    assert (part(bundle, "focus") is None) == (level == "empty")


async def test_events_of_service_requests(gateway: Subscribing, endpoint: Endpoint) -> None:
    id_, task = await three_events(gateway, endpoint, topic=REQUEST, level="full-resource")

    bundle = await gateway.asked(f"Subscription/{id_}/$events")

    (told,) = [one["resource"] for one in bundle["entry"][1:]]
    assert f"{told['resourceType']}/{told['id']}" == task["focus"]["reference"]


async def test_so_many_events_in_one_answer(
    gateway: Subscribing, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sees by the count that there are more asks on from the last."""
    monkeypatch.setattr("gateway.fhir.subscriptions.operations.MOST", 2)
    id_, _ = await three_events(gateway, endpoint)

    first = await gateway.asked(f"Subscription/{id_}/$events")
    rest = await gateway.asked(f"Subscription/{id_}/$events?eventsSinceNumber=3")

    assert (len(first["entry"]) - 1, value(status_in(first), "events-since-subscription-start")) == (2, "3")
    assert part(rest, "event-number") == "3"


@pytest.mark.parametrize(
    "query",
    [
        *("$events?eventsSinceNumber=one", "$events?eventsSinceNumber=-1", "$events?eventsUntilNumber=" + "9" * 40),
        *(
            "$events?content=all",
            "$events?wombat=1",
            "$events?eventsSinceNumber=1&eventsSinceNumber=2",
            "$events?content=",
        ),
        *("$status?wombat=1", "../Subscription/$status?status=well"),
    ],
)
async def test_what_cannot_be_asked(gateway: Subscribing, endpoint: Endpoint, query: str) -> None:
    id_ = await gateway.subscribe(endpoint)
    path = query.removeprefix("../") if query.startswith("..") else f"Subscription/{id_}/{query}"

    assert (await gateway.call("GET", path)).status_code == 400


async def test_other_bodies_than_parameters_are_refused(gateway: Subscribing, endpoint: Endpoint) -> None:
    id_ = await gateway.subscribe(endpoint)

    answer = await gateway.call("POST", f"Subscription/{id_}/$events", {"resourceType": "Patient"})

    assert answer.status_code == 422
