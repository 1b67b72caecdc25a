"""The versions of resources as they followed one another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import resource

Cursor = tuple[datetime, str, int]  # updated_at, id and version of the last one seen
BY_TIME = (resource.c.updated_at, resource.c.id, resource.c.version)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The versions of one resource, or of all of the type when `id` is None. Times in UTC.

    `since`: not older than that; `until`: not younger. `at`: current at some moment from the first (included) to the
    second.
    """

    organisation: str
    type: str
    id: str | None
    since: datetime | None = None
    until: datetime | None = None
    at: tuple[datetime, datetime] | None = None


async def versions(connection: AsyncConnection, chosen: Chosen, after: Cursor | None, limit: int) -> Sequence[Row[Any]]:
    """Up to `limit` rows of table `resource`, newest first, after the cursor; those of one resource by their number."""
    order = BY_TIME[-1:] if chosen.id else BY_TIME
    query = select(resource).where(*_conditions(chosen))
    if after:
        query = query.where(tuple_(*order) < after[-len(order) :])
    return (await connection.execute(query.order_by(*(column.desc() for column in order)).limit(limit))).all()


async def count_versions(connection: AsyncConnection, chosen: Chosen) -> int:
    query = select(func.count()).select_from(resource).where(*_conditions(chosen))
    return int((await connection.execute(query)).scalar_one())


def _conditions(chosen: Chosen) -> list[ColumnElement[bool]]:
    found = [resource.c.organisation == chosen.organisation, resource.c.type == chosen.type]
    if chosen.id:
        found.append(resource.c.id == chosen.id)
    if chosen.since:
        found.append(resource.c.updated_at >= chosen.since)
    if chosen.until:
        found.append(resource.c.updated_at <= chosen.until)
    if chosen.at:
        start, end = chosen.at
        found += [resource.c.updated_at < end, ~_replaced_by(start)]
    return found


def _replaced_by(moment: datetime) -> ColumnElement[bool]:
    """Whether the next version was there at that moment."""
    following = resource.alias()
    return exists().where(
        following.c.organisation == resource.c.organisation,
        following.c.type == resource.c.type,
        following.c.id == resource.c.id,
        following.c.version == resource.c.version + 1,
        following.c.updated_at <= moment,
    )
