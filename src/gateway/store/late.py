"""The SQL of updates that are late: which referrals somebody has been without the latest of for too long.

Table `late` has a row for each referral and destination that readers were told of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, exists, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hearing import SILENT, Listener, reader_of
from gateway.store.deliveries import DUE
from gateway.store.schema import delivery, destination, event, late, referral

SETTLED = ("delivered", "dropped")
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
    """At most `limit` referrals (organisation, id) of which readers must be told something new: an update is dead, or
    was due before then and is not delivered; or nothing is undelivered any more."""
    known = list(listeners)
    queries = [_over(known)]
    behind = (await connection.execute(_BEHIND)).scalars().all()
    for one in (one for one in known if one.id in behind and one.state != SILENT):
        queries += [_untold(one, DEAD), _untold(one, DUE & (delivery.c.created_at <= before))]
    found: set[tuple[str, str]] = set()
    for query in queries:
        rows = await connection.execute(query.limit(limit))
        found |= {(row.organisation, row.referral_id) for row in rows}
        if len(found) >= limit:
            break
    return sorted(found)[:limit]


# Which destinations have something undelivered: a look at the first entry of each one's part of the index.
_BEHIND = select(destination.c.id).where(
    or_(*(exists().where(which, delivery.c.destination_id == destination.c.id) for which in (DUE, DEAD)))
)


def _untold(listener: Listener, which: ColumnElement[bool]) -> Select[Any]:
    """The referrals of such deliveries to one destination, as far as their readers were not told of it.

    One table, one destination, and conditions that are checked row by row: so both databases walk its part of the
    index, whatever their statistics say.
    """
    its_referral = (
        exists()
        .where(referral.c.organisation == delivery.c.organisation)
        .where(
            referral.c.id == delivery.c.referral_id  # a Task whose details are awaited says itself that it was not sent
        )
    )
    told = exists().where(
        late.c.organisation == delivery.c.organisation,
        late.c.referral_id == delivery.c.referral_id,
        late.c.destination_id == listener.id,
    )
    return select(delivery.c.organisation, delivery.c.referral_id).where(
        delivery.c.destination_id == listener.id, which, _counts([listener]), ~told, its_referral
    )


def _over(listeners: Iterable[Listener]) -> Select[Any]:
    """The referrals whose readers were told of something that is not so any more."""
    still = exists().where(
        delivery.c.referral_id == late.c.referral_id,
        delivery.c.destination_id == late.c.destination_id,
        delivery.c.organisation == late.c.organisation,
        delivery.c.state.not_in(SETTLED),  # in other words than the partial indexes: they are no way to one referral
        _counts(listeners),
    )
    return select(late.c.organisation, late.c.referral_id).where(~still)


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
            delivery.c.state.not_in(SETTLED),
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
