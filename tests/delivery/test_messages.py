"""Changes as BaRS messages and as signed events: from a referral that came over HTTP to the receiver's socket."""

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.device import Device
from fhir.resources.R4B.organization import Organization
from sqlalchemy import update
from standardwebhooks import Webhook, WebhookVerificationError
from tests.app import Json, Running, message_bundle, reference_in, referral_bundle, start, task_in
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters.bars.messages import BarsMessages
from adapters.ports import Request, Update
from gateway.delivery import run
from gateway.demo.parties import demo_parties
from gateway.parties import read_parties, register
from gateway.store.schema import destination
from gateway.validation import check, parse

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
DUPLICATE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "duplicate"}]}
DOS = "https://fhir.nhs.uk/Id/dos-service-id"
BARS = {
    "kind": "bars-message",
    "source": f"{DOS}|2000090001",
    "target": f"{DOS}|2000090099",
    "sender": {"ods_code": "XNP01", "name": "Northdale Social Prescribing Partnership"},
    "use_case": "sp1",
}


@dataclass
class Receiver:
    url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)  # one after the other; then 200
    asked: list[Asked] = field(default_factory=list)

    @property
    def bodies(self) -> list[Json]:
        return [json.loads(one.body) for one in self.asked]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()

    async def speak(asked: Asked, writer: Any) -> None:
        receiver.asked.append(asked)
        status, body = receiver.answers.pop(0) if receiver.answers else (200, None)
        answer(writer, status, json.dumps(body).encode())

    async with neighbour(speak) as receiver.url:
        yield receiver


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    running = await start(database_url, tmp_path)
    yield running
    await running.http.aclose()
    await running.store.close()


@asynccontextmanager
async def telling(gateway: Running, folder: Path, settings: Any, **told: Any) -> AsyncIterator[None]:
    """A worker, and one destination more than the demo's, whose own is left out."""
    document = demo_parties(folder / "keys").model_dump(mode="json", exclude={"destinations"}, exclude_none=True)
    owned = {"id": "told", "owner": "Desk, 01632 960150", "private": True}
    document["destinations"] = [owned | told]
    async with gateway.store.transaction() as connection:
        await connection.execute(update(destination).values(state="retired"))
    await register(gateway.store, read_parties(document, "test"))
    stop = asyncio.Event()
    worker = asyncio.create_task(run(gateway.store, settings, stop))
    try:
        yield
    finally:
        stop.set()
        await worker


def encounter_of(message: Json) -> Json:
    found: Json = next(one["resource"] for one in message["entry"] if one["resource"]["resourceType"] == "Encounter")
    return found


# --- BaRS ------------------------------------------------------------------------------------------------------------


async def test_a_referral_that_came_by_message_is_answered_by_messages_that_name_it(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until
) -> None:
    bundle, correlation_id = message_bundle(), str(uuid4())
    async with telling(gateway, tmp_path, settings, organisation="XND01", url=receiver.url, **BARS):
        sent = await gateway.call(
            "demo-epr",
            "POST",
            "/FHIR/R4/$process-message",
            bundle,
            X_Request_Id=str(uuid4()),
            X_Correlation_Id=correlation_id,
        )
        task = task_in(sent.json())
        moved = await gateway.call(
            "demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/transitions", {"to": "received"}
        )
        assert moved.status_code == 200, moved.text
        await until(lambda: _is(len(receiver.asked) == 2))

    first, second = receiver.bodies
    for message in (first, second):
        header = message["entry"][0]["resource"]
        assert check(parse(json.dumps(message).encode())) == []
        Bundle.model_validate(message)
        assert header["response"]["identifier"] == bundle["id"]
        assert header["destination"][0]["endpoint"] == "https://rio.northdale.example/FHIR/R4"
        assert encounter_of(message)["identifier"][0]["value"] == reference_in(task)
        assert encounter_of(message)["status"] == "planned"
        assert "9993105627" in json.dumps(message)
    reasons = [one["entry"][0]["resource"]["reason"]["coding"][0]["code"] for one in (first, second)]
    assert reasons == ["new", "update"]
    assert [one.path for one in receiver.asked] == ["/$process-message"] * 2
    assert [one.headers["x-correlation-id"] for one in receiver.asked] == [correlation_id] * 2
    assert len({UUID(one.headers["x-request-id"]) for one in receiver.asked}) == 2


async def test_a_referral_that_came_otherwise_is_answered_by_the_id_of_its_bundle_or_its_request(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until
) -> None:
    named, nameless, request_id = referral_bundle() | {"id": str(uuid4())}, referral_bundle(), str(uuid4())
    nameless.pop("id", None)
    async with telling(gateway, tmp_path, settings, organisation="XND01", url=receiver.url, **BARS):
        await gateway.call("demo-epr", "POST", "/FHIR/R4", named)
        await until(lambda: _is(len(receiver.asked) == 1))
        await gateway.call("demo-epr", "POST", "/FHIR/R4", nameless, X_Request_Id=request_id)
        await until(lambda: _is(len(receiver.asked) == 2))

    headers = [one["entry"][0]["resource"] for one in receiver.bodies]
    assert [one["response"]["identifier"] for one in headers] == [named["id"], request_id]
    assert headers[0]["destination"][0]["endpoint"] == f"{DOS}|2000090099"  # nobody said where else


async def test_a_repeat_is_the_same_and_its_refusal_as_a_duplicate_is_delivery(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until
) -> None:
    receiver.answers = [(503, None), (425, DUPLICATE), (409, DUPLICATE)]
    async with telling(gateway, tmp_path, settings, organisation="XND01", url=receiver.url, **BARS):
        await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())
        await until(lambda: _is(not receiver.answers))

    one, two, three = receiver.asked
    assert one.body == two.body == three.body
    assert one.headers["x-request-id"] == two.headers["x-request-id"] == three.headers["x-request-id"]


def a_bars_update(url: str, **changed: Any) -> Update:
    task = {
        "resourceType": "Task",
        "id": "0198f2a4-7c00-7000-8000-000000000005",
        "meta": {"versionId": "1", "lastUpdated": "2026-03-02T09:30:00.000Z"},
        "status": "received",
        "note": [{"authorString": "Social prescribing gateway", "text": "Received."}],
    }
    options = BARS | {"private": True, "versions": {"application": "1.0.0", "api": "1.4.0"}}
    request = {"resourceType": "ServiceRequest", "id": "sr1", "status": "active", "intent": "order"}
    one = Update(
        "0198f2a4-7c00-7000-8000-0000000000d1",
        "0198f2a4-7c00-7000-8000-000000000005",
        1,
        json.dumps(task).encode(),
        "received",
        datetime(2026, 3, 2, tzinfo=UTC),
        "c1",
        url,
        "",
        options,
        request=Request(request, "m1"),
    )
    return replace(one, **changed)


async def test_the_headers_that_bars_asks_for(receiver: Receiver) -> None:
    adapter = BarsMessages(2)
    assert (await adapter.send(a_bars_update(receiver.url))).delivered
    await adapter.send(a_bars_update(receiver.url, previous=1))
    await adapter.close()

    headers = receiver.asked[0].headers
    target, organisation, software = (
        json.loads(b64decode(headers[f"nhsd-{name}"]))
        for name in ("target-identifier", "end-user-organisation", "requesting-software")
    )
    assert target == {"system": DOS, "value": "2000090099"}
    assert organisation["identifier"][0]["value"] == "XNP01"
    Organization.model_validate(organisation)
    Device.model_validate(software)
    assert headers["accept"] == "application/fhir+json; version=1.4.0"
    assert headers["content-type"] == "application/fhir+json"
    assert headers["use-context"] == "sp1|referral|servicerequest-response|new"
    assert receiver.asked[1].headers["use-context"] == "sp1|referral|servicerequest-response|update"


@pytest.mark.parametrize(
    ("status", "body", "delivered", "down"),
    [
        (200, None, True, None),
        (409, DUPLICATE, True, None),
        (409, {**DUPLICATE, "issue": [{"severity": "error", "code": "conflict"}]}, False, None),
        (425, DUPLICATE, False, False),  # it is there, and at work on this message
        (422, None, False, None),
        (503, None, False, None),
    ],
)
async def test_what_each_answer_means(
    receiver: Receiver, status: int, body: Any, delivered: bool, down: bool | None
) -> None:
    receiver.answers = [(status, body)]
    adapter = BarsMessages(2)
    answered = await adapter.send(a_bars_update(receiver.url))
    await adapter.close()

    assert (answered.status, answered.delivered, answered.down) == (status, delivered, down)


# --- signed events ---------------------------------------------------------------------------------------------------


async def test_a_platform_hears_of_its_hubs_referrals_by_signed_events(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until, secret: str
) -> None:
    hook = {"kind": "webhook", "secret": secret, "organisation": "XNP01"}
    bundle = referral_bundle()
    base = {"base_url": "https://gateway.example"}
    chosen = settings.model_copy(update=base)
    async with telling(gateway, tmp_path, chosen, url=f"{receiver.url}/hook", hubs=["northdale-wellbeing-hub"], **hook):
        task = task_in((await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)).json())
        await gateway.call(
            "demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/transitions", {"to": "received"}
        )
        await until(lambda: _is(len(receiver.asked) == 2))

    for asked in receiver.asked:
        assert asked.path == "/hook"
        assert asked.headers["content-type"] == "application/cloudevents+json"
        Webhook(secret).verify(asked.body, asked.headers)
        assert asked.headers["webhook-id"] == json.loads(asked.body)["id"]
    first, second = receiver.bodies
    assert [one["type"].rpartition(".")[2] for one in (first, second)] == ["submitted", "received"]
    assert first["subject"] == second["subject"] == reference_in(task)
    assert second["dataref"] == f"https://gateway.example/platform/v1/referrals/{task['id']}"
    assert first["sequence"] < second["sequence"]
    sent = json.dumps(bundle)
    for secret_word in re.findall(r'"(?:family|value|text|line|birthDate)": "([^"]{5,})"', sent):
        assert secret_word not in receiver.asked[0].body.decode()


async def test_a_platform_hears_nothing_of_other_hubs(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until, secret: str
) -> None:
    hook = {"kind": "webhook", "secret": secret, "organisation": "XSP01"}
    async with telling(gateway, tmp_path, settings, url=receiver.url, hubs=["southholme-link-hub"], **hook):
        answered = await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())
        assert answered.status_code == 200
        await asyncio.sleep(0.3)

    assert receiver.asked == []


async def test_a_sender_may_have_events_too_which_lead_to_its_task(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until, secret: str
) -> None:
    hook = {"kind": "webhook", "secret": secret, "organisation": "XND01"}
    async with telling(gateway, tmp_path, settings, url=receiver.url, **hook):
        task = task_in((await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())).json())
        await until(lambda: _is(len(receiver.asked) == 1))

    assert receiver.bodies[0]["dataref"].endswith(f"/FHIR/R4/Task/{task['id']}")


@pytest.mark.parametrize("spoilt", ["body", "id", "time", "nothing"])
def test_the_snippet_of_the_readme_verifies_an_event(secret: str, spoilt: str) -> None:
    readme = (Path(__file__).parents[2] / "src/adapters/webhook/README.md").read_text("utf-8")
    [snippet] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    room: dict[str, Any] = {}
    exec(snippet, room)
    now = datetime.now(UTC)
    body = b'{"specversion":"1.0","id":"d1"}'
    headers = {
        "webhook-id": "d1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("d1", now, body.decode()),
    }
    if spoilt == "id":
        headers["webhook-id"] = "d2"
    if spoilt == "time":
        headers["webhook-timestamp"] = str(int(now.timestamp()) - 3600)

    taken = room["is_ours"](secret, headers, body + b" " if spoilt == "body" else body)

    assert taken is (spoilt == "nothing")
    if spoilt == "nothing":
        Webhook(secret).verify(body, headers)
    else:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" " if spoilt == "body" else body, headers)


async def _is(held: bool) -> bool:
    return held
