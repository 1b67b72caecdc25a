"""The SQL of alerts: which destinations somebody must be told of, and whether they have been."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import now
from gateway.store.engine import Store
from gateway.store.outcomes import alert_row
from gateway.store.schema import alert, destination


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is ours to send until `leased_until`; `told` are the ways it has gone out by before."""

    id: str
    destination_id: str
    organisation: str
    owner: str
    kind: str  # failing | recovered | disabled
    at: datetime
    reason: str
    attempts: int
    told: frozenset[str]
    leased_until: datetime


async def notice_failing(store: Store, alert_after: float, disable_after: float) -> list[str]:
    """Writes an alert for each destination that has failed for so many seconds, once for each outage, and gives up
    those that fail for longer than the other. Returns the destinations it concerns."""
    moment = now()
    failing = destination.c.state == "failing"
    long = failing & (destination.c.failing_since <= moment - timedelta(seconds=disable_after))
    new = failing & (
        destination.c.alerted_at.is_(None) & (destination.c.failing_since <= moment - timedelta(seconds=alert_after))
    )
    async with store.reading() as connection:  # a look first: a transaction wakes whoever waits for commits
        if not (await connection.execute(select(exists().where(or_(long, new))))).scalar():
            return []
    async with store.transaction() as connection:
        failed = await _note(connection, new, "failing", moment)
        given_up = await _note(connection, long, "disabled", moment)
    return [*failed, *given_up]


async def _note(connection: AsyncConnection, which: ColumnElement[bool], kind: str, moment: datetime) -> list[str]:
    """Changes the destinations and writes their alerts; of two workers that do so, the second finds none."""
    state = {"state": "disabled"} if kind == "disabled" else {}
    noted = (
        update(destination)
        .where(which)
        .values(alerted_at=func.coalesce(destination.c.alerted_at, moment), **state)
        .returning(destination.c.id, destination.c.failing_since, destination.c.last_failure)
    )
    rows = (await connection.execute(noted)).all()
    written = []
    for row in rows:
        minutes = round((moment - row.failing_since).total_seconds() / 60)
        reason = f"It has failed for {minutes} min: {row.last_failure}."
        if kind == "disabled":
            reason += " Nothing is sent to it until it is resumed; what it misses is kept."
        written.append(alert_row(row.id, kind, reason, moment))
    if written:
        await connection.execute(alert.insert(), written)
    return [row.id for row in rows]


async def claim_alerts(store: Store, lease_seconds: float, limit: int) -> list[Alert]:
    """Leases alerts that are due. Of each destination only the first unsent one: nobody hears of a recovery first."""
    moment = now()
    until = moment + timedelta(seconds=lease_seconds)
    earlier = alert.alias("earlier")
    behind = exists().where(
        earlier.c.destination_id == alert.c.destination_id,
        earlier.c.sent_at.is_(None),
        tuple_(earlier.c.at, earlier.c.id) < tuple_(alert.c.at, alert.c.id),
    )
    due = select(alert).where(alert.c.sent_at.is_(None), alert.c.due_at <= moment, ~behind)
    async with store.reading() as connection:
        if (await connection.execute(due.limit(1))).first() is None:
            return []
    async with store.transaction() as connection:
        held = due.order_by(alert.c.at).limit(limit).with_for_update(skip_locked=True)
        rows = (await connection.execute(held)).all()
        ids = [row.id for row in rows]
        leased = {"due_at": until, "attempts": alert.c.attempts + 1}
        await connection.execute(update(alert).where(alert.c.id.in_(ids)).values(leased))
        known = select(destination).where(destination.c.id.in_([row.destination_id for row in rows]))
        theirs = {row.id: row for row in await connection.execute(known)}
    return [
        Alert(
            row.id,
            row.destination_id,
            theirs[row.destination_id].organisation,
            theirs[row.destination_id].owner,
            row.kind,
            row.at,
            row.reason,
            row.attempts + 1,
            frozenset(row.told.split()),
            until,
        )
        for row in rows
    ]


async def keep(store: Store, claimed: Alert, told: Iterable[str], due_at: datetime | None) -> None:
    """Records by which ways it has gone out; due again at `due_at`, or, when None, sent. Nothing, once the lease is
    another's."""
    ours = update(alert).where(alert.c.id == claimed.id, alert.c.due_at == claimed.leased_until)
    sent = {"sent_at": now()} if due_at is None else {"due_at": due_at}
    async with store.transaction() as connection:
        await connection.execute(ours.values(told=" ".join(sorted(told)), **sent))


async def unsent_alerts(connection: AsyncConnection) -> int:
    query = select(func.count()).select_from(alert).where(alert.c.sent_at.is_(None))
    return (await connection.execute(query)).scalar_one()
