"""The SQL of fetches: which Tasks still need their details from the sender's server, and how each try went.

Claims and leases are as those of deliveries: when a lease runs out the row is due again for any worker, and since each
claim numbers its attempt, what the former holder would store later no longer fits the row.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Delete, delete, func, literal_column, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import now
from gateway.store.engine import Rows, Store
from gateway.store.schema import awaited, own_name

# Written out in the statements, so that both databases see that the partial indexes serve.
DUE, DEAD = (awaited.c.state == literal_column(f"'{state}'") for state in ("due", "dead"))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A fetch that is ours until `leased_until`. `attempt` counts from 1; `failure` is that of the attempt before."""

    organisation: str
    task_id: str
    url: str
    client_id: str
    correlation_id: str
    created_at: datetime
    failure: str | None
    attempt: int
    leased_until: datetime


def new_fetch(
    organisation: str, task_id: str, url: str, client_id: str, correlation_id: str, at: datetime
) -> list[Rows]:
    """The rows that have the ServiceRequest at `url` fetched for this Task, and for no other."""
    row = {
        "organisation": organisation,
        "task_id": task_id,
        "url": url,
        "client_id": client_id,
        "correlation_id": correlation_id,
        "state": "due",
        "due_at": min(at, now()),  # as of deliveries (gateway.journal)
        "attempts": 0,
        "created_at": at,
    }
    return [(awaited, [row]), (own_name, [{"organisation": organisation, "name": url, "target": task_id}])]


async def fetched_for(store: Store, organisation: str, url: str) -> str | None:
    """The id of the Task that the request at this address is, or was, fetched for."""
    query = select(own_name.c.target).where(own_name.c.organisation == organisation, own_name.c.name == url)
    async with store.reading() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def claim(store: Store, lease_seconds: float, limit: int, busy: Collection[str] = ()) -> list[Claimed]:
    """Leases up to `limit` fetches that are due, the longest due first, passing over `busy` organisations.

    Workers that claim at the same time get different ones.
    """
    moment = now()
    until = moment + timedelta(seconds=lease_seconds)
    due = select(awaited).where(*_claimable(busy), awaited.c.due_at <= moment).order_by(awaited.c.due_at).limit(limit)
    async with store.transaction() as connection:
        rows = (await connection.execute(due.with_for_update(skip_locked=True))).mappings().all()
        if rows:
            keys = [(row["organisation"], row["task_id"]) for row in rows]
            await connection.execute(
                update(awaited)
                .where(tuple_(awaited.c.organisation, awaited.c.task_id).in_(keys))
                .values(leased_until=until, attempts=awaited.c.attempts + 1)
            )
    return [
        Claimed(
            **{name: row[name] for name in ("organisation", "task_id", "url", "client_id", "correlation_id")},
            created_at=row["created_at"],
            failure=row["last_failure"],
            attempt=row["attempts"] + 1,
            leased_until=until,
        )
        for row in rows
    ]


async def next_due(store: Store, busy: Collection[str] = ()) -> datetime | None:
    """When the next fetch that nobody has claimed is due, perhaps long since; None when there is none."""
    query = select(awaited.c.due_at).where(*_claimable(busy)).order_by(awaited.c.due_at).limit(1)
    async with store.reading() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


def _claimable(busy: Collection[str]) -> list[ColumnElement[bool]]:
    free = or_(awaited.c.leased_until.is_(None), awaited.c.leased_until <= now())
    return [DUE, free, awaited.c.organisation.not_in(sorted(busy))]


async def settle(
    connection: AsyncConnection,
    claimed: Claimed,
    state: str,
    due_at: datetime | None = None,
    failure: str | None = None,
) -> bool:
    """Records what came of an attempt: done, dead, or due again. False, and nothing is recorded, when the fetch is
    not ours any more: another worker has claimed it, or it was cancelled."""
    settled = await connection.execute(
        update(awaited)
        .where(
            awaited.c.organisation == claimed.organisation,
            awaited.c.task_id == claimed.task_id,
            awaited.c.state == "due",
            awaited.c.attempts == claimed.attempt,
            awaited.c.leased_until == claimed.leased_until,
        )
        .values(
            state=state,
            due_at=due_at or awaited.c.due_at,
            leased_until=None,
            last_failure=failure or awaited.c.last_failure,
        )
    )
    return settled.rowcount == 1


async def cancel_fetch(connection: AsyncConnection, organisation: str, task_id: str) -> bool:
    """Fetches nothing more for this Task; False when nothing was awaited. Whoever cancels writes the Task's next
    version in the same transaction. Its request may then be sent by another Task."""
    cancelled = await connection.execute(
        update(awaited)
        .where(awaited.c.organisation == organisation, awaited.c.task_id == task_id, awaited.c.state == "due")
        .values(state="done", leased_until=None)
        .returning(awaited.c.url)
    )
    row = cancelled.one_or_none()
    if row is not None:
        await connection.execute(_name_of(organisation, row.url))
    return row is not None


async def is_fetched_for(connection: AsyncConnection, organisation: str, task_id: str) -> bool:
    """Whether this Task's details are, or were, awaited."""
    query = select(awaited.c.task_id).where(awaited.c.organisation == organisation, awaited.c.task_id == task_id)
    return (await connection.execute(query)).one_or_none() is not None


async def release_name(connection: AsyncConnection, claimed: Claimed) -> None:
    """Lets another Task have the same request fetched."""
    await connection.execute(_name_of(claimed.organisation, claimed.url))


def _name_of(organisation: str, url: str) -> Delete:
    return delete(own_name).where(own_name.c.organisation == organisation, own_name.c.name == url)


async def fetch_status(store: Store, organisation: str | None = None) -> dict[str, Any]:
    """For /_status: how many fetches are due, and how many were given up; of all senders, or of one organisation."""
    counts = {}
    async with store.reading() as connection:
        for name, which in (("due", DUE), ("dead", DEAD)):
            query = select(func.count()).select_from(awaited).where(which)
            if organisation is not None:
                query = query.where(awaited.c.organisation == organisation)
            counts[name] = (await connection.execute(query)).scalar_one()
    return counts
