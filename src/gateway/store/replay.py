"""The SQL of sending again: deliveries that are out of retries, or were delivered to somebody who has lost them.

The same row is sent again, so its id (`webhook-id`) is the one that the receiver may know already: a repeat changes
nothing there. Its attempts go on counting; its retries start anew. The versions of one referral become due together,
in one transaction, so that they go out in order.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import now
from gateway.store.deliveries import DUE
from gateway.store.schema import delivery, organisation

DEAD = delivery.c.state == literal_column("'dead'")
DELIVERED = delivery.c.state == "delivered"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step of replaying a destination did: so many deliveries, up to the referral `last`; so many are left.
    `last` None: that was all."""

    replayed: int
    last: str | None
    remaining: int


async def send_again(connection: AsyncConnection, delivery_id: str) -> int:
    """Makes one delivery due now, whatever it was; 0 when there is none, or it is on its way at this moment."""
    known = select(organisation.c.id)  # so that the key serves, which the sender leads
    one = (delivery.c.organisation.in_(known), delivery.c.id == delivery_id)
    return await _make_due(connection, *one, or_(DEAD, DELIVERED, _waiting()))


async def send_referral_again(connection: AsyncConnection, sender: str, referral_id: str) -> int:
    """Makes due now what is dead of a referral, and what waits for another try."""
    its = (delivery.c.organisation == sender, delivery.c.referral_id == referral_id)
    return await _make_due(connection, *its, or_(DEAD, _waiting()))


async def send_batch_again(
    connection: AsyncConnection, destination_id: str, since: datetime | None, after: str, referrals: int
) -> Batch:
    """Makes due what a destination lacks of the next so many referrals, in the order of their ids, after one of them:
    what is dead, and with `since` also what had been delivered to it then or later."""
    lacks = _lacks(destination_id, since)
    wanted = select(delivery.c.referral_id).where(*lacks, delivery.c.referral_id > after).distinct()
    query = wanted.order_by(delivery.c.referral_id).limit(referrals)
    ids = list((await connection.execute(query)).scalars())
    if not ids:
        return Batch(0, None, 0)
    replayed = await _make_due(connection, *lacks, delivery.c.referral_id.in_(ids))
    remaining = await count_lacking(connection, destination_id, since, ids[-1])
    return Batch(replayed, ids[-1] if remaining else None, remaining)


async def count_lacking(connection: AsyncConnection, destination_id: str, since: datetime | None, after: str) -> int:
    """How many deliveries `send_batch_again` has still to make due."""
    query = select(func.count()).select_from(delivery)
    lacks = _lacks(destination_id, since)
    return (await connection.execute(query.where(*lacks, delivery.c.referral_id > after))).scalar_one()


def _lacks(destination_id: str, since: datetime | None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    lost = or_(DEAD, DELIVERED & (delivery.c.delivered_at >= since)) if since else DEAD
    return delivery.c.destination_id == destination_id, lost


def _waiting() -> ColumnElement[bool]:
    return DUE & or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= now())


async def _make_due(connection: AsyncConnection, *which: ColumnElement[bool]) -> int:
    moment = now()
    again = update(delivery).where(*which)
    made = await connection.execute(
        again.values(
            state="due",
            due_at=moment,
            leased_until=None,
            replayed_after=delivery.c.attempts,
            created_at=case((DELIVERED, moment), else_=delivery.c.created_at),  # what was late is late since then
        )
    )
    return made.rowcount
