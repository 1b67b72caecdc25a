"""A gateway with the demo's parties and no worker: a test itself says when what is done."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.app import Running

from gateway.ids import now
from gateway.lateness import tell_of_late
from gateway.store.schema import alert, delivery, destination, event, late, resource

RECORD, HUB_SYSTEM = "northdale-rio", "northdale-platform"
LATE = 300.0


@dataclass
class Seen:
    """The gateway, and what a test does to its deliveries and destinations."""

    running: Running

    async def change_deliveries(self, to: str | None = None, *, age: float = 0, **values: Any) -> None:
        """Of all deliveries, or of those to one destination; as if they were so many seconds old."""
        changed = values | ({"created_at": now() - timedelta(seconds=age)} if age else {})
        statement = update(delivery).values(changed)
        await self.execute(statement.where(delivery.c.destination_id == to) if to else statement)

    async def deliver(self, to: str | None = None) -> None:
        await self.change_deliveries(to, state="delivered", delivered_at=now())

    async def change_destination(self, id_: str = RECORD, **values: Any) -> None:
        await self.execute(update(destination).where(destination.c.id == id_).values(values))

    async def execute(self, statement: Any) -> None:
        async with self.running.store.transaction() as connection:
            await connection.execute(statement)

    async def rows(self, query: Any) -> Sequence[Any]:
        async with self.running.store.reading() as connection:
            return (await connection.execute(query)).all()

    async def look(self) -> int:
        """One look of the watching worker at what is late."""
        return await tell_of_late(self.running.store, LATE)

    async def events(self) -> list[str]:
        return [row.type for row in await self.rows(select(event).order_by(event.c.number))]

    async def task(self) -> dict[str, Any]:
        """The newest version of the only Task."""
        query = select(resource.c.content).where(resource.c.type == "Task").order_by(resource.c.version.desc())
        task: dict[str, Any] = json.loads((await self.rows(query))[0].content)
        return task

    async def line(self) -> str:
        """What the clinician reads."""
        text: str = (await self.task())["note"][-1]["text"]
        return text

    async def business(self) -> list[str]:
        return [one["code"] for one in (await self.task())["businessStatus"]["coding"]]

    async def late_rows(self) -> list[str]:
        return [row.destination_id for row in await self.rows(select(late).order_by(late.c.destination_id))]

    async def alerts(self) -> list[Any]:
        return list(await self.rows(select(alert).order_by(alert.c.id)))

    async def heard(self, to: str) -> list[int]:
        """The versions that the destination hears of."""
        query = select(delivery.c.number).where(delivery.c.destination_id == to).order_by(delivery.c.number)
        return [row.number for row in await self.rows(query)]

    async def move(self, task_id: str, **change: Any) -> None:
        path = f"/platform/v1/referrals/{task_id}/transitions"
        answer = await self.running.call("demo-platform", "POST", path, change)
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def seen(gateway: Running) -> Seen:
    hub_system = {
        "organisation": "XNP01",
        "id": HUB_SYSTEM,
        "kind": "webhook",
        "url": "https://platform.example/hooks",
        "secret": "",
        "owner": "Platform desk, 01632 960160",
        "content": json.dumps({"hubs": ["northdale-wellbeing-hub", "eastmere-wellbeing-hub"]}),
        "state": "healthy",
        "failures": 0,
        "events": 0,
    }
    await gateway.store.write([(destination, [hub_system])])
    gateway.app.state.gateway.directory._stale_at = 0  # as ten seconds later
    return Seen(gateway)
