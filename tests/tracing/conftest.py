"""A gateway with the demo's parties and no worker, and an operator who asks why."""

import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.app import Running

from gateway.ids import now
from gateway.store.schema import attempt, audit, delivery

Json = dict[str, Any]

OURS = {"Sec-Fetch-Site": "same-origin"}
OPERATOR, INVESTIGATOR = "demo-operator", "demo-investigator"
RECORD = "northdale-rio"
REASON = "The EPR says that it sent another address."


@dataclass
class Asking:
    """The gateway, and those who ask."""

    running: Running

    async def trace(self, key: str, client: str = OPERATOR) -> Json:
        answer = await self.running.call(client, "GET", f"/platform/v1/traces/{key}")
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def sign_in(self, client: str = OPERATOR) -> None:
        token = self.running.tokens[client]
        answer = await self.running.http.post("/app/sign-in", data={"token": token}, headers=OURS)
        assert answer.status_code == 303, answer.text

    async def page(self, path: str = "/app/trace") -> str:
        answer = await self.running.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def press(self, path: str, **fields: str) -> httpx.Response:
        proof = re.search(r'name="proof" value="([0-9a-f]{64})"', await self.page())
        assert proof
        return await self.running.http.post(path, data={"proof": proof[1], **fields}, headers=OURS)

    async def move(self, task_id: str, **change: Any) -> None:
        path = f"/platform/v1/referrals/{task_id}/transitions"
        answer = await self.running.call("demo-platform", "POST", path, change)
        assert answer.status_code == 200, answer.text

    async def lose(self, number: int) -> str:
        """As if an update had been refused for good; the delivery's id."""
        store = self.running.store
        mine = (delivery.c.destination_id == RECORD) & (delivery.c.number == number)
        async with store.transaction() as connection:
            lost = {"state": "dead", "attempts": 1, "last_failure": "answered 422"}
            await connection.execute(update(delivery).where(mine).values(lost))
            one = (await connection.execute(select(delivery).where(mine))).one()
        told = {"organisation": one.organisation, "delivery_id": one.id, "number": 1, "at": now(), "milliseconds": 12}
        tried = told | {"phase": "done", "status": 422, "answer": "invariant: wants an …"}
        await store.write([(attempt, [tried])])
        return str(one.id)

    async def audited(self, action: str) -> list[Any]:
        async with self.running.store.reading() as connection:
            query = select(audit).where(audit.c.action == action).order_by(audit.c.id)
            return list(await connection.execute(query))


@pytest.fixture
def asking(gateway: Running) -> Asking:
    return Asking(gateway)
