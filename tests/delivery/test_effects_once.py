"""Each version has its effect in the EPR exactly once and in order, whatever becomes of connections, answers, workers
and the EPR itself; also where only reading back can know it, because the EPR never heard of webhook-id."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.delivery.neighbours import Asked, answer, neighbour, reset
from tests.waiting import Until

import gateway.delivery
import gateway.health
from gateway.settings import Settings
from gateway.store.engine import Store

SEND_SECONDS = 0.4  # how long the gateway waits for an answer
FAULTS = [
    "refused",
    "reset before commit",
    "reset after commit",
    "closed after commit",
    "half an answer after commit",
    "no answer after commit",
    "fault inside a 200 after commit",
    "answer twice",
    "answer late",
]


@dataclass
class Epr:
    """An EPR that writes a line into the record for whatever it takes: `effects` are (Task id, version), as written.

    `knows_ids`: it knows a webhook-id again. `readable`: it can be read. `next_fault` says what goes wrong with an
    update, if anything. What it has written outlives its restarts.
    """

    knows_ids: bool = False
    readable: bool = True
    next_fault: Callable[[], str | None] = lambda: None
    effects: list[tuple[str, int]] = field(default_factory=list)
    held: dict[str, bytes] = field(default_factory=dict)
    filed: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)

    async def speak(self, asked: Asked, writer: Any) -> None:
        task_id = asked.path.rpartition("/")[2]
        if asked.method == "GET":
            self.seen["reads"] += 1
            held = self.held.get(task_id)
            answer(writer, 405) if not self.readable else answer(writer, 200 if held else 404, held or b"")
            return None
        fault = self.next_fault()
        self.seen[fault or "well"] += 1
        if fault == "reset before commit":
            return reset(writer)
        if fault == "refused":
            return answer(writer, 503)
        if fault == "commit late":
            await asyncio.sleep(SEND_SECONDS + 1)
        self.commit(asked, task_id)
        await self.say(fault, writer)
        return None

    def commit(self, asked: Asked, task_id: str) -> None:
        if self.knows_ids and asked.headers["webhook-id"] in self.filed:
            self.seen["repeats"] += 1
            return
        self.filed.add(asked.headers["webhook-id"])
        self.held[task_id] = asked.body
        self.effects.append((task_id, int(json.loads(asked.body)["meta"]["versionId"])))

    async def say(self, fault: str | None, writer: Any) -> None:
        match fault:
            case "reset after commit":
                reset(writer)
            case "closed after commit":
                writer.close()
            case "half an answer after commit":
                writer.write(b"HTTP/1.1 200 So\r\nContent-Le")
                writer.close()
            case "no answer after commit":
                await asyncio.sleep(SEND_SECONDS + 0.2)
            case "fault inside a 200 after commit":
                issue = {"severity": "error", "code": "exception"}
                answer(writer, 200, json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode())
            case "answer late":
                await asyncio.sleep(0.05)
                answer(writer, 200)
            case _:
                answer(writer, 200)
                if fault == "answer twice":
                    answer(writer, 200)

    def told(self, task_id: str) -> list[int]:
        return [version for each, version in self.effects if each == task_id]


def by_chance(seed: int, faults: list[str], share: float) -> Callable[[], str | None]:
    chance = random.Random(seed)
    return lambda: chance.choice(faults) if chance.random() < share else None


@pytest.fixture
def settings(settings: Settings) -> Settings:
    quick = {"send_timeout_seconds": SEND_SECONDS, "lease_seconds": 1.2, "retry_seconds": (0.02,) * 40}
    return settings.model_copy(update=quick)


@pytest.fixture(autouse=True)
def short_probe_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of all calls fail here: so many in a row now and then that a minute's wait would come of it."""
    monkeypatch.setattr(gateway.health, "LONGEST_PROBE_WAIT", 0.2)


class Mortal(Store):
    """Knows whether it is in the middle of something: a kill takes the database's driver along, but a cancelled task
    leaves its thread behind, and that one would go on holding SQLite's lock."""

    under_way = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with self._counted():
            async with super().reading() as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        with self._counted():
            async with super().transaction() as connection:
                yield connection

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1


@asynccontextmanager
async def killed_now_and_then(
    database_url: str, settings: Settings, chance: random.Random, lives: int
) -> AsyncIterator[None]:
    """A worker process after another; each is gone after a moment, whatever it was sending. The last stays."""
    stop = asyncio.Event()

    async def live(seconds: float | None) -> None:
        own = Mortal(database_url)
        running = asyncio.create_task(gateway.delivery.run(own, settings, stop))
        if seconds:
            await asyncio.wait([running], timeout=seconds)
            while own.under_way:  # noqa: ASYNC110 - it offers nothing to wait for
                await asyncio.sleep(0.001)
            running.cancel()
        await asyncio.wait([running])
        await own.close()

    async def all_lives() -> None:
        for _ in range(lives):
            await live(chance.uniform(0.05, 0.4))
        await live(None)

    workers = asyncio.create_task(all_lives())
    try:
        yield
    finally:
        stop.set()
        await workers


async def deliver_all(due: Any, until: Until, url: str, referrals: int, versions: int, **options: Any) -> list[str]:
    await due.destination(url, **options)
    return [await due.referral(f"SP-1000-0000-{number:04d}", versions) for number in range(referrals)]


def all_delivered(due: Any) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return set(await due.states()) == {"delivered"}

    return holds


@pytest.mark.parametrize("knows_ids", [False, True], ids=["only read back", "knows webhook-id"])
async def test_each_version_takes_effect_once_and_in_order_through_lost_answers_and_killed_workers(
    due: Any, database_url: str, settings: Settings, until: Until, knows_ids: bool
) -> None:
    epr = Epr(knows_ids=knows_ids, next_fault=by_chance(7, FAULTS, share=0.5))

    async with neighbour(epr.speak) as url:
        tasks = await deliver_all(due, until, url, referrals=8, versions=4)
        async with killed_now_and_then(database_url, settings, random.Random(7), lives=5):
            await until(all_delivered(due))

    assert {task: epr.told(task) for task in tasks} == {task: [1, 2, 3, 4] for task in tasks}
    assert set(FAULTS) <= set(epr.seen)  # all of it has happened
    assert epr.seen["reads"] > 0
    assert epr.seen["repeats"] == 0


async def test_an_epr_that_cannot_be_read_must_know_webhook_ids(
    due: Any, database_url: str, settings: Settings, until: Until
) -> None:
    epr = Epr(knows_ids=True, readable=False, next_fault=by_chance(3, FAULTS, share=0.4))

    async with neighbour(epr.speak) as url:
        tasks = await deliver_all(due, until, url, referrals=4, versions=4)
        async with killed_now_and_then(database_url, settings, random.Random(3), lives=3):
            await until(all_delivered(due))

    assert [epr.told(task) for task in tasks] == [[1, 2, 3, 4]] * 4
    assert epr.seen["repeats"] > 0  # it was told again, and knew it


async def test_an_epr_that_restarts_again_and_again_misses_nothing(
    due: Any, settings: Settings, working: Any, until: Until
) -> None:
    epr = Epr(next_fault=by_chance(5, ["no answer after commit", "answer late"], share=0.5))
    chance = random.Random(5)

    async with AsyncExitStack() as first:
        url = await first.enter_async_context(neighbour(epr.speak))
        tasks = await deliver_all(due, until, url, referrals=5, versions=3)
        port = int(url.rpartition(":")[2])
        async with working():
            await asyncio.sleep(0.1)
            await first.aclose()
            for _ in range(3):
                await asyncio.sleep(chance.uniform(0.05, 0.2))
                async with neighbour(epr.speak, port=port):
                    await asyncio.sleep(chance.uniform(0.1, 0.3))
            async with neighbour(epr.speak, port=port):
                await until(all_delivered(due))

    assert [epr.told(task) for task in tasks] == [[1, 2, 3]] * 5


class Following(Epr):
    """An EPR that takes an update only over the version which that one follows (If-Match)."""

    async def say(self, fault: str | None, writer: Any) -> None:
        await super().say(None, writer)

    def commit(self, asked: Asked, task_id: str) -> None:
        held = json.loads(self.held[task_id])["meta"]["versionId"] if task_id in self.held else None
        wanted = asked.headers.get("if-match")
        if wanted != (f'W/"{held}"' if held else None):
            self.seen["412"] += 1
            raise OutOfTurn
        super().commit(asked, task_id)

    async def speak(self, asked: Asked, writer: Any) -> None:
        try:
            await super().speak(asked, writer)
        except OutOfTurn:
            answer(writer, 412)


class OutOfTurn(Exception):
    pass


async def test_an_epr_that_commits_after_we_gave_up_is_told_once_when_updates_are_conditional(
    due: Any, working: Any, until: Until
) -> None:
    """Reading back came too early and found nothing; of the two that were sent then, the EPR refuses one."""
    late = iter(["commit late"])
    epr = Following(next_fault=lambda: next(late, None))

    async with neighbour(epr.speak) as url:
        [task] = await deliver_all(due, until, url, referrals=1, versions=3, conditional=True)
        async with working():
            await until(all_delivered(due))
        await until(lambda: _is(epr.seen["412"] == 1))  # the first one, at last

    assert epr.told(task) == [1, 2, 3]


async def _is(held: bool) -> bool:
    return held
