"""Tells a referral's readers that an update has not arrived, and that it has: one event each for an outage.

Both are events like any other, so that the Task and the clinician's line say it, wherever they are read. The
destination that lacks the update does not hear that it lacks it. Any number of workers may do this: who has locked the
referral looks again before it tells.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.advance import advance
from gateway.hearing import Listener, reader_of
from gateway.ids import now
from gateway.security import Caller
from gateway.store import late, referrals
from gateway.store.engine import Store
from gateway.store.referrals import Stored
from gateway.telemetry import RequestContext
from gateway.undelivered import tell_undelivered

BATCH = 50  # referrals looked at together: a long outage of a large trust is told bit by bit


async def tell_of_late(store: Store, late_seconds: float) -> int:
    """Brings what referrals say of undelivered updates up to date; returns how many it looked at."""
    before = now() - timedelta(seconds=late_seconds)
    async with store.reading() as connection:
        listeners = await referrals.listeners(connection)
        found = await late.find(connection, listeners, before, BATCH)
    for organisation, referral_id in found:
        async with store.transaction() as connection:
            await _tell(connection, listeners, organisation, referral_id, before)
    return len(found)


async def _tell(
    connection: AsyncConnection, listeners: list[Listener], organisation: str, referral_id: str, before: datetime
) -> None:
    stored = await referrals.load(connection, organisation, referral_id, lock=True)
    if stored is None:
        return
    told = await late.told(connection, organisation, referral_id)
    lacking = {
        one.destination_id: one.since
        for one in await late.lacking(connection, listeners, organisation, referral_id, before)
        if one.overdue or one.destination_id in told
    }
    new = {id_: since for id_, since in lacking.items() if id_ not in told}
    await late.mark(connection, organisation, referral_id, new, sorted(told - lacking.keys()))
    await say_undelivered(connection, stored, _by_reader(listeners, lacking), unheard=lacking)


async def say_undelivered(
    connection: AsyncConnection, stored: Stored, since: Mapping[str, datetime], *, unheard: Collection[str] = ()
) -> None:
    """Makes the referral, which the caller has locked, say that these readers (hub, record) have been without the
    latest since then; the destinations in `unheard` do not hear of that."""
    applied = tell_undelivered(stored.standing, since)
    if applied is None:  # told already: another of its destinations lacks it too, or the hub has acted meanwhile
        return
    caller = Caller("gateway", stored.row["organisation"], "system", frozenset())
    context = RequestContext(str(uuid4()), stored.row["correlation_id"])
    moved = {"from": stored.standing.status, "to": applied.standing.status}
    says = {"undelivered": [one.model_dump() for one in applied.standing.undelivered]}
    change = says | (moved if moved["from"] != moved["to"] else {})
    await advance(connection, caller, context, stored, applied, change, now(), unheard=unheard)


def _by_reader(listeners: list[Listener], lacking: Mapping[str, datetime]) -> dict[str, datetime]:
    """The longest wait of each reader."""
    since: dict[str, datetime] = {}
    for one in listeners:
        if one.id in lacking:
            reader = reader_of(one)
            since[reader] = min(lacking[one.id], since.get(reader, lacking[one.id]))
    return since
