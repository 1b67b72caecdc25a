"""Keeps Subscriptions: the handshake of those that are requested, heartbeats of those that want them, their end.

What is due stands in the row of the destination, so that a restart loses none of it; whoever takes it has a lease.
Each is told beside the others: an endpoint that is slow to shake hands holds up nobody else's.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from adapters.ports import Answer
from adapters.subscription.resthook import RestHook
from gateway.delivery import LONGEST_PAUSE, failure_of, is_down
from gateway.ids import new_id, now
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.subscriptions import REQUESTED, Kept, heart_beaten, living, shaken_hands, switch_off, take
from gateway.store.wake import first_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sign:
    """What being told says of an endpoint (`gateway.health.Sign`)."""

    at: datetime
    ended_at: datetime
    failure: str | None
    blames_destination: bool
    leave_alone: float | None = None
    version: str | None = None


async def run(store: Store, settings: Settings, stop: asyncio.Event) -> None:
    """Keeps them until `stop` is set, then lets what is under way come to its end."""
    endpoints = RestHook(f"{settings.base_url}/FHIR/R4", settings.send_timeout_seconds)
    busy: set[str] = set()
    pause = settings.poll_seconds
    try:
        async with asyncio.TaskGroup() as under_way:
            while not stop.is_set():
                try:
                    for one in await living(store):
                        if one.id not in busy and _is_due(one, now()):
                            busy.add(one.id)
                            under_way.create_task(_keep(store, settings, endpoints, one, busy))
                    pause = settings.poll_seconds
                except Exception as trouble:
                    log.error("subscriptions cannot be looked up", error=type(trouble).__name__, pause_seconds=pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                await first_of(pause, stop)
    finally:
        await endpoints.close()


def _is_due(one: Kept, moment: datetime) -> bool:
    """Whether it has ended, wants its handshake, or has been silent for its heartbeat period."""
    if _has_ended(one, moment):
        return True
    if any(held and held > moment for held in (one.not_before, one.probing_until)):
        return False
    if one.state == REQUESTED:
        return True
    last = max(filter(None, (one.last_success_at, one.last_failure_at)), default=None)
    period = one.options.get("heartbeat")
    return bool(period and (last is None or last + timedelta(seconds=period) <= moment))


def _has_ended(one: Kept, moment: datetime) -> bool:
    end = one.options.get("end")
    return bool(end and datetime.fromisoformat(end) <= moment)


async def _keep(store: Store, settings: Settings, endpoints: RestHook, one: Kept, busy: set[str]) -> None:
    try:
        if _has_ended(one, now()):
            await switch_off(store, one)
        elif until := await take(store, one, settings.lease_seconds):
            await _tell(store, endpoints, one, until)
    except Exception as trouble:  # its lease runs out, then it is tried again
        log.error("a subscription could not be kept", subscription=one.id, error=type(trouble).__name__)
    finally:
        busy.discard(one.id)


async def _tell(store: Store, endpoints: RestHook, one: Kept, until: datetime) -> None:
    at = now()
    requested = one.state == REQUESTED
    answer = await endpoints.tell(
        one.url, one.options, "handshake" if requested else "heartbeat", new_id(), one.status, one.events
    )
    await (shaken_hands if requested else heart_beaten)(store, one, until, _sign(at, answer))


def _sign(at: datetime, answer: Answer) -> Sign:
    failure = None if answer.delivered else failure_of(answer)
    ended_at = at + timedelta(milliseconds=answer.milliseconds)
    return Sign(at, ended_at, failure, blames_destination=failure is not None and is_down(answer))
