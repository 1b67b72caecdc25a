"""Puts a tenant's clock forward. Time passes as it would: what falls due on the way happens at its moment."""

import asyncio
import time
from datetime import datetime, timedelta

from gateway.errors import Rejected
from gateway.ids import now
from gateway.lateness import tell_of_late
from gateway.sandbox.tenant import Tenant
from gateway.store.deliveries import are_on_their_way, ready

FARTHEST = timedelta(days=3660)  # in all: calendars end, and certificates before them
LONGEST = 25.0  # seconds that a jump may take; then it goes to its end at once
SETTLES = 3.0  # seconds that one moment may take: a listener may be slow
LOOK = 0.01
STEP = timedelta(milliseconds=1)


async def pass_time(tenant: Tenant, span: timedelta) -> None:
    """Returns when it is so much later. Raises Rejected when that is too far ahead."""
    async with tenant.changing:
        await tenant.start()
        await let_pass(tenant, span)


async def let_pass(tenant: Tenant, span: timedelta) -> None:
    """As `pass_time`, of a tenant that is started, for whoever holds `changing`."""
    if tenant.clock.ahead + span > FARTHEST:
        raise Rejected(
            f"The clock can be {FARTHEST.days} days ahead of the real one at most. Reset the tenant to begin anew.",
            expression="advance",
        )
    with tenant.on_its_clock():
        target, until = now() + span, time.monotonic() + LONGEST
        await _settle(tenant, until)
        while (moment := now()) < target:
            due_at = await _next_due(tenant) if time.monotonic() < until else None
            then = min(target, max(due_at, moment) + STEP) if due_at else target
            tenant.put_forward(then - moment)
            await _settle(tenant, until)
            if await tell_of_late(tenant.gateway.store, tenant.gateway.settings.late_seconds):
                await _settle(tenant, until)


async def _next_due(tenant: Tenant) -> datetime | None:
    """When the next step of a scenario, or the next delivery, is due."""
    waiting = await ready(tenant.gateway.store)
    moments = [waiting[0].due_at] if waiting else []
    if step := await tenant.player.play_due():
        moments.append(step)
    return min(moments, default=None)


async def _settle(tenant: Tenant, until: float) -> None:
    """Lets all happen that is due now."""
    store = tenant.gateway.store
    until = min(until, time.monotonic() + SETTLES)
    tenant.news.set()
    store.to_fetch.set()
    while True:
        store.committed.set()
        await tenant.player.play_due()
        waiting = await ready(store)
        is_due = bool(waiting) and waiting[0].due_at <= now()
        if time.monotonic() > until or not (is_due or await are_on_their_way(store)):
            return
        await asyncio.sleep(LOOK)
