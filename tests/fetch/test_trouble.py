"""When the sender's server cannot be fetched from: tried again, told in the Task, and in the end given up in words."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.fetch.sender import Registered, Sender

from adapters.source.mock import Fault
from gateway.ids import now
from gateway.store.schema import awaited, delivery, event, referral

HTML = {"Content-Type": "text/html"}


async def told(sender: Sender, task_id: str) -> tuple[str, str, str]:
    """Task.status, businessStatus and what statusReason says of the last try."""
    task = await sender.read(task_id)
    reason = task["statusReason"]["text"].partition("At the last try ")[2]
    return task["status"], task["businessStatus"]["coding"][0]["code"], reason


CASES = [
    ("ServiceRequest", Fault(404), "it answered 404 for the ServiceRequest."),
    ("ServiceRequest", Fault(401), "it answered 401 for the ServiceRequest."),
    ("Patient", Fault(500), "it answered 500 for the Patient."),
    ("Patient", Fault(404), "it answered 404 for the Patient."),
    ("Consent", Fault(503), "it answered 503 for the Consent."),
    ("Patient", Fault(200, body=b"{" + b" " * 1_000_000), "its Patient is larger than 1,000,000 bytes."),
    ("Patient", Fault(200, HTML, b"<html>"), "its Patient did not come as application/fhir+json."),
    ("Patient", Fault(200, body=b"not JSON"), "its Patient cannot be read: The JSON is broken"),
    (
        "Patient",
        Fault(200, body=b'{"resourceType": "Patient", "id": "another"}'),
        "it sent something else than the Patient",
    ),
    (
        "Patient",
        Fault(200, body=b'{"resourceType": "Patient", "id": "r0", "gender": "x"}'),
        "its Patient was no valid FHIR R4: ",
    ),
]


@pytest.mark.parametrize(("type_", "fault", "reason"), CASES)
async def test_each_trouble_is_told_and_the_next_try_mends_it(
    sender: Sender, type_: str, fault: Fault, reason: str
) -> None:
    sender.held.faults[f"{type_}/{sender.of(type_)['id']}"] = [fault]
    task_id = await sender.send()

    await sender.fetch()
    status, code, said = await told(sender, task_id)
    assert (status, code) == ("requested", "details-awaited")
    assert said.startswith(reason)
    assert await sender.running.count(referral) == 0

    await sender.fetch()
    [shown] = await sender.referrals()
    assert (shown["id"], shown["version"]) == (task_id, 3)


async def test_a_redirect_is_not_followed(sender: Sender) -> None:
    request, other = f"ServiceRequest/{sender.of('ServiceRequest')['id']}", f"{sender.base}/ServiceRequest/other"
    sender.held.faults[request] = [Fault(302, {"Location": other})]
    task_id = await sender.send()
    await sender.fetch()

    assert (await told(sender, task_id))[2].startswith("it sends elsewhere for the ServiceRequest (302)")
    assert [name for name, _ in sender.held.asked] == [request]


@pytest.mark.parametrize(
    ("otherwise", "reason"),
    [
        ({"private": False}, "its address is in a private network, for which it is not registered."),
        ({"authorization": "Bearer wrong"}, "it answered 401 for the ServiceRequest."),
        ({"authorization": None}, "it answered 401 for the ServiceRequest."),
    ],
)
async def test_a_server_that_is_registered_wrongly(
    registered: Registered, otherwise: dict[str, Any], reason: str
) -> None:
    sender = await registered(**otherwise)
    task_id = await sender.send()
    await sender.fetch()

    assert (await told(sender, task_id))[2] == reason


async def test_a_server_that_is_not_there(registered: Registered) -> None:
    sender = await registered(base_url="http://127.0.0.1:9/FHIR/R4")
    task_id = await sender.send()
    await sender.fetch()

    assert (await told(sender, task_id))[2] == "it cannot be connected to."


async def test_the_same_trouble_again_makes_no_further_version(sender: Sender) -> None:
    request = f"ServiceRequest/{sender.of('ServiceRequest')['id']}"
    sender.held.faults[request] = [Fault(500), Fault(500)]
    task_id = await sender.send()
    versions = []
    for _ in range(2):
        await sender.fetch()
        versions.append((await sender.read(task_id))["meta"]["versionId"])

    assert versions == ["2", "2"]


async def test_after_the_last_try_the_task_has_failed_and_says_so(sender: Sender) -> None:
    request = sender.of("ServiceRequest")
    del sender.held.resources[f"ServiceRequest/{request['id']}"]
    task_id = await sender.send()
    for _ in range(3):
        await sender.fetch()

    task = await sender.read(task_id)
    assert await told(sender, task_id) == ("failed", "details-not-received", "it answered 404 for the ServiceRequest.")
    assert task["note"][-1]["text"].startswith("NOT RECEIVED - nobody has this referral.")
    async with sender.running.store.reading() as connection:
        row = (await connection.execute(select(awaited))).one()
        types = (await connection.execute(select(event.c.type).order_by(event.c.number))).scalars().all()
        due = (await connection.execute(select(delivery.c.number).order_by(delivery.c.number))).scalars().all()
    assert (row.state, row.attempts, row.last_failure) == ("dead", 3, "it answered 404 for the ServiceRequest")
    assert types == ["details-awaited", "details-awaited", "details-not-received"]
    assert due == [1, 2, 3]  # the EPR hears of each
    status = (await sender.running.call("demo-epr", "GET", "/_status")).json()
    others = (await sender.running.call("demo-epr-2", "GET", "/_status")).json()
    assert (status["fetches"], others["fetches"]) == ({"due": 0, "dead": 1}, {"due": 0, "dead": 0})


async def test_a_request_that_was_given_up_can_be_sent_again(sender: Sender) -> None:
    request = sender.of("ServiceRequest")
    del sender.held.resources[f"ServiceRequest/{request['id']}"]
    given_up = await sender.send()
    for _ in range(3):
        await sender.fetch()
    sender.held.keep(request)
    again = await sender.send()
    await sender.fetch()

    [shown] = await sender.referrals()
    assert shown["id"] == again != given_up


async def test_what_is_not_there_or_not_for_us_is_left_out_unless_it_is_needed(sender: Sender) -> None:
    request = sender.of("ServiceRequest")
    request["supportingInfo"] += [{"reference": "Observation/gone", "display": "PHQ-9"}]
    await sender.send()
    await sender.fetch()

    [shown] = await sender.referrals()
    stored = await sender.running.call("demo-epr", "GET", "/FHIR/R4/ServiceRequest?identifier=" + name_of(request))
    [entry] = stored.json()["entry"]
    assert entry["resource"]["supportingInfo"][-1]["reference"] == f"{sender.base}/Observation/gone"
    assert shown["status"] == "submitted"


async def test_thirty_resources_at_most_are_read(sender: Sender) -> None:
    request = sender.of("ServiceRequest")
    flags = [
        {"resourceType": "Flag", "id": f"f{number}", "status": "active", "code": {"text": "Lives alone"}}
        | {"subject": request["subject"]}
        for number in range(40)
    ]
    sender.held.keep(*flags)
    request["supportingInfo"] += [{"reference": f"Flag/{flag['id']}"} for flag in flags]
    await sender.send()
    await sender.fetch()

    assert len(sender.held.asked) == 30
    assert await sender.running.count(referral) == 1


async def test_a_server_that_does_not_answer_in_time(sender: Sender) -> None:
    sender.gateway.settings.fetch_timeout_seconds = 1.0
    sender.held.faults[f"ServiceRequest/{sender.of('ServiceRequest')['id']}"] = [Fault(seconds=2)]
    task_id = await sender.send()
    await sender.fetch()

    assert (await told(sender, task_id))[2] == "it did not answer in time for the ServiceRequest."


async def test_a_whole_that_takes_too_long(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fetching.READS", 0.04)
    sender.held.faults[f"ServiceRequest/{sender.of('ServiceRequest')['id']}"] = [Fault(seconds=4)]
    task_id = await sender.send()
    await sender.fetch()

    assert (await told(sender, task_id))[2] == "it took too long for the whole of them."


async def test_a_server_that_is_registered_no_more(sender: Sender) -> None:
    task_id = await sender.send()
    async with sender.running.store.transaction() as connection:
        await connection.execute(update(awaited).values(url="https://epr.example/FHIR/R4/ServiceRequest/1"))
    await sender.fetch()

    assert (await told(sender, task_id))[2] == "it was registered here no more."


async def test_a_due_fetch_shows_in_the_status(sender: Sender) -> None:
    await sender.send()

    status = (await sender.running.call("demo-platform", "GET", "/_status")).json()
    assert status["fetches"] == {"due": 1, "dead": 0}


def name_of(request: dict[str, Any]) -> str:
    [name] = request["identifier"]
    return f"{name['system']}|{name['value']}"


async def test_the_next_try_waits(sender: Sender) -> None:
    sender.gateway.settings.retry_seconds = (1000, 1000)
    sender.held.faults[f"Patient/{sender.of('Patient')['id']}"] = [Fault(500)]
    await sender.send()
    await sender.fetch()

    async with sender.running.store.reading() as connection:
        due_at = (await connection.execute(select(awaited.c.due_at))).scalar_one()
    assert now() < due_at <= now() + timedelta(seconds=1000)
