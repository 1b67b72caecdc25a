"""What was acknowledged, beside what is stored, journalled and received."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from crash.clients import Acknowledged

DUE = "SELECT count(*) FROM delivery WHERE state = 'due'"
DONE = "SELECT id, referral_id, number, attempts FROM delivery WHERE state = 'delivered'"
DEAD = "SELECT id FROM delivery WHERE state = 'dead'"
STORED = "SELECT message.request_id, referral.id FROM referral JOIN message ON message.id = referral.message_id"
EVENTS = "SELECT referral_id, number, request_id FROM event ORDER BY referral_id, number"
DELIVERIES = "SELECT referral_id, number, state, delivered_at FROM delivery ORDER BY referral_id, number"
ATTEMPTS = "SELECT delivery_id, number, status FROM attempt"
AUDITED = "SELECT request_id FROM audit WHERE outcome < 300"
TASKS = "SELECT id, version FROM resource WHERE type = 'Task' ORDER BY id, version"


@dataclass
class Found:
    """What is wrong, in words; empty when nothing is. With it what there was to look at."""

    wrong: list[str] = field(default_factory=list)
    referrals: int = 0
    changes: int = 0
    deliveries: int = 0
    attempts: int = 0

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)


class Books:
    """The database and the EPR's record of it."""

    def __init__(self, database_url: str, record: Path) -> None:
        self.engine = create_async_engine(database_url, poolclass=NullPool)
        self.record = record

    async def ask(self, *queries: str) -> list[list[Any]]:
        """The rows of each query, all as of one moment."""
        async with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execution_options(isolation_level="REPEATABLE READ")
            return [list((await connection.execute(text(query))).all()) for query in queries]

    async def due(self) -> int:
        [[row]] = await self.ask(DUE)
        return int(row[0])

    async def done_not_received(self) -> list[str]:
        """Deliveries that are shown as done and are not in the EPR's record; at any time, also amid the load."""
        [done] = await self.ask(DONE)
        received = {webhook_id for _, _, webhook_id in self.effects()}  # after the look: the record only grows
        return [f"delivery {row.id} is shown as done and was not received" for row in done if row.id not in received]

    def effects(self) -> list[tuple[str, int, str]]:
        """Task, version, webhook-id, in the order in which they took effect."""
        lines = (line.split() for line in self.record.read_text().splitlines()) if self.record.exists() else ()
        return [(line[0], int(line[1]), line[2]) for line in lines if len(line) == 3]

    async def compare(self, acknowledged: Acknowledged) -> Found:
        """All that must hold once nothing is due any more."""
        stored, events, deliveries, attempts, audited, tasks, done, dead = await self.ask(
            STORED, EVENTS, DELIVERIES, ATTEMPTS, AUDITED, TASKS, DONE, DEAD
        )
        found = Found([], len(stored), len(events), len(deliveries), len(attempts))
        self._compare_stored(found, acknowledged, stored, audited)
        journal = _by(events, 0)
        for request_id, (task, version) in acknowledged.changes.items():
            told = [row.number for row in journal[task] if row.request_id == request_id]
            found.expect(told == [version], f"change {request_id} of {task} has events {told}, not [{version}]")
        changes = Counter(task for task, _ in acknowledged.changes.values())
        versions, sent, effects = _by(tasks, 0), _by(deliveries, 0), _by(self.effects(), 0)
        for task in acknowledged.referrals.values():
            expected = list(range(1, changes[task] + 2))
            for name, numbers in (
                ("events", [row.number for row in journal[task]]),
                ("Task versions", [row.version for row in versions[task]]),
                ("deliveries", [row.number for row in sent[task] if row.state == "delivered" and row.delivered_at]),
                ("effects at the EPR", [row[1] for row in effects[task]]),
            ):
                found.expect(numbers == expected, f"{task} has {name} {numbers}, not {expected}")
        went_well = {(row.delivery_id, row.number) for row in attempts if row.status == 200}
        received = {webhook_id for _, _, webhook_id in self.effects()}
        for row in done:
            found.expect(row.id in received, f"delivery {row.id} is shown as done and was not received")
            found.expect((row.id, row.attempts) in went_well, f"delivery {row.id} is done without an attempt that was")
        found.expect(not dead, f"{len(dead)} deliveries were given up")
        return found

    def _compare_stored(self, found: Found, acknowledged: Acknowledged, stored: list[Any], audited: list[Any]) -> None:
        by_request = _by(stored, 0)
        for request_id, task in acknowledged.referrals.items():
            ids = [row.id for row in by_request[request_id]]
            found.expect(ids == [task], f"request {request_id} was acknowledged as {task}; stored: {ids}")
        extra = len(stored) - len(acknowledged.referrals)
        found.expect(extra == 0, f"{extra} referrals are stored beside those acknowledged")
        kept = {row.request_id for row in audited}
        for request_id in [*acknowledged.referrals, *acknowledged.changes]:
            found.expect(request_id in kept, f"request {request_id} was acknowledged and is not in the audit")


def _by(rows: list[Any], column: int) -> dict[Any, list[Any]]:
    grouped: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row[column]].append(row)
    return grouped
