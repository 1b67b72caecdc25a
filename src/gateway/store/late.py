"""The SQL of updates that are late: which referrals somebody has been without the latest of for too long.

Table `late` has a row for each referral and destination that readers were told of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, literal_column, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hearing import SILENT, Listener, reader_of
from gateway.store.deliveries import DUE
from gateway.store.schema import delivery, event, late, referral

DEAD = delivery.c.state == literal_column("'dead'")


@dataclass(frozen=True, slots=True)
class Lacking:
    """A destination that lacks something of a referral, the oldest of it since then; `overdue`: for too long."""

    destination_id: str
    since: datetime
    overdue: bool


async def find(
    connection: AsyncConnection, listeners: Iterable[Listener], before: datetime, limit: int
) -> list[tuple[str, str]]:
    """Referrals (organisation, id) of which readers must be told something new: an update is dead, or was due before
    then and is not delivered; or nothing is undelivered any more. At most `limit` of each."""
    counts = _counts(listeners)
    told = exists().where(
        late.c.organisation == delivery.c.organisation,
        late.c.referral_id == delivery.c.referral_id,
        late.c.destination_id == delivery.c.destination_id,
    )
    of_referral = and_(referral.c.organisation == delivery.c.organisation, referral.c.id == delivery.c.referral_id)
    missing = [  # one by one, so that each is served by its own index
        select(delivery.c.organisation, delivery.c.referral_id)
        .join(referral, of_referral)  # a Task whose details are awaited says of itself that it was not sent
        .where(which, counts, ~told)
        .distinct()
        .limit(limit)
        .subquery()
        for which in (DEAD, DUE & (delivery.c.created_at <= before))
    ]
    still = exists().where(
        delivery.c.organisation == late.c.organisation,
        delivery.c.referral_id == late.c.referral_id,
        delivery.c.destination_id == late.c.destination_id,
        or_(DEAD, DUE),
        counts,
    )
    over = select(late.c.organisation, late.c.referral_id).where(~still).distinct().limit(limit).subquery()
    found = await connection.execute(union(*(select(some) for some in (*missing, over))))
    return [(row.organisation, row.referral_id) for row in found]


async def lacking(
    connection: AsyncConnection, listeners: Iterable[Listener], organisation: str, referral_id: str, before: datetime
) -> list[Lacking]:
    """Who lacks something of the referral now."""
    overdue = case((or_(DEAD, delivery.c.created_at <= before), 1), else_=0)
    query = (
        select(delivery.c.destination_id, func.min(delivery.c.created_at).label("since"), func.max(overdue).label("is"))
        .where(
            delivery.c.organisation == organisation,
            delivery.c.referral_id == referral_id,
            or_(DEAD, DUE),
            _counts(listeners),
        )
        .group_by(delivery.c.destination_id)
    )
    return [Lacking(row.destination_id, row.since, bool(row[2])) for row in await connection.execute(query)]


async def told(connection: AsyncConnection, organisation: str, referral_id: str) -> set[str]:
    """The destinations that the referral's readers were told of."""
    query = select(late.c.destination_id).filter_by(organisation=organisation, referral_id=referral_id)
    return set((await connection.execute(query)).scalars())


async def mark(
    connection: AsyncConnection, organisation: str, referral_id: str, new: Mapping[str, datetime], over: Sequence[str]
) -> None:
    key: dict[str, Any] = {"organisation": organisation, "referral_id": referral_id}
    if over:
        await connection.execute(delete(late).filter_by(**key).where(late.c.destination_id.in_(over)))
    if new:
        rows = [key | {"destination_id": id_, "since": since} for id_, since in new.items()]
        await connection.execute(late.insert(), rows)


def _counts(listeners: Iterable[Listener]) -> ColumnElement[bool]:
    """Whether an undelivered update leaves its reader in the dark.

    A record lacks whatever it was not told. A hub lacks what the referrer did since a link worker last acted on the
    referral: whoever acts reads it first, and need not hear from us what they did themselves. A destination that was
    retired waits for nothing.
    """
    known = list(listeners)
    retired = [one.id for one in known if one.state == SILENT]
    hubs = [one.id for one in known if reader_of(one) == "hub"]
    its = (event.c.organisation == delivery.c.organisation) & (event.c.referral_id == delivery.c.referral_id)
    by_referrer = exists().where(its, event.c.number == delivery.c.number, event.c.actor.contains('"role":"epr"'))
    hub_acted = exists().where(its, event.c.number > delivery.c.number, event.c.actor.contains('"role":"platform"'))
    return and_(
        delivery.c.destination_id.not_in(retired),
        or_(delivery.c.destination_id.not_in(hubs), and_(by_referrer, ~hub_acted)),
    )
