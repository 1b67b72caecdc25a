"""A referral to tell of step by step, and the mock RiO as it looks from outside."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.serving import serving

from adapters.ports import Answer, Update
from mappings.to_task import task_from

Json = dict[str, Any]

EXAMPLE = Path(__file__).parent.parent / "examples" / "wellbeing-and-debt"
CLIENT_ID = "0012345"
CLIENT_IDS = "https://rio.northdale.example/Id/client-id"
SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
BEGUN = datetime(2026, 2, 2, 9, tzinfo=UTC)


def read_example(name: str) -> Json:
    content: Json = json.loads((EXAMPLE / f"{name}.json").read_text(encoding="utf-8"))
    return content


@dataclass
class Story:
    """One referral as it goes on: `tell` makes its next version, `again` tells the last one once more."""

    url: str
    options: Json
    referral: Json
    standing: Json
    told: Update | None = None

    def tell(self, event_type: str, **changes: Any) -> Update:
        version = self.standing["version"] + 1
        at = BEGUN + timedelta(hours=version)
        self.standing |= {"version": version, "updated_at": at.isoformat(timespec="milliseconds")} | changes
        task = task_from(None, "request-1", "patient-1", self.standing)
        self.told = Update(
            delivery_id=f"delivery-{version}",
            task_id=self.standing["id"],
            version=version,
            body=json.dumps(task).encode(),
            event_type=event_type,
            at=at,
            correlation_id="6f3c0f62-7f0c-4a53-9d0c-2a2d3c3f7a10",
            url=self.url,
            secret="",
            options=self.options,
            referral=self.referral,
        )
        return self.told

    def again(self) -> Update:
        assert self.told is not None
        return self.told


@dataclass
class Rio:
    """The mock, as a test sees it from outside."""

    url: str
    client: httpx.AsyncClient
    asked: Counter[str]  # how often, by operation

    async def fail(self, fault: str, *operations: str, **more: Any) -> None:
        """The rule acts on the next call of these operations, unless `more` says otherwise."""
        rule = {"fault": fault, "operations": operations, "times": 1} | more
        answer = await self.client.put("/faults", content=json.dumps({"rules": [rule]}))
        assert answer.status_code == 204, answer.text

    async def heal(self) -> None:
        (await self.client.put("/faults", content=json.dumps({"rules": []}))).raise_for_status()

    async def effects(self, operation: str) -> int:
        effects: list[Json] = (await self.client.get("/effects")).json()
        return sum(one["Operation"] == operation for one in effects)

    async def chart(self, client_id: str = CLIENT_ID) -> Json:
        answer: Json = (await self.client.get(f"/record/clients/{client_id}")).json()
        return answer

    async def notes(self, client_id: str = CLIENT_ID) -> list[str]:
        """The newest text of each note."""
        return [versions[-1]["NoteText"] for versions in (await self.chart(client_id))["notes"]]


@dataclass
class Counting:
    """Counts the calls by operation, and leaves them as they are."""

    app: ASGIApp
    asked: Counter[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if action := Headers(scope=scope).get("soapaction"):
            self.asked[action.strip('"').rpartition("/")[2]] += 1
        await self.app(scope, receive, send)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[Rio]:
    """The mock on a real port, with its calls counted."""
    asked: Counter[str] = Counter()
    app.add_middleware(Counting, asked=asked)
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        yield Rio(f"{url}/API/4.0", client, asked)


def undelivered(answer: Answer) -> str:
    assert not answer.delivered
    assert not answer.gone
    return answer.answer
