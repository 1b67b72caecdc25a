"""A gateway with one referral that a trust sent to the hub in Northdale, and the systems of two hubs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from fastapi import FastAPI

from gateway import errors
from gateway.arrival import Gateway
from gateway.audit import Audit
from gateway.hearing import heard_by
from gateway.ids import instant, new_id, new_reference, now
from gateway.journal import journal_rows
from gateway.parties import Directory
from gateway.platform.routes import router
from gateway.security import Caller, Gatekeeper
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.referrals import listeners
from gateway.store.schema import destination, referral
from gateway.telemetry import RequestContext, Telemetry
from gateway.validation import dump
from mappings.to_task import task_from

Json = dict[str, Any]

TRUST = "XND01"
HUB = {
    "id": "northdale",
    "name": "Northdale Wellbeing Hub",
    "phone": "01632 960001",
    "response_days": 5,
    "borough": "Northdale",
}
CONTENT: Json = {
    "route": "epr-api",
    "urgency": "routine",
    "person": {"given_names": ["Maya"], "family_name": "Testcase", "birth_date": "1984-05-17"},
    "referrer": {"name": "Dr Rowan Example", "organisation": {"ods_code": TRUST, "name": "Example Trust"}},
    "reasons": [{"domain": "financial-and-debt-advice", "label": "Financial and debt advice", "primary": True}],
}
TRACE: Json = {
    "rows": [["urgency", "ServiceRequest.priority", "urgency"]],
    "unknown": [{"expression": "ServiceRequest.reasonCode[1]", "system": "urn:x", "code": "X9", "text": "Pets"}],
    "maps": {"priority": "1.0.0", "referral.fields": "1.0.0"},
}
SENT_TASK: Json = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "focus": {"reference": "ServiceRequest/sr-1"},
    "for": {"reference": "Patient/p-1"},
    "authoredOn": "2026-03-02T09:29:00+00:00",
    "note": [{"text": "Please ring after 5 pm."}],
}
EPR = Caller("demo-epr", TRUST, "epr", frozenset({"system/*.cruds"}))


ALL = "platform/referrals.read platform/referrals.write platform/deliveries.read"


def platform_caller(*hubs: str, scopes: str = ALL) -> Caller:
    return Caller("platform-" + "-".join(hubs), "LIFEROOMS", "platform", frozenset(scopes.split()), frozenset(hubs))


Refer = Callable[..., Awaitable[str]]


@pytest.fixture
async def refer(store: Store) -> Refer:
    """Stores a submitted referral, as accepting one does, and returns its id."""
    await store.write(
        [
            (
                destination,
                [
                    {
                        "organisation": TRUST,
                        "id": id_,
                        "kind": "fhir-callback",
                        "url": "",
                        "secret": "",
                        "owner": "Integration desk",
                        "content": "{}",
                        "state": state,
                        "failures": 0,
                        "events": 0,
                    }
                    for id_, state in (("portal", "failing"), ("before", "retired"), ("rio", "healthy"))
                ],
            )
        ]
    )

    async def store_one(hub: Json = HUB) -> str:
        at, referral_id, reference = now(), new_id(), new_reference()
        standing = {
            "id": referral_id,
            "version": 1,
            "reference": reference,
            "status": "submitted",
            "submitted_at": instant(at),
            "updated_at": instant(at),
            "hub": hub,
            "warnings": ["No risk is stated. Say 'no known risks' when there is none."],
        }
        task = task_from(SENT_TASK, "sr-1", "p-1", standing)
        row = {
            "organisation": TRUST,
            "id": referral_id,
            "reference": reference,
            "service_request_id": "sr-1",
            "patient_id": "p-1",
            "message_id": new_id(),
            "correlation_id": str(uuid4()),
            "hub_id": hub["id"],
            "urgency": "routine",
            "status": "submitted",
            "task_status": task["status"],
            "version": 1,
            "submitted_at": at,
            "updated_at": at,
            "standing": orjson.dumps({"hub": hub, "warnings": standing["warnings"]}).decode(),
            "content": orjson.dumps(CONTENT).decode(),
            "trace": orjson.dumps(TRACE).decode(),
        }
        context = RequestContext(str(uuid4()), str(uuid4()))
        async with store.reading() as connection:
            heard = heard_by(await listeners(connection), TRUST, hub["id"], [])
        await store.write(
            [
                (referral, [row]),
                *journal_rows(row, dump(task), "submitted", {"to": "submitted"}, EPR, context, heard, at),
            ]
        )
        return referral_id

    return store_one


@dataclass(frozen=True)
class Platform:
    """The system of one hub, speaking to the gateway."""

    http: httpx.AsyncClient

    async def read(self, path: str, **parameters: Any) -> Json:
        answer = await self.http.get(f"/platform/v1/referrals{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def post(self, path: str, change: Json, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/platform/v1/referrals/{path}", json=change, headers=named)

    async def tell(self, path: str, **change: Any) -> Json:
        """Posts a change that must succeed."""
        answer = await self.post(path, change)
        assert answer.status_code in {200, 201}, answer.text
        shown: Json = answer.json()
        return shown


Connect = Callable[[Caller], Platform]


@pytest.fixture
async def connect(store: Store, database_url: str) -> AsyncIterator[Connect]:
    gatekeeper = Gatekeeper("not a secret: these are tests, and this is long enough", "http://gateway.test")
    app = FastAPI()
    app.state.gateway = Gateway(Settings.model_validate({"database_url": database_url}), store, Directory(store))
    app.state.gatekeeper = gatekeeper
    app.state.base_url = None
    errors.install(app)
    app.include_router(router)
    app.add_middleware(Audit)
    app.add_middleware(Telemetry, max_body_bytes=5_000_000)
    opened: list[httpx.AsyncClient] = []

    def connect_as(caller: Caller) -> Platform:
        opened.append(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://gateway.test",
                headers={"Authorization": f"Bearer {gatekeeper.issue(caller)}"},
            )
        )
        return Platform(opened[-1])

    yield connect_as
    for client in opened:
        await client.aclose()


@pytest.fixture
def platform(connect: Connect) -> Platform:
    return connect(platform_caller("northdale"))
