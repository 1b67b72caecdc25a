"""The worker: claims due deliveries, sends each through its adapter, records the attempt, decides what is next.

No database session is open while a neighbour is called. Each destination has its own few places, so a slow one fills
its own and slows no other. Retries live in rows: a worker that dies loses nothing, its leases run out.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from adapters.ports import Answer, EprAdapter, TaskUpdate
from adapters.rio.callback import FhirCallback
from gateway.ids import now
from gateway.settings import Settings
from gateway.store.deliveries import Claimed, Destination, Outcome, claim, finish, next_due, release
from gateway.store.engine import Store

PLACES = 8  # sends at a time to one destination; more connections cost more than they bring
BATCH = 50  # deliveries claimed together
LONGEST_PAUSE = 30.0  # seconds between two looks at a database in trouble

log = structlog.get_logger()


async def run(
    store: Store, settings: Settings, stop: asyncio.Event, adapters: Mapping[str, EprAdapter] | None = None
) -> None:
    """Delivers until `stop` is set, then lets what is on its way arrive. `adapters` are by kind of destination."""
    adapters = adapters or {"fhir-callback": FhirCallback(settings.send_timeout_seconds, PLACES)}
    try:
        await Worker(store, settings, stop, adapters).run()
    finally:
        for adapter in adapters.values():
            await adapter.close()


def next_wait(attempt: int, answer: Answer, retry_seconds: Sequence[float], chance: float) -> float | None:
    """Seconds until the next attempt after failed attempt number `attempt` (from 1); None when there will be none.

    Full jitter: a random part (`chance`, 0 to 1) of the scheduled wait, so that what failed together does not come
    back together. It comes on top of Retry-After, which counts up to the longest wait of the schedule.
    """
    if answer.gone or attempt > len(retry_seconds):
        return None
    asked = min(answer.retry_after or 0, max(retry_seconds))
    return asked + chance * retry_seconds[attempt - 1]


class Worker:
    """One process's worker. `taken` counts, for each destination, the deliveries that are claimed and not yet sent."""

    def __init__(
        self, store: Store, settings: Settings, stop: asyncio.Event, adapters: Mapping[str, EprAdapter]
    ) -> None:
        self.store = store
        self.settings = settings
        self.stop = stop
        self.adapters = adapters
        self.taken: Counter[Destination] = Counter()
        self.places: defaultdict[Destination, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PLACES))
        self.sending: set[asyncio.Task[None]] = set()
        self.outcomes: list[Outcome] = []
        self.unsent: list[Claimed] = []
        self.recorder: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            await self._claim_until_stopped()
            while self.sending or (self.recorder and not self.recorder.done()):
                await asyncio.wait({*self.sending, *([self.recorder] if self.recorder else [])})
        finally:
            for task in [*self.sending, *([self.recorder] if self.recorder else [])]:
                task.cancel()

    async def _claim_until_stopped(self) -> None:
        pause = self.settings.poll_seconds
        while not self.stop.is_set():
            self.store.committed.clear()  # before the look, so that no news is missed
            try:
                wait = await self._claim_due()
                pause = self.settings.poll_seconds
            except Exception as trouble:
                log.error("deliveries cannot be claimed", error=type(trouble).__name__, pause_seconds=pause)
                await first_of(pause, self.stop)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                if wait > 0:
                    await first_of(wait, self.stop, self.store.committed)

    async def _claim_due(self) -> float:
        """Claims a batch and starts to send it. Returns the seconds until there may be more."""
        busy = [destination for destination, taken in self.taken.items() if taken >= PLACES]
        due_at = await next_due(self.store, busy)  # a look first: a claim locks, and wakes whoever waits for commits
        if due_at is None or due_at > now():
            return min(self.settings.poll_seconds, seconds_until(due_at) if due_at else LONGEST_PAUSE)
        claimed = await claim(self.store, self.settings.lease_seconds, BATCH, busy)
        for each in claimed:
            self.taken[each.destination] += 1
            task = asyncio.create_task(self._send(each))
            self.sending.add(task)
            task.add_done_callback(self.sending.discard)
        if claimed:
            return 0
        self.store.committed.clear()  # another worker was first; our own empty commit is no news
        return self.settings.poll_seconds

    async def _send(self, claimed: Claimed) -> None:
        try:
            async with self.places[claimed.destination]:
                lease_left = seconds_until(claimed.leased_until)
                if self.stop.is_set() or lease_left < self.settings.send_timeout_seconds:
                    self.unsent.append(claimed)
                else:
                    at = now()
                    answer = await self._ask(claimed, at, lease_left)
                    self.outcomes.append(self._decide(claimed, at, answer))
        finally:
            self.taken[claimed.destination] -= 1
        if self.recorder is None or self.recorder.done():
            self.recorder = asyncio.create_task(self._record())

    async def _ask(self, claimed: Claimed, at: datetime, lease_left: float) -> Answer:
        """The adapter's answer; an adapter that crashes or never ends has failed this attempt and nothing else."""
        update = TaskUpdate(
            delivery_id=claimed.id,
            task_id=claimed.referral_id,
            version=claimed.number,
            body=claimed.body,
            correlation_id=claimed.correlation_id,
            request_id=claimed.id,
            url=claimed.url,
            secret=claimed.secret,
        )
        try:
            async with asyncio.timeout(lease_left):
                return await self.adapters[claimed.kind].send_task(update)
        except Exception as trouble:
            log.error("adapter crashed", kind=claimed.kind, delivery=claimed.id, error=type(trouble).__name__)
            milliseconds = round((now() - at).total_seconds() * 1000)
            return Answer("answer", milliseconds, answer=f"(the adapter failed: {type(trouble).__name__})")

    def _decide(self, claimed: Claimed, at: datetime, answer: Answer) -> Outcome:
        state, due_at, failure = "delivered", at, None
        if not answer.delivered:
            wait = next_wait(claimed.attempt, answer, self.settings.retry_seconds, random.random())  # noqa: S311
            state = "dead" if wait is None else "due"
            due_at = now() + timedelta(seconds=wait or 0)
            failure = f"answered {answer.status}" if answer.status else f"no answer ({answer.phase})"
            if answer.status and answer.status < 300:
                failure += " with an error"
            log.warning(
                "not delivered",
                delivery=claimed.id,
                destination=claimed.destination,
                attempt=claimed.attempt,
                failure=failure,
                state=state,
                correlation_id=claimed.correlation_id,
            )
        return Outcome(
            claimed, state, due_at, at, answer.milliseconds, answer.phase, answer.status, answer.answer, failure
        )

    async def _record(self) -> None:
        """Stores what has come back so far, together; what comes back meanwhile goes into the next transaction."""
        pause = self.settings.poll_seconds
        while self.outcomes or self.unsent:
            outcomes, self.outcomes = self.outcomes, []
            unsent, self.unsent = self.unsent, []
            try:
                if outcomes:
                    await finish(self.store, outcomes)
                    outcomes = []
                if unsent:
                    await release(self.store, unsent)
                pause = self.settings.poll_seconds
            except Exception as trouble:
                log.error("attempts cannot be recorded", error=type(trouble).__name__, pause_seconds=pause)
                # Once its lease is over a delivery is due again, whatever we would say of it.
                self.outcomes = [one for one in outcomes if seconds_until(one.claimed.leased_until) > 0] + self.outcomes
                self.unsent = [one for one in unsent if seconds_until(one.leased_until) > 0] + self.unsent
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)


def seconds_until(moment: datetime) -> float:
    return (moment - now()).total_seconds()


async def first_of(seconds: float, *events: asyncio.Event) -> None:
    """Waits for the first of the events, but no longer than so many seconds."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
