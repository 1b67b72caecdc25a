"""Somebody follows the contract: sends its examples, in the story's order, to a gateway that never saw them."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import respx
from fastapi import FastAPI
from tests.app import BASE, Running, start
from tests.cds_hooks.calling import claims, sign
from tests.contract.written import UUID, Written, learn
from tools.contract.pushed import BARS
from tools.contract.stage import set_stage
from tools.contract.telling import FORM, Exchange

import adapters.http
from adapters.ports import Update
from gateway.delivery import build_adapters
from gateway.demo.parties import private_key
from gateway.security import assertion
from gateway.settings import Settings
from gateway.validation import check, parse

Json = dict[str, Any]
Story = tuple[FastAPI, list[Exchange]]

TOKEN = ("POST", "/oauth2/token")
CARDS, FEEDBACK = ("POST", "/cds-services/{id}"), ("POST", "/cds-services/{id}/feedback")
SIGNED = {TOKEN, CARDS, FEEDBACK}  # a signature is good for some minutes, and once


@pytest.fixture
async def gateway(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Running]:
    shutil.copy(sqlite_template, tmp_path / "gateway.db")
    running = await start(f"sqlite+aiosqlite:///{tmp_path}/gateway.db", tmp_path)
    await set_stage(running, tmp_path / "keys")
    yield running
    await running.stop()


def renamed(value: Any, names: dict[str, str]) -> Any:
    return json.loads(UUID.sub(lambda found: names.get(found[0], found[0]), json.dumps(value)))


async def test_the_examples_can_be_sent_and_the_answers_are_as_described(
    gateway: Running, story: Story, written: Written
) -> None:
    names: dict[str, str] = {}
    wrong: list[str] = []
    accepted = set()
    for one in story[1]:
        asked = one.request
        operation = (asked.method, asked.path)
        if operation not in written.operations or operation in SIGNED:
            continue
        taken = asked.body is not None and one.status < 400
        body = written.body(*operation, one.name) if taken and one.name else asked.body
        if not isinstance(body, bytes):
            body = renamed(body, names)
        mine = replace(asked, at=renamed(asked.at, names), query=renamed(asked.query, names), body=body)

        ids = {"X-Request-Id": str(uuid4())}
        answer = await gateway.call(asked.client, asked.method, mine.address, mine.sent, **(ids | (asked.given or {})))

        assert answer.status_code == one.status, (one.name, operation, answer.text)
        wrong += written.wrong_in_answer(*operation, answer)
        wrong += written.wrong_in_body(*operation, body) if taken else []
        if one.status < 400:
            accepted.add(operation)
        if one.media_type.endswith("json"):
            learn(one.answer, answer.json(), names)
    assert wrong == []
    assert accepted == set(written.operations) - SIGNED


async def test_a_token_is_had_as_described(gateway: Running, tmp_path: Path, written: Written) -> None:
    shown = written.body(*TOKEN, "token")
    signed = assertion("demo-epr", private_key("demo-epr", tmp_path / "keys"), f"{BASE}/oauth2/token")
    statuses = []

    for form in (shown | {"client_assertion": signed}, shown):  # what is shown is nobody's signature
        answer = await gateway.call(None, *TOKEN, urlencode(form).encode(), **FORM)
        statuses.append(answer.status_code)
        assert written.wrong_in_body(*TOKEN, form) + written.wrong_in_answer(*TOKEN, answer) == []

    assert statuses == [200, 401]


async def test_cards_are_had_as_described(gateway: Running, story: Story, written: Written) -> None:
    statuses = []
    for one in story[1]:
        operation = (one.request.method, one.request.path)
        if operation[1].startswith("/cds-services/"):
            given = (
                {"Authorization": f"Bearer {sign(claims((one.request.at or {})['id']))}"} if one.request.given else {}
            )

            answer = await gateway.call(None, one.request.method, one.request.address, one.request.body, **given)

            statuses.append((answer.status_code, one.status))
            assert written.wrong_in_answer(*operation, answer) == []
            assert one.status >= 400 or written.wrong_in_body(*operation, one.request.body) == []

    assert {said for said, _ in statuses} == {200, 401, 412}
    assert all(said == shown for said, shown in statuses)


async def test_each_operation_refuses_as_described(gateway: Running, written: Written) -> None:
    id_ = "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"
    ids = dict.fromkeys(
        ["id", "referral_id", "prescription_id", "question_id", "delivery_id", "destination_id", "key"], id_
    )
    at = {"type": "Task", "version": "1"} | ids
    for method, path in written.operations:
        no_uuid = await gateway.call(None, method, path.format(**at), b"{}", X_Request_Id="4711")
        no_token = await gateway.call(None, method, path.format(**at), b"{}")

        assert no_uuid.status_code == 400, (method, path)
        assert (no_token.status_code == 401) is not written.is_open(method, path), (method, path)
        assert written.wrong_in_answer(method, path, no_uuid) == []
        assert written.wrong_in_answer(method, path, no_token) == []


def test_the_schemas_refuse_what_is_not_r4(written: Written) -> None:
    transaction = ("POST", "/FHIR/R4")
    task = {"resourceType": "Task", "status": "requested", "intent": "order"}
    entry: Json = {"resource": task, "request": {"method": "POST", "url": "Task"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}

    assert written.wrong_in_body(*transaction, bundle) == []
    assert written.wrong_in_body(*transaction, bundle | {"type": "message"})
    entry["resource"] = task | {"status": "bogus"}
    assert written.wrong_in_body(*transaction, bundle)


@pytest.mark.parametrize(
    ("kind", "webhook", "method", "place"),
    [
        ("fhir-callback", "taskUpdate", "put", "/Task/t1"),
        ("bars-message", "barsResponse", "post", "/$process-message"),
        ("webhook", "referralEvent", "post", ""),
    ],
)
@respx.mock
async def test_what_is_pushed_is_as_described(
    written: Written, monkeypatch: pytest.MonkeyPatch, kind: str, webhook: str, method: str, place: str
) -> None:
    described = written.pushed(webhook, method)
    shown = written.pushed("taskUpdate", "put")["requestBody"]["content"]["application/fhir+json"]["examples"]["task"]
    url = "https://epr.example/FHIR/R4"
    pushed = respx.request(method, f"{url}{place}").respond(204)
    adapters_by_kind = build_adapters(Settings())

    async def looked_up(url: str, *, private: bool) -> list[str]:
        return ["epr.example"]

    monkeypatch.setattr(adapters.http, "addresses_of", looked_up)
    secret = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
    id_ = "01981f3e-9c00-7000-8000-000000000001"
    body = json.dumps(shown["value"]).encode()
    answer = await adapters_by_kind[kind].send(
        Update(id_, "t1", 3, body, "accepted", datetime.now(UTC), str(uuid4()), url, secret, BARS)
    )
    for each in adapters_by_kind.values():
        await each.close()

    assert answer.delivered
    request = pushed.calls.last.request
    (media_type,) = described["requestBody"]["content"]
    assert request.headers["content-type"] == media_type
    assert written.wrong_in_pushed(webhook, method, json.loads(request.content)) == []
    always = [parameter for parameter in described["parameters"] if parameter.get("required")]
    for parameter in always:
        assert re.search(parameter["schema"].get("pattern", "."), request.headers[parameter["name"]])
    assert {name for name in request.headers if name.startswith(("webhook-", "x-", "nhsd-", "use-"))} == {
        parameter["name"].lower() for parameter in always
    }


@pytest.mark.parametrize(
    ("webhook", "method"), [("taskUpdate", "put"), ("barsResponse", "post"), ("referralEvent", "post")]
)
def test_the_examples_of_what_is_pushed_are_as_described(written: Written, webhook: str, method: str) -> None:
    (content,) = written.pushed(webhook, method)["requestBody"]["content"].values()

    for example in content["examples"].values():
        assert written.wrong_in_pushed(webhook, method, example["value"]) == []
        if webhook != "referralEvent":
            assert check(parse(json.dumps(example["value"]).encode())) == []
    assert written.wrong_in_pushed(webhook, method, {"resourceType": "Patient", "birthDate": "soon"})
