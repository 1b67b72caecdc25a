"""What a Subscription may not ask for: each refusal names the element, and nothing is stored."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.app import Json, issues_of, referral_bundle
from tests.fhir.rest.calls import may
from tests.subscriptions.hooks import FHIR, TASK, Subscribing, subscription

from gateway.fhir.subscriptions.storing import MOST as MOST_OF_ALL
from gateway.filters import MOST
from gateway.store.schema import destination
from mappings.subscription import CHANNEL, HEARTBEAT, MAX_COUNT, TIMEOUT

HERE = "http://127.0.0.1:8099/hooks/tasks"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Subscription.heartbeatPeriod"


def asked(**channel: Any) -> Json:
    return subscription(HERE, **channel)


def with_extension(url: str, **given: Any) -> Json:
    return asked(extension=[{"url": url} | given])


def by(change: Callable[[Json], Any]) -> Json:
    sent = asked()
    change(sent)
    return sent


REFUSED: dict[str, tuple[Json, str]] = {
    "unknown topic": (subscription(HERE, topic="https://topics.example/all"), "Subscription.criteria"),
    "a search in place of a topic": (subscription(HERE, topic="Task?status=completed"), "Subscription.criteria"),
    "filter by what is none": (subscription(HERE, "Task?wombat=1"), "Subscription.criteria.extension[0].value"),
    "filter on another type": (subscription(HERE, "Patient?name=x"), "Subscription.criteria.extension[0].value"),
    "filter without a value": (subscription(HERE, "Task?status="), "Subscription.criteria.extension[0].value"),
    "filter that is none": (subscription(HERE, "status is completed"), "Subscription.criteria.extension[0].value"),
    "filter by a bad date": (subscription(HERE, "Task?modified=gtnow"), "Subscription.criteria.extension[0].value"),
    "filter by a bad modifier": (subscription(HERE, "Task?status:near=x"), "Subscription.criteria.extension[0].value"),
    "filter over a chain": (subscription(HERE, "Task?patient.name=x"), "Subscription.criteria.extension[0].value"),
    "filter by what refers to it": (
        subscription(HERE, "Task?_has:Provenance:target:agent=x"),
        "Subscription.criteria.extension[0].value",
    ),
    "the second filter": (
        subscription(HERE, "Task?status=accepted", "Task?wombat=1"),
        "Subscription.criteria.extension[1].value",
    ),
    "too many filters": (subscription(HERE, *["Task?status=accepted"] * (MOST + 1)), "Subscription.criteria"),
    "no content level": (by(lambda sent: sent["channel"].pop("_payload")), "Subscription.channel.payload.extension"),
    "a level that is none": (asked(level="everything"), "Subscription.channel.payload.extension"),
    "another payload": (asked(payload="application/fhir+xml"), "Subscription.channel.payload"),
    "another version": (asked(payload="application/fhir+json;fhirVersion=5.0"), "Subscription.channel.payload"),
    "no payload": (by(lambda sent: sent["channel"].pop("payload")), "Subscription.channel.payload"),
    "websocket": (asked(type="websocket"), "Subscription.channel.type"),
    "another channel by extension": (
        asked(_type={"extension": [{"url": CHANNEL, "valueCoding": {"code": "zulip"}}]}),
        "Subscription.channel.type",
    ),
    "header with a line break": (asked(header=["X-A: 1\r\nX-Evil: 2"]), "Subscription.channel.header[0]"),
    "header with a line feed": (asked(header=["X-A: 1\nX-Evil: 2"]), "Subscription.channel.header[0]"),
    "header that ends in a line feed": (asked(header=["X-A: 1\n"]), "Subscription.channel.header[0]"),
    "header without a name": (asked(header=["Bearer abc"]), "Subscription.channel.header[0]"),
    "header that frames": (asked(header=["Content-Length: 0"]), "Subscription.channel.header[0]"),
    "header of another host": (asked(header=["Host: intranet.example"]), "Subscription.channel.header[0]"),
    "header twice": (asked(header=["X-A: 1", "x-a: 2"]), "Subscription.channel.header[1]"),
    "header that is not ASCII": (asked(header=["X-A: caf\u00e9"]), "Subscription.channel.header[0]"),
    "heartbeats too often": (with_extension(HEARTBEAT, valueUnsignedInt=1), "Subscription.channel.extension[0]"),
    "heartbeat in words": (with_extension(HEARTBEAT, valueString="often"), "Subscription.channel.extension[0]"),
    "no time to answer": (with_extension(TIMEOUT, valueUnsignedInt=0), "Subscription.channel.extension[0]"),
    "no event a notification": (with_extension(MAX_COUNT, valueUnsignedInt=0), "Subscription.channel.extension[0]"),
    "an extension of R5's": (with_extension(R5, valueUnsignedInt=60), "Subscription.channel.extension[0]"),
    "no endpoint": (by(lambda sent: sent["channel"].pop("endpoint")), "Subscription.channel.endpoint"),
    "over already": (asked() | {"end": "2020-01-01T00:00:00Z"}, "Subscription.end"),
    "off from the start": (asked() | {"status": "off"}, "Subscription.status"),
    "in error from the start": (asked() | {"status": "error"}, "Subscription.status"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_cannot_be_done_is_refused(gateway: Subscribing, what: str) -> None:
    sent, place = REFUSED[what]

    answer = await gateway.call("POST", "Subscription", sent)

    assert answer.status_code == 422, answer.text
    assert place in {expression for _, expression in issues_of(answer)}, answer.text
    assert (await gateway.asked("Subscription")).get("entry") is None
    assert await _kept(gateway) == 0


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://hooks.northdale.example/tasks",  # not TLS
        "https://hooks.northdale.example/tasks",  # not registered
        "https://127.0.0.1/tasks",
        "http://10.0.0.8/tasks",  # a private range
        "https://10.0.0.8/tasks",
        "https://169.254.169.254/latest/meta-data",
        "http://[::1]:8099/hooks",
        "http://localhost:8099/hooks",
        "http://127.0.0.1.evil.example/tasks",
        "http://127.0.0.1:8099@evil.example/tasks",
        "http://user:word@127.0.0.1:8099/tasks",
        "http://127.0.0.1:8099/tasks?to=elsewhere",
        "http://127.0.0.1:8099/a/../b",
        "http://0177.0.0.1/tasks",
        "http://2130706433/tasks",
        "ftp://127.0.0.1/tasks",
        "mailto:hub@northdale.example",
        "file:///etc/passwd",
        "wombat",
    ],
)
async def test_an_endpoint_that_is_not_registered_is_refused(gateway: Subscribing, endpoint: str) -> None:
    answer = await gateway.call("POST", "Subscription", subscription(endpoint))

    assert answer.status_code == 422
    assert issues_of(answer) == [("forbidden", "Subscription.channel.endpoint")]
    assert endpoint not in answer.text


async def test_an_organisation_without_registered_endpoints_has_none(gateway: Subscribing) -> None:
    answer = await gateway.call("POST", "Subscription", asked(), client="demo-epr-2")

    assert issues_of(answer) == [("forbidden", "Subscription.channel.endpoint")]


async def test_every_finding_is_told_at_once(gateway: Subscribing) -> None:
    sent = subscription("https://elsewhere.example", topic="https://topics.example", type="email", header=["no"])

    places = {place for _, place in issues_of(await gateway.call("POST", "Subscription", sent))}

    assert places >= {
        *("Subscription.criteria", "Subscription.channel.type", "Subscription.channel.endpoint"),
        "Subscription.channel.header[0]",
    }


async def test_a_refused_filter_names_what_may_be_filtered_by(gateway: Subscribing) -> None:
    answer = await gateway.call("POST", "Subscription", subscription(HERE, "Task?wombat=1"))

    text = answer.json()["issue"][0]["diagnostics"]
    assert "wombat" in text
    assert all(name in text for name in ("status", "owner", "requester", "patient", "code", "business-status"))


async def test_the_topic_of_one_stays(gateway: Subscribing) -> None:
    created = (await gateway.call("POST", "Subscription", asked())).json()
    other = created | {"criteria": TASK.replace(":task", ":service-request")}

    answer = await gateway.call("PUT", f"Subscription/{created['id']}", other)

    assert issues_of(answer) == [("business-rule", "Subscription.criteria")]


async def test_a_bad_update_changes_nothing(gateway: Subscribing) -> None:
    created = (await gateway.call("POST", "Subscription", asked())).json()
    worse = created | {"channel": created["channel"] | {"endpoint": "https://elsewhere.example"}}

    answer = await gateway.call("PUT", f"Subscription/{created['id']}", worse)

    assert (answer.status_code, await gateway.read(created["id"])) == (422, created)
    async with gateway.running.store.reading() as connection:
        kept = select(destination.c.url).where(destination.c.kind == "fhir-subscription")
        assert (await connection.execute(kept)).scalars().all() == [HERE]


async def test_another_organisation_sees_nothing_of_it(gateway: Subscribing) -> None:
    created = (await gateway.call("POST", "Subscription", asked())).json()
    address = f"Subscription/{created['id']}"

    for method, path in [
        *(("GET", address), ("GET", f"{address}/_history"), ("GET", f"{address}/$status")),
        *(("GET", f"{address}/$events"), ("POST", f"{address}/$events")),
    ]:
        answer = await gateway.call(method, path, client="demo-epr-2")
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await gateway.call("PUT", address, created, client="demo-epr-2")).status_code == 405  # as any unknown id
    assert (await gateway.asked("Subscription", client="demo-epr-2"))["total"] == 0
    assert (await gateway.asked("Subscription/$status", client="demo-epr-2"))["total"] == 0


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (["system/Subscription.c", "system/Task.r"], 201),
        (["system/Subscription.c"], 403),  # it would tell of Tasks
        (["system/Subscription.c", "system/ServiceRequest.r"], 403),
        (["system/Task.r"], 403),
    ],
)
async def test_who_may_subscribe(gateway: Subscribing, scopes: list[str], status: int) -> None:
    client = may(gateway.running, *scopes)

    assert (await gateway.call("POST", "Subscription", asked(), client=client)).status_code == status


async def test_who_may_not_read_tasks_does_not_get_them_by_events(gateway: Subscribing) -> None:
    created = (await gateway.call("POST", "Subscription", asked())).json()
    client = may(gateway.running, "system/Subscription.r")

    assert (await gateway.call("GET", f"Subscription/{created['id']}/$status", client=client)).status_code == 200
    assert (await gateway.call("GET", f"Subscription/{created['id']}/$events", client=client)).status_code == 403
    nobody = may(gateway.running, "system/Task.r")
    assert (await gateway.call("GET", f"Subscription/{created['id']}/$status", client=nobody)).status_code == 403


async def test_an_organisation_has_so_many_at_most(gateway: Subscribing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fhir.subscriptions.storing.MOST", 2)
    answers = [await gateway.call("POST", "Subscription", asked()) for _ in range(3)]
    first = answers[0].json()
    await gateway.call("PUT", f"Subscription/{first['id']}", first | {"status": "off"})
    answers.append(await gateway.call("POST", "Subscription", asked()))

    assert MOST_OF_ALL == 50
    assert [one.status_code for one in answers] == [201, 201, 422, 201]
    assert issues_of(answers[2]) == [("too-costly", "Subscription")]


async def test_the_same_request_again_makes_one(gateway: Subscribing) -> None:
    again = {"X_Request_Id": "3f0c1f0a-6a61-4f0e-9d7b-6b3f1a2c4d5e"}
    answers = [await gateway.call("POST", "Subscription", asked(), **again) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert await _kept(gateway) == 1


async def test_validate_gives_the_judgement_of_the_door_and_stores_nothing(gateway: Subscribing) -> None:
    for sent, place in ((asked(), None), (subscription(HERE, topic="x:y"), "Subscription.criteria")):
        answer = await gateway.call("POST", "Subscription/$validate?mode=create", sent)
        assert (answer.status_code, issues_of(answer)[0][1]) == (200, place)
    assert await _kept(gateway) == 0


async def test_in_a_transaction_there_is_no_place_for_one(gateway: Subscribing) -> None:
    bundle = referral_bundle()
    bundle["entry"].append({"resource": asked(), "request": {"method": "POST", "url": "Subscription"}})
    place = f"Bundle.entry[{len(bundle['entry']) - 1}].resource"

    answer = await gateway.running.call("demo-epr", "POST", FHIR, bundle)

    assert issues_of(answer) == [("not-supported", place)]
    assert await _kept(gateway) == 0


async def test_a_patch_changes_one(gateway: Subscribing) -> None:
    created = (await gateway.call("POST", "Subscription", asked())).json()
    patch = [{"op": "replace", "path": "/status", "value": "off"}]

    answer = await gateway.call(
        "PATCH", f"Subscription/{created['id']}", patch, Content_Type="application/json-patch+json"
    )

    assert (answer.status_code, answer.json()["status"]) == (200, "off")
    async with gateway.running.store.reading() as connection:
        kept = select(destination.c.state).where(destination.c.kind == "fhir-subscription")
        assert (await connection.execute(kept)).scalars().all() == ["retired"]


async def test_it_is_not_deleted_but_set_off(gateway: Subscribing) -> None:
    created = (await gateway.call("POST", "Subscription", asked())).json()

    answer = await gateway.call("DELETE", f"Subscription/{created['id']}")

    assert answer.status_code == 405
    assert "off" in answer.text


async def _kept(gateway: Subscribing) -> int:
    count = select(func.count()).select_from(destination).where(destination.c.kind == "fhir-subscription")
    async with gateway.running.store.reading() as connection:
        return (await connection.execute(count)).scalar_one()
