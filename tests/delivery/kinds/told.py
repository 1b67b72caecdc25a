"""What is sent to a destination of each kind, where it comes to, and a worker that sends it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import update
from tests.app import Json, Running
from tests.delivery.neighbours import Asked

from adapters.ports import Update
from gateway.delivery import run
from gateway.demo.parties import demo_parties
from gateway.parties import read_parties, register
from gateway.store.schema import destination

KINDS = ("fhir-callback", "bars-message", "webhook")
TASK = {
    "resourceType": "Task",
    "id": "0198f2a4-7c00-7000-8000-000000000005",
    "meta": {"versionId": "3", "lastUpdated": "2026-03-02T09:30:00.000Z"},
    "identifier": [{"system": "urn:social-prescribing-gateway:Id:referral-reference", "value": "SP-1111-2222-3333"}],
    "status": "accepted",
    "intent": "order",
    "note": [{"authorString": "Social prescribing gateway", "text": "Accepted. Zoë will be in touch."}],
}
OPTIONS = {
    "source": "https://fhir.nhs.uk/Id/dos-service-id|2000090001",
    "target": "https://fhir.nhs.uk/Id/dos-service-id|2000090002",
    "sender": {"ods_code": "XNH01", "name": "Wellbeing Hub"},
    "use_case": "sp1",
    "versions": {"application": "1.0.0", "api": "1.4.0"},
}


@dataclass
class Receiver:
    url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)  # one after the other; then 200
    asked: list[Asked] = field(default_factory=list)

    @property
    def bodies(self) -> list[Json]:
        return [json.loads(one.body) for one in self.asked]


def to(url: str, secret: str, **options: Any) -> Update:
    body = json.dumps(TASK).encode()
    return Update(
        "0198f2a4-7c00-7000-8000-0000000000d1",
        TASK["id"],  # type: ignore[arg-type]  # of a dict of all sorts
        3,
        body,
        "accepted",
        datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "c1",
        url,
        secret,
        OPTIONS | options,
    )


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


async def is_so(held: bool) -> bool:
    return held
