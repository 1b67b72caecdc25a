"""The worker: claims due deliveries, sends each through its adapter, records the attempt, decides what is next.

No database session is open while a neighbour is called. Each destination has its own claims and its own few places, so
a slow one fills its own and slows no other; one that fails is tried by one delivery at a time (`gateway.health`), and
once it is back it gets more by and by. Retries live in rows: a worker that dies loses nothing, its leases run out.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
import structlog

from adapters.bars.messages import BarsMessages
from adapters.ports import Adapter, Answer, Update
from adapters.rio.adapter import RioRecord
from adapters.rio.callback import FhirCallback
from adapters.subscription.resthook import RestHook
from adapters.webhook.events import SignedEvents
from gateway.health import FAILING_AFTER
from gateway.hearing import SUBSCRIPTION
from gateway.ids import now
from gateway.settings import Settings
from gateway.store.asked import asked_by
from gateway.store.deliveries import Claimed, Outcome, Ready, claim, ready, release, take_probe, told_beside
from gateway.store.engine import Store
from gateway.store.events import number
from gateway.store.outcomes import finish
from gateway.store.wake import first_of

PLACES = 8  # sends at a time to one destination; more connections cost more than they bring
BATCH = 100  # deliveries of one destination claimed together
AHEAD = 50  # ... while so many are still to be sent, so that no place stands idle meanwhile
CLAIMS = 3  # at a time: a destination does not wait for the claims of all others
GAP = 0.01  # seconds between two looks, and two recordings: under load each then finds more; an idle worker is at once
LONGEST_PAUSE = 5.0  # seconds between two looks at a database in trouble
REFUSALS = frozenset({400, 409, 410, 412, 413, 422})  # of this update: the destination itself is well

log = structlog.get_logger()


async def run(
    store: Store, settings: Settings, stop: asyncio.Event, adapters: Mapping[str, Adapter] | None = None
) -> None:
    """Delivers until `stop` is set, then lets what is on its way arrive. `adapters` are by kind of destination."""
    adapters = adapters or build_adapters(settings)
    try:
        await Worker(store, settings, stop, adapters).run()
    finally:
        for adapter in adapters.values():
            await adapter.close()


def build_adapters(settings: Settings) -> dict[str, Adapter]:
    """An adapter for each kind of destination (`gateway.parties.destinations`)."""
    seconds = settings.send_timeout_seconds
    return {
        "fhir-callback": FhirCallback(seconds, PLACES),
        "rio": RioRecord(seconds),
        "bars-message": BarsMessages(seconds, PLACES),
        "webhook": SignedEvents(seconds, PLACES, settings.base_url),
        SUBSCRIPTION: RestHook(f"{settings.base_url}/FHIR/R4", seconds),
    }


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
    """One process's worker. `taken` counts, for each destination, the deliveries that are claimed and not yet sent;
    `allowed` how many there may be, where it was in trouble; `trouble` its failures in a row that were met here."""

    def __init__(self, store: Store, settings: Settings, stop: asyncio.Event, adapters: Mapping[str, Adapter]) -> None:
        self.store = store
        self.settings = settings
        self.stop = stop
        self.adapters = adapters
        self.taken: Counter[str] = Counter()
        self.allowed: defaultdict[str, int] = defaultdict(lambda: PLACES)
        self.trouble: Counter[str] = Counter()
        self.places: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PLACES))
        self.claims = asyncio.Semaphore(CLAIMS)
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
                    await asyncio.sleep(GAP)
                    await first_of(wait, self.stop, self.store.committed)

    async def _claim_due(self) -> float:
        """Claims for each destination that has room, starts to send; returns the seconds until there may be more."""
        busy = [destination for destination in self.taken if not self._room(destination)]
        waiting = await ready(self.store, busy)  # a look first: a claim locks, and wakes whoever waits for commits
        if unnumbered := [one.destination_id for one in waiting if one.unnumbered]:
            await number(self.store, unnumbered)
            waiting = await ready(self.store, busy)
        if not waiting or waiting[0].due_at > now():
            return min(self.settings.poll_seconds, seconds_until(waiting[0].due_at) if waiting else LONGEST_PAUSE)
        moment = now()
        claims = [self._claim_for(one) for one in waiting if one.due_at <= moment]
        started = 0
        for count in await asyncio.gather(*claims, return_exceptions=True):  # trouble of one leaves the others be
            if isinstance(count, BaseException):
                raise count
            started += count
        if started:
            return 0
        self.store.committed.clear()  # another worker was first; our own empty commit is no news
        return self.settings.poll_seconds

    def _room(self, destination: str) -> int:
        """How many more may be claimed: in trouble no more than go out at a time."""
        taken, allowed = self.taken[destination], self.allowed[destination]
        if allowed < PLACES:
            return max(0, allowed - taken)
        return BATCH if taken <= AHEAD else 0

    async def _claim_for(self, one: Ready) -> int:
        destination, seconds = one.destination_id, self.settings.lease_seconds
        async with self.claims:
            if one.failing:
                if self.taken[destination] or not await take_probe(self.store, destination, seconds):
                    return 0
                self.allowed[destination] = 1
            probe = one.failing or self.trouble[destination] >= FAILING_AFTER  # others may get through to it
            # The probe is what was tried least: an update that is itself the trouble must not stand before all others.
            claimed = await claim(self.store, destination, seconds, self._room(destination), least_tried=one.failing)
        for each in claimed:
            self.taken[destination] += 1
            task = asyncio.create_task(self._send(each, probe=probe))
            self.sending.add(task)
            task.add_done_callback(self.sending.discard)
        return len(claimed)

    async def _send(self, claimed: Claimed, *, probe: bool) -> None:
        destination = claimed.destination_id
        try:
            async with self.places[destination]:
                lease_left = seconds_until(claimed.leased_until)
                in_trouble = self.trouble[destination] >= FAILING_AFTER and not probe
                if self.stop.is_set() or in_trouble or lease_left < self.settings.send_timeout_seconds:
                    self.unsent.append(claimed)
                else:
                    at = now()
                    outcome = self._decide(claimed, at, await self._ask(claimed, at, lease_left))
                    self.outcomes.append(outcome)
                    self.trouble[destination] = self.trouble[destination] + 1 if outcome.blames_destination else 0
                    more = 1 if outcome.blames_destination else self.allowed[destination] + 1
                    self.allowed[destination] = min(PLACES, more)
        finally:
            self.taken[destination] -= 1
        if self.recorder is None or self.recorder.done():
            self.recorder = asyncio.create_task(self._record())

    async def _ask(self, claimed: Claimed, at: datetime, lease_left: float) -> Answer:
        """The adapter's answer; an adapter that crashes or never ends has failed this attempt and nothing else."""
        try:
            async with asyncio.timeout(lease_left):
                adapter = self.adapters[claimed.kind]
                return await adapter.send(await self._update(claimed, adapter))
        except Exception as trouble:
            log.error("adapter crashed", kind=claimed.kind, delivery=claimed.id, error=type(trouble).__name__)
            milliseconds = round((now() - at).total_seconds() * 1000)
            return Answer("answer", milliseconds, answer=f"(the adapter failed: {type(trouble).__name__})")

    async def _update(self, claimed: Claimed, adapter: Adapter) -> Update:
        referral = focus = request = None
        if adapter.needs_referral or claimed.focus:
            referral, focus = await told_beside(self.store, claimed, with_referral=adapter.needs_referral)
        if adapter.needs_referral:
            request = await asked_by(self.store, claimed)
        return Update(
            delivery_id=claimed.id,
            task_id=claimed.referral_id,
            version=claimed.number,
            body=claimed.body,
            event_type=claimed.event_type,
            at=claimed.at,
            correlation_id=claimed.correlation_id,
            url=claimed.url,
            secret=claimed.secret,
            options=options_of(claimed.content),
            unsure=claimed.attempt > 1,
            previous=claimed.previous,
            referral=orjson.loads(referral) if referral else None,
            request=request,
            event_number=claimed.event_number,
            focus=focus.encode() if focus else None,
        )

    def _decide(self, claimed: Claimed, at: datetime, answer: Answer) -> Outcome:
        schedule = options_of(claimed.content).get("retry_seconds") or self.settings.retry_seconds
        state, due_at, failure, down = "delivered", at, None, False
        if not (answer.delivered or is_overtaken(claimed, answer)):
            wait = next_wait(claimed.attempt - claimed.replayed_after, answer, schedule, random.random())  # noqa: S311 - jitter
            if wait is None and claimed.event_number:  # no gap: its Subscription is in error until the client is back
                wait = max(schedule)
            state = "dead" if wait is None else "due"
            due_at = now() + timedelta(seconds=wait or 0)
            failure, down = failure_of(answer), is_down(answer)
            log.warning(
                "not delivered",
                delivery=claimed.id,
                destination=claimed.destination_id,
                attempt=claimed.attempt,
                failure=failure,
                state=state,
                correlation_id=claimed.correlation_id,
            )
        return Outcome(
            claimed,
            state,
            due_at,
            at,
            answer.milliseconds,
            answer.phase,
            answer.status,
            answer.answer,
            failure,
            blames_destination=down,
            leave_alone=min(answer.retry_after, max(schedule)) if down and answer.retry_after else None,
            version=answer.version,
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
                await asyncio.sleep(GAP)
            except Exception as trouble:
                log.error("attempts cannot be recorded", error=type(trouble).__name__, pause_seconds=pause)
                # Once its lease is over a delivery is due again, whatever we would say of it.
                self.outcomes = [one for one in outcomes if seconds_until(one.claimed.leased_until) > 0] + self.outcomes
                self.unsent = [one for one in unsent if seconds_until(one.leased_until) > 0] + self.unsent
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)


def seconds_until(moment: datetime) -> float:
    return (moment - now()).total_seconds()


def failure_of(answer: Answer) -> str:
    """Why an attempt did not succeed, in a few words."""
    if answer.phase == "fault":
        return f"answered {answer.status} with an error"
    return f"answered {answer.status}" if answer.status else f"no answer ({answer.phase})"


def is_overtaken(claimed: Claimed, answer: Answer) -> bool:
    """Whether a receiver that had taken this update once, and is sent it again, says that it holds a later one."""
    return claimed.taken_before and answer.status == 409


def is_down(answer: Answer) -> bool:
    """Whether a failed attempt says that the destination itself is in trouble, not this update alone."""
    if answer.down is not None:
        return answer.down
    return answer.phase != "fault" and answer.status not in REFUSALS


@lru_cache(maxsize=1024)
def options_of(content: str) -> Mapping[str, Any]:
    """What is registered for a destination's kind; not to be changed by who asks."""
    options: dict[str, Any] = orjson.loads(content)
    return options
