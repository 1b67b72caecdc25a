"""The events of a Subscription: each delivery to it is one, and they are counted.

The number is given after the commit, because the transaction that accepts a referral must not wait for others: by
whoever is about to send or to tell of the events. It stands in the row from then on, whatever is restarted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Store
from gateway.store.schema import delivery, destination, event, resource

UNNUMBERED = delivery.c.event_number == 0


@dataclass(frozen=True, slots=True)
class Told:
    """One event, and the version that it was about, as stored."""

    number: int
    at: datetime
    type: str
    id: str
    version: int
    content: str


async def number_events(connection: AsyncConnection, destination_id: str) -> int:
    """Numbers what has happened since it was last done, in that order; returns how many events there have been.

    The row of the destination is locked until the end of the transaction: nobody else numbers meanwhile.
    """
    row = select(destination.c.events).where(destination.c.id == destination_id)
    events: int = (await connection.execute(row.with_for_update())).scalar_one()
    order = func.row_number().over(order_by=(delivery.c.created_at, delivery.c.referral_id, delivery.c.number))
    new = select(delivery.c.organisation, delivery.c.id, (order + events).label("place"))
    ranked = new.where(delivery.c.destination_id == destination_id, UNNUMBERED).subquery("ranked")
    mine = (delivery.c.organisation == ranked.c.organisation) & (delivery.c.id == ranked.c.id)
    numbered = await connection.execute(update(delivery).where(mine).values(event_number=ranked.c.place))
    if numbered.rowcount:
        events += numbered.rowcount
        counted = update(destination).where(destination.c.id == destination_id).values(events=events)
        await connection.execute(counted)
    return events


async def number(store: Store, destinations: Iterable[str]) -> None:
    """Numbers the events of these Subscriptions, before some are sent."""
    for destination_id in sorted(destinations):
        async with store.transaction() as connection:
            await number_events(connection, destination_id)


async def events_between(
    connection: AsyncConnection, destination_id: str, since: int, until: int, limit: int
) -> list[Told]:
    """The events from number `since` to `until`, both included, in order, as many as `limit`."""
    of_event = (event.c.organisation == delivery.c.organisation) & (event.c.referral_id == delivery.c.referral_id)
    query = (
        select(
            delivery.c.organisation,
            delivery.c.referral_id,
            delivery.c.number,
            delivery.c.event_number,
            delivery.c.focus,
            event.c.at,
        )
        .join(event, of_event & (event.c.number == delivery.c.number))
        .where(
            delivery.c.destination_id == destination_id,
            delivery.c.event_number.between(max(since, 1), until),
        )
        .order_by(delivery.c.event_number)
        .limit(limit)
    )
    return [await _told(connection, row) for row in (await connection.execute(query)).all()]


async def _told(connection: AsyncConnection, row: Any) -> Told:
    type_, id_, version = (row.focus or f"Task/{row.referral_id}/{row.number}").split("/")
    query = select(resource.c.content).filter_by(
        organisation=row.organisation, type=type_, id=id_, version=int(version)
    )
    content = (await connection.execute(query)).scalar_one()
    return Told(row.event_number, row.at, type_, id_, int(version), content)
