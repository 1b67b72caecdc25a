"""Changes as BaRS messages: from a referral that came over HTTP to the receiver's socket."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.device import Device
from fhir.resources.R4B.organization import Organization
from tests.app import Json, Running, message_bundle, reference_in, referral_bundle, task_in
from tests.delivery.kinds.told import Receiver, is_so, telling
from tests.waiting import Until

from adapters.bars.messages import BarsMessages
from adapters.ports import Request, Update
from gateway.validation import check, parse

DUPLICATE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "duplicate"}]}


DOS = "https://fhir.nhs.uk/Id/dos-service-id"
BARS = {
    "kind": "bars-message",
    "source": f"{DOS}|2000090001",
    "target": f"{DOS}|2000090099",
    "sender": {"ods_code": "XNP01", "name": "Northdale Social Prescribing Partnership"},
    "use_case": "sp1",
}


def encounter_of(message: Json) -> Json:
    found: Json = next(one["resource"] for one in message["entry"] if one["resource"]["resourceType"] == "Encounter")
    return found


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
        await until(lambda: is_so(len(receiver.asked) == 2))

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
        await until(lambda: is_so(len(receiver.asked) == 1))
        await gateway.call("demo-epr", "POST", "/FHIR/R4", nameless, X_Request_Id=request_id)
        await until(lambda: is_so(len(receiver.asked) == 2))

    headers = [one["entry"][0]["resource"] for one in receiver.bodies]
    assert [one["response"]["identifier"] for one in headers] == [named["id"], request_id]
    assert headers[0]["destination"][0]["endpoint"] == f"{DOS}|2000090099"  # nobody said where else


async def test_a_repeat_is_the_same_and_its_refusal_as_a_duplicate_is_delivery(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until
) -> None:
    receiver.answers = [(503, None), (425, DUPLICATE), (409, DUPLICATE)]
    async with telling(gateway, tmp_path, settings, organisation="XND01", url=receiver.url, **BARS):
        await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())
        await until(lambda: is_so(not receiver.answers))

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
