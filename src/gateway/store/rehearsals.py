"""The SQL of rehearsals: whose record systems must hear of one, whether they have, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hearing import SILENT, reader_of
from gateway.ids import new_id
from gateway.store.engine import Store
from gateway.store.referrals import listeners
from gateway.store.schema import client, delivery, rehearsal


@dataclass(frozen=True, slots=True)
class Arrival:
    """A version on its way to a destination: its state, and when it was delivered."""

    state: str
    delivered_at: datetime | None
    failure: str | None


async def organisation_of(connection: AsyncConnection, client_id: str) -> str | None:
    query = select(client.c.organisation).where(client.c.id == client_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def record_systems(connection: AsyncConnection, organisation: str) -> list[str]:
    """The destinations where an organisation's own systems hear of its referrals."""
    return [
        one.id
        for one in await listeners(connection)
        if one.organisation == organisation and one.state != SILENT and reader_of(one) == "record"
    ]


async def arrivals(connection: AsyncConnection, referral_id: str, version: int) -> dict[str, Arrival]:
    """How far this version of a referral has come, by destination."""
    query = select(delivery).where(delivery.c.referral_id == referral_id, delivery.c.number == version)
    return {
        row.destination_id: Arrival(row.state, row.delivered_at, row.last_failure)
        for row in await connection.execute(query)
    }


async def keep_rehearsal(store: Store, at: datetime, milliseconds: int, failures: Mapping[str, str | None]) -> None:
    """A row for each destination (or for the way there, named by ""), all of this one moment."""
    rows = [
        {"id": new_id(), "destination_id": to, "at": at, "milliseconds": milliseconds, "failure": failure}
        for to, failure in failures.items()
    ]
    await store.write([(rehearsal, rows)])
