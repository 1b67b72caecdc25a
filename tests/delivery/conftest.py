"""A mock EPR on a real port, rows that are due, and a worker to deliver them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from tests import waiting
from tests.serving import serving
from tests.waiting import Until

from adapters.ports import Adapter
from adapters.rio.mock import build_mock
from gateway.delivery import run
from gateway.ids import instant, new_id, now
from gateway.settings import Settings
from gateway.settings import settings as defaults
from gateway.store.engine import Rows, Store
from gateway.store.schema import attempt, delivery, destination, event, referral, resource
from mappings.systems import reference_identifier

SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
TRUST = "RTEST"


@pytest.fixture
def secret() -> str:
    return SECRET


def task_version(task_id: str, reference: str, number: int, at: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "id": task_id,
        "meta": {"versionId": str(number), "lastUpdated": instant(at)},
        "identifier": [reference_identifier(reference)],
        "status": "accepted",
        "businessStatus": {"coding": [{"code": "allocated"}], "text": f"Update {number} for the clinician"},
        "intent": "order",
    }


@pytest.fixture
def a_task() -> Callable[..., dict[str, Any]]:
    """Makes a Task as the gateway would send it."""

    def make(number: int = 1, task_id: str | None = None, reference: str = "SP-1111-2222-3333") -> dict[str, Any]:
        return task_version(task_id or new_id(), reference, number, now())

    return make


@dataclass
class Epr:
    """The mock, as a test sees it from outside."""

    url: str  # of the callback
    client: httpx.AsyncClient

    async def record(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.client.get("/record")).json()
        return answer

    async def versions(self, reference: str) -> list[int]:
        updates = (await self.record())["referrals"].get(reference, [])
        return [update["version"] for update in updates]

    async def fail(self, **faults: Any) -> None:
        (await self.client.post("/faults", json=faults)).raise_for_status()


@asynccontextmanager
async def epr_of(mock: FastAPI) -> AsyncIterator[Epr]:
    async with serving(mock) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        yield Epr(f"{url}/FHIR/R4", client)


@pytest.fixture
async def epr(secret: str) -> AsyncIterator[Epr]:
    async with epr_of(build_mock(secret)) as epr:
        yield epr


@dataclass
class Due:
    """Puts due deliveries into the store, as accept() and record() do, and tells what has become of them."""

    store: Store

    async def destination(self, url: str, name: str = "epr", secret: str = SECRET, **options: Any) -> None:
        row = {
            "organisation": TRUST,
            "id": name,
            "kind": "fhir-callback",
            "url": url,
            "secret": secret,
            "owner": "Integration desk, 01632 960150",
            "content": json.dumps({"private": True} | options),
            "state": "healthy",
            "failures": 0,
            "events": 0,
        }
        await self.store.write([(destination, [row])])

    async def referral(self, reference: str, versions: int = 1, name: str = "epr") -> str:
        """A referral with so many versions, none of them delivered; returns its id."""
        referral_id, at = new_id(), now()
        await self.store.write([(referral, [_referral_row(referral_id, reference, versions, at)])])
        for number in range(1, versions + 1):
            await self.store.write(_version_rows(referral_id, reference, number, name))
        return referral_id

    async def states(self, referral_id: str | None = None) -> list[str]:
        """The states of all deliveries, or of one referral's, in order of versions."""
        query = select(delivery.c.state).order_by(delivery.c.referral_id, delivery.c.number)
        if referral_id:
            query = query.where(delivery.c.referral_id == referral_id)
        async with self.store.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def attempts(self) -> list[Any]:
        query = select(attempt).order_by(attempt.c.at, attempt.c.number)
        async with self.store.reading() as connection:
            return list((await connection.execute(query)).all())

    async def rows(self) -> list[Any]:
        async with self.store.reading() as connection:
            return list((await connection.execute(select(delivery).order_by(delivery.c.id))).all())

    async def heartbeat(self) -> Any:
        async with self.store.reading() as connection:
            return (await connection.execute(select(destination))).one()


@pytest.fixture
def due(store: Store) -> Due:
    return Due(store)


def _referral_row(referral_id: str, reference: str, version: int, at: datetime) -> dict[str, Any]:
    return {
        "organisation": TRUST,
        "id": referral_id,
        "reference": reference,
        "service_request_id": new_id(),
        "message_id": new_id(),
        "correlation_id": "6f3c0f62-7f0c-4a53-9d0c-2a2d3c3f7a10",
        "hub_id": "hub-1",
        "urgency": "routine",
        "status": "received",
        "task_status": "received",
        "version": version,
        "submitted_at": at,
        "updated_at": at,
        "standing": "{}",
        "content": "{}",
        "trace": "[]",
    }


def _version_rows(referral_id: str, reference: str, number: int, name: str) -> list[Rows]:
    at = now()
    started = {
        "organisation": TRUST,
        "referral_id": referral_id,
        "number": number,
        "at": at,
        "type": "submitted",
        "actor": "{}",
        "change": "{}",
        "request_id": new_id(),
        "correlation_id": "6f3c0f62-7f0c-4a53-9d0c-2a2d3c3f7a10",
    }
    return [
        (event, [started]),
        (
            resource,
            [
                {
                    "organisation": TRUST,
                    "type": "Task",
                    "method": "PUT",
                    "id": referral_id,
                    "version": number,
                    "updated_at": at,
                    "content": json.dumps(task_version(referral_id, reference, number, at)),
                }
            ],
        ),
        (
            delivery,
            [
                {
                    "organisation": TRUST,
                    "id": new_id(),
                    "referral_id": referral_id,
                    "number": number,
                    "destination_id": name,
                    "state": "due",
                    "due_at": at,
                    "attempts": 0,
                    "created_at": at,
                }
            ],
        ),
    ]


Working = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def settings() -> Settings:
    quick = {"poll_seconds": 0.05, "lease_seconds": 60, "send_timeout_seconds": 20, "retry_seconds": (0.01, 0.02, 0.04)}
    return defaults().model_copy(update=quick)


@pytest.fixture
def working(store: Store, settings: Settings) -> Working:
    """A worker that runs inside the block, on this test's store unless another is given, and stops gracefully."""

    @asynccontextmanager
    async def work(
        adapters: Mapping[str, Adapter] | None = None, on: Store | None = None, **changed: Any
    ) -> AsyncIterator[None]:
        stop = asyncio.Event()
        worker = asyncio.create_task(run(on or store, settings.model_copy(update=changed), stop, adapters))
        try:
            yield
        finally:
            stop.set()
            await worker

    return work


@pytest.fixture
def until() -> Until:
    return waiting.until
