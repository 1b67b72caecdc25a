"""How far behind the deliveries are, and how each destination is doing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hearing import SILENT
from gateway.heartbeat import Heartbeat
from gateway.ids import now
from gateway.store.alerts import unsent_alerts
from gateway.store.deliveries import DUE
from gateway.store.engine import Store
from gateway.store.outcomes import LAGS
from gateway.store.schema import delivery, destination, rehearsal, tally

DEAD = delivery.c.state == literal_column("'dead'")
TOLD = ("id", "organisation", "kind", "owner", "state", "version", "last_success_at", "last_failure_at", "last_failure")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The last synthetic referral that was sent through the real path; `failure` None: it went all the way round."""

    at: datetime
    milliseconds: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A row of table `tally`."""

    destination_id: str
    measure: str
    label: str
    count: int
    seconds: float


async def heartbeats(store: Store, organisation: str | None = None) -> list[Heartbeat]:
    """Of all destinations, or of one organisation's; those retired last."""
    beats = select(destination).order_by(destination.c.organisation, destination.c.id)
    if organisation is not None:
        beats = beats.where(destination.c.organisation == organisation)
    async with store.reading() as connection:
        rows = (await connection.execute(beats)).mappings().all()
        due, dead = await _count(connection, DUE), await _count(connection, DEAD)
    moment, nothing = now(), (0, None)
    found = []
    for row in rows:
        waiting, oldest = due.get(row["id"], nothing) if row["state"] != SILENT else nothing
        age = max(0.0, (moment - oldest).total_seconds()) if oldest else None
        lost = dead.get(row["id"], nothing)[0] if row["state"] != SILENT else 0
        found.append(Heartbeat(**{name: row[name] for name in TOLD}, **_waiting(waiting, age, lost)))
    return sorted(found, key=lambda one: one.state == SILENT)


def _waiting(undelivered: int, oldest: float | None, dead: int) -> dict[str, Any]:
    return {"undelivered": undelivered, "oldest_undelivered_seconds": oldest, "dead": dead}


async def _count(connection: AsyncConnection, which: Any) -> dict[str, tuple[int, datetime | None]]:
    """For each destination how many there are of these deliveries, and since when."""
    query = select(delivery.c.destination_id, func.count(), func.min(delivery.c.created_at)).where(which)
    found = await connection.execute(query.group_by(delivery.c.destination_id))
    return {id_: (count, oldest) for id_, count, oldest in found}


async def alerts_unsent(store: Store) -> int:
    async with store.reading() as connection:
        return await unsent_alerts(connection)


async def last_rehearsal(store: Store) -> Rehearsed | None:
    async with store.reading() as connection:
        row = (
            await connection.execute(
                select(rehearsal).order_by(rehearsal.c.at.desc(), rehearsal.c.failure.is_(None)).limit(1)
            )
        ).one_or_none()
    return Rehearsed(row.at, row.milliseconds, row.failure) if row else None


async def tallies(store: Store) -> Sequence[Counted]:
    """What all workers have counted, since the tables were made."""
    query = select(tally).order_by(tally.c.destination_id, tally.c.measure, tally.c.label)
    async with store.reading() as connection:
        return [Counted(**row) for row in (await connection.execute(query)).mappings()]


def lag_of(counted: Sequence[Counted]) -> tuple[list[tuple[str, int]], float]:
    """The time from change to arrival: for each bucket (at most so many seconds) how many, those before it included;
    and the seconds in all."""
    lags = [one for one in counted if one.measure == "lag"]
    total, buckets = 0, []
    for most in (*(str(most) for most in LAGS), "+Inf"):
        total += sum(one.count for one in lags if one.label == most)
        buckets.append((most, total))
    return buckets, sum(one.seconds for one in lags)
