"""The worker's eyes: again and again it tells of updates that are late, and of destinations that fail."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from gateway.alerting import Alarm
from gateway.arrival import Gateway
from gateway.delivery import LONGEST_PAUSE
from gateway.lateness import BATCH, tell_of_late
from gateway.store.wake import first_of

LOOK = 15.0  # seconds between two looks, at most
SHARE = 20  # times as long as a look took: in a long outage of a large trust it may take a second
PACE = 1.0  # seconds between two full batches, so that telling of an outage does not add to it

log = structlog.get_logger()


async def run(gateway: Gateway, stop: asyncio.Event) -> None:
    """Watches until `stop` is set."""
    store, settings = gateway.store, gateway.settings
    alarm = Alarm(store, settings)
    late_look = min(LOOK, settings.late_seconds / 4)
    alarm_look = min(LOOK / 3, settings.alert_after_seconds / 4)

    async def tell_late() -> float:
        started = time.monotonic()
        full = await tell_of_late(store, settings.late_seconds) >= BATCH
        return PACE if full else max(late_look, SHARE * (time.monotonic() - started))

    async def tell_failing() -> float:
        await alarm.tell()
        return alarm_look

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_repeat("late updates cannot be told of", tell_late, stop))
            group.create_task(_repeat("alerts cannot be sent", tell_failing, stop))
    finally:
        await alarm.close()


async def _repeat(trouble_is: str, work: Callable[[], Awaitable[float]], stop: asyncio.Event) -> None:
    """Works, waits as long as the work says, and works again; trouble is for the log and passes."""
    pause = 1.0
    while not stop.is_set():
        try:
            wait = await work()
            pause = 1.0
        except Exception as trouble:
            log.error(trouble_is, error=type(trouble).__name__)
            wait = pause = min(pause * 2, LONGEST_PAUSE)
        await first_of(max(wait, 0.05), stop)
