"""The SQL of deliveries as people who watch over them see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import is_reference
from gateway.store.schema import attempt, delivery, destination, event, organisation, referral

# Written out in the statements, so that both databases see that the partial indexes serve.
STATES = {name: delivery.c.state == literal_column(f"'{name}'") for name in ("due", "delivered", "dead", "dropped")}


async def find_referral(connection: AsyncConnection, name: str) -> tuple[str, str] | None:
    """(sender, id) of the referral of this reference or id."""
    named = referral.c.reference if is_reference(name) else referral.c.id
    query = select(referral.c.organisation, referral.c.id).where(named == name)
    row = (await connection.execute(query)).one_or_none()
    return (row.organisation, row.id) if row else None


async def list_deliveries(
    connection: AsyncConnection,
    *,
    states: Sequence[str] = (),
    destination_id: str | None = None,
    of_referral: tuple[str, str] | None = None,
    created_before: datetime | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> Sequence[Row[Any]]:
    """Those that fit, by sender, the oldest first; `after` is the (sender, id) to go on from."""
    query = _deliveries()
    if states:
        query = query.where(or_(*(STATES[one] for one in states)))
    if created_before:
        query = query.where(delivery.c.created_at <= created_before)
    if destination_id:
        query = query.where(delivery.c.destination_id == destination_id)
    if of_referral:
        query = query.where(delivery.c.organisation == of_referral[0], delivery.c.referral_id == of_referral[1])
    if after:
        query = query.where(tuple_(delivery.c.organisation, delivery.c.id) > after)
    found = await connection.execute(query.order_by(delivery.c.organisation, delivery.c.id).limit(limit))
    return list(found)


async def read_delivery(connection: AsyncConnection, delivery_id: str) -> Row[Any] | None:
    known = select(organisation.c.id)  # so that the key serves, which the sender leads
    query = _deliveries().where(delivery.c.organisation.in_(known), delivery.c.id == delivery_id)
    row: Row[Any] | None = (await connection.execute(query)).one_or_none()
    return row


async def attempts_of(connection: AsyncConnection, deliveries: Sequence[Row[Any]]) -> dict[str, list[Row[Any]]]:
    """The attempts of each of these deliveries, by its id, the first first."""
    made: dict[str, list[Row[Any]]] = {one.id: [] for one in deliveries}
    query = select(attempt).where(
        attempt.c.organisation.in_(sorted({one.organisation for one in deliveries})),
        attempt.c.delivery_id.in_(made),
    )
    for one in await connection.execute(query.order_by(attempt.c.number)):
        made[one.delivery_id].append(one)
    return made


def _deliveries() -> Select[Any]:
    its_event = and_(
        event.c.organisation == delivery.c.organisation,
        event.c.referral_id == delivery.c.referral_id,
        event.c.number == delivery.c.number,
    )
    its_referral = and_(referral.c.organisation == delivery.c.organisation, referral.c.id == delivery.c.referral_id)
    return (
        select(
            delivery,
            destination.c.owner,
            destination.c.kind,
            event.c.type.label("event"),
            event.c.at.label("changed_at"),
            referral.c.reference,  # none while the details of its Task are awaited
        )
        .join_from(delivery, destination, destination.c.id == delivery.c.destination_id)
        .join(event, its_event)
        .outerjoin(referral, its_referral)
    )
