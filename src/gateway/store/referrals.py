"""Referrals and what belongs to them: contacts, prescriptions, sessions, measures; their journal and deliveries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping, Table, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hearing import Listener
from gateway.ids import instant
from gateway.store.engine import Rows
from gateway.store.people import same_person
from gateway.store.schema import (
    attempt,
    contact,
    delivery,
    destination,
    event,
    measure,
    prescription,
    referral,
    session,
)
from mappings.referral import Contact, Hub, Measure, Prescription, Session, Standing

KEPT_IN_ROW = {"id", "version", "reference", "status", "submitted_at", "updated_at"}
KEPT_IN_PARTS = {"contacts", "prescriptions", "measures"}


@dataclass(frozen=True, slots=True)
class Stored:
    """A referral as stored: the row of table `referral`, and where it stands, put together from all its rows."""

    row: dict[str, Any]
    standing: Standing


async def sender_of(connection: AsyncConnection, referral_id: str, hubs: Iterable[str]) -> str | None:
    """The organisation that sent the referral, if it went to one of these hubs."""
    query = select(referral.c.organisation).where(referral.c.id == referral_id, referral.c.hub_id.in_(sorted(hubs)))
    return (await connection.execute(query)).scalar_one_or_none()


async def id_of(connection: AsyncConnection, organisation: str, reference: str) -> str | None:
    """The referral of this reference (SP-...)."""
    query = select(referral.c.id).where(referral.c.organisation == organisation, referral.c.reference == reference)
    return (await connection.execute(query)).scalar_one_or_none()


async def load(
    connection: AsyncConnection, organisation: str, referral_id: str, *, lock: bool = False
) -> Stored | None:
    """The whole referral; locked against other changes until the end of the transaction, when asked."""
    query = select(referral).where(referral.c.organisation == organisation, referral.c.id == referral_id)
    if lock:
        query = query.with_for_update()  # left out on SQLite, where a transaction is alone anyway
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    held = defaultdict(list)
    for one in await _parts(connection, session, row):
        held[one["prescription_id"]].append(Session(**_shown(one, Session.model_fields)))
    kept = orjson.loads(row["standing"])
    standing = Standing.model_validate(
        {
            **kept,
            "hub": _shown(kept["hub"], Hub.model_fields),  # not all that is registered about it
            **_shown(row, KEPT_IN_ROW),
            "contacts": [_shown(one, Contact.model_fields) for one in await _parts(connection, contact, row)],
            "prescriptions": [
                _shown(one, Prescription.model_fields)
                | {"categories": orjson.loads(one["categories"]), "sessions": held[one["id"]]}
                for one in await _parts(connection, prescription, row, by="issued_at")
            ],
            "measures": [_shown(one, Measure.model_fields) for one in await _parts(connection, measure, row)],
        }
    )
    return Stored(dict(row), standing)


async def _parts(connection: AsyncConnection, table: Table, row: RowMapping, by: str = "at") -> Sequence[RowMapping]:
    query = select(table).where(table.c.organisation == row["organisation"], table.c.referral_id == row["id"])
    return (await connection.execute(query.order_by(table.c[by], table.c.id))).mappings().all()


def _shown(row: Mapping[Any, Any], names: Iterable[str]) -> dict[str, Any]:
    """The columns of these names that the row has, times as FHIR instants."""
    return {name: instant(row[name]) if isinstance(row[name], datetime) else row[name] for name in names if name in row}


def standing_column(standing: Standing) -> str:
    """What of the standing is kept in the referral's own column `standing`; the rest has columns and rows."""
    return standing.model_dump_json(exclude=KEPT_IN_ROW | KEPT_IN_PARTS, exclude_none=True)


async def save(connection: AsyncConnection, before: Stored, after: Stored) -> None:
    """Updates the referral's row, and the prescriptions whose status has changed."""
    key = {"organisation": before.row["organisation"], "id": before.row["id"]}
    changed = {name: value for name, value in after.row.items() if before.row[name] != value}
    await connection.execute(update(referral).filter_by(**key).values(changed))
    statuses = {one.id: one.status for one in before.standing.prescriptions}
    for one in after.standing.prescriptions:
        if statuses.get(one.id, one.status) != one.status:
            await connection.execute(
                update(prescription)
                .filter_by(organisation=key["organisation"], id=one.id)
                .values(status=one.status, status_reason=one.status_reason)
            )


async def insert(connection: AsyncConnection, rows: Iterable[Rows]) -> None:
    for table, some in rows:
        if some:
            await connection.execute(table.insert(), list(some))


async def list_at_hubs(
    connection: AsyncConnection,
    hubs: Iterable[str],
    *,
    status: str | None = None,
    person_id: str | None = None,
    updated_since: datetime | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> Sequence[RowMapping]:
    """Referrals of these hubs, those longest without a change first; `after` is the (updated_at, id) to go on from.

    Times must be in UTC.
    """
    query = select(referral).where(referral.c.hub_id.in_(sorted(hubs)))
    if status:
        query = query.where(referral.c.status == status)
    if person_id:
        query = query.where(referral.c.person_id.in_(same_person(person_id)))
    if updated_since:
        query = query.where(referral.c.updated_at >= updated_since)
    if after:
        at, referral_id = after
        query = query.where(
            or_(referral.c.updated_at > at, and_(referral.c.updated_at == at, referral.c.id > referral_id))
        )
    query = query.order_by(referral.c.updated_at, referral.c.id).limit(limit)
    return (await connection.execute(query)).mappings().all()


async def listeners(connection: AsyncConnection) -> list[Listener]:
    """All that are registered to hear of changes; they are few."""
    columns = [destination.c[field.name] for field in fields(Listener)]
    found = await connection.execute(select(*columns).order_by(destination.c.id))
    return [Listener(*row) for row in found]


async def events(connection: AsyncConnection, organisation: str, referral_id: str) -> Sequence[RowMapping]:
    """The journal of the referral, first event first."""
    query = select(event).where(event.c.organisation == organisation, event.c.referral_id == referral_id)
    return (await connection.execute(query.order_by(event.c.number))).mappings().all()


async def deliveries(
    connection: AsyncConnection, organisation: str, referral_id: str
) -> list[tuple[RowMapping, list[RowMapping]]]:
    """Each delivery of the referral's events, in order, with its attempts."""
    query = select(delivery).where(delivery.c.organisation == organisation, delivery.c.referral_id == referral_id)
    found = (await connection.execute(query.order_by(delivery.c.number, delivery.c.destination_id))).mappings().all()
    tries = select(attempt).where(
        attempt.c.organisation == organisation, attempt.c.delivery_id.in_([one["id"] for one in found])
    )
    made: dict[str, list[RowMapping]] = defaultdict(list)
    for one in (await connection.execute(tries.order_by(attempt.c.number))).mappings():
        made[one["delivery_id"]].append(one)
    return [(one, made[one["id"]]) for one in found]
