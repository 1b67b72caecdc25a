"""What a search reads: ids by one index, in order, from a given one on; and the versions that stand under ids.

Each statement can be answered from the end of one index and stops at its limit, so its cost does not grow with the
store. What is found is judged by `gateway.finding`.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.search import Narrowing
from gateway.store.resources import AT_ONCE
from gateway.store.schema import found_by, resource

Condition = ColumnElement[bool]
Place = tuple[datetime, str]  # updated_at and id

MERGED = 20  # values of which each is read in order
LAST = "\U0010ffff"


async def few_ids(
    connection: AsyncConnection, organisation: str, type_: str, narrowing: Narrowing, most: int
) -> list[str] | None:
    """The ids that the narrowing holds, in order; None when it has more than `most` entries."""
    ranges = [found_by.c.value.between(begins, begins + LAST) for begins in narrowing.beginnings]
    held = or_(found_by.c.value.in_(narrowing.values), *ranges)
    query = _entries(organisation, type_, narrowing).where(held).limit(most + 1)  # not sorted there, or all were read
    ids = list((await connection.execute(query)).scalars())
    return None if len(ids) > most else sorted(set(ids))


def is_ordered(narrowing: Narrowing) -> bool:
    """Whether its ids can be read in order, some at a time."""
    return not narrowing.beginnings and len(narrowing.values) <= MERGED


async def ids_by_key(
    connection: AsyncConnection,
    organisation: str,
    type_: str,
    narrowing: Narrowing,
    limit: int,
    after: str | None = None,
    descending: bool = False,
) -> list[str]:
    """Up to `limit` ids that an ordered narrowing holds, in order of id, after the one given."""
    column = found_by.c.id
    base = _entries(organisation, type_, narrowing).where(*_after(column, after, descending))
    base = base.order_by(column.desc() if descending else column).limit(limit)
    each = [base.where(found_by.c.value == value) for value in narrowing.values]
    query = each[0]
    if len(each) > 1:  # each in the order of the index, so that a common value is not read to its end
        merged = union(*(select(one.subquery().c.id) for one in each)).subquery()
        query = select(merged.c.id).order_by(merged.c.id.desc() if descending else merged.c.id).limit(limit)
    return list((await connection.execute(query)).scalars())


def _entries(organisation: str, type_: str, narrowing: Narrowing) -> Select[str]:
    return select(found_by.c.id).where(
        found_by.c.organisation == organisation,
        found_by.c.type == type_,
        found_by.c.parameter == narrowing.parameter,
    )


async def ids_of_type(
    connection: AsyncConnection,
    organisation: str,
    type_: str,
    limit: int,
    after: str | None = None,
    descending: bool = False,
) -> list[str]:
    """Up to `limit` ids of the type, in order of id, after the one given."""
    column = resource.c.id
    query = select(column).where(
        resource.c.organisation == organisation,
        resource.c.type == type_,
        resource.c.version == 1,  # each has one
        *_after(column, after, descending),
    )
    query = query.order_by(column.desc() if descending else column.asc()).limit(limit)
    return list((await connection.execute(query)).scalars())


def _after(column: ColumnElement[str], after: str | None, descending: bool) -> list[Condition]:
    if after is None:
        return []
    return [column < after if descending else column > after]


async def count_ids(
    connection: AsyncConnection, organisation: str, type_: str, narrowing: Narrowing | None, most: int
) -> int:
    """How many ids the narrowing holds, or the type has; counted up to `most`."""
    if narrowing is None:
        query = select(resource.c.id).where(
            resource.c.organisation == organisation, resource.c.type == type_, resource.c.version == 1
        )
    else:
        query = _entries(organisation, type_, narrowing).where(found_by.c.value.in_(narrowing.values))
        query = query.distinct() if len(narrowing.values) > 1 else query
    return (await connection.execute(select(func.count()).select_from(query.limit(most).subquery()))).scalar_one()


async def versions(
    connection: AsyncConnection, organisation: str, type_: str, ids: Collection[str], at: datetime | None = None
) -> list[Row[Any]]:
    """(id, version, updated_at, content) of the current version of each, or of the one that was current then."""
    found: list[Row[Any]] = []
    given = list(ids)
    for first in range(0, len(given), AT_ONCE):
        some = given[first : first + AT_ONCE]
        highest = select(resource.c.id, func.max(resource.c.version).label("version"))
        newest = _of_ids(highest, organisation, type_, some)
        if at is not None:
            newest = newest.where(resource.c.updated_at <= at)
        newest_of = newest.group_by(resource.c.id).subquery()
        query = select(resource.c.id, resource.c.version, resource.c.updated_at, resource.c.content).join(
            newest_of, and_(resource.c.id == newest_of.c.id, resource.c.version == newest_of.c.version)
        )
        found += (await connection.execute(_of_ids(query, organisation, type_, some))).all()
    return found


def _of_ids(query: Select[Any], organisation: str, type_: str, ids: list[str]) -> Select[Any]:
    return query.where(resource.c.organisation == organisation, resource.c.type == type_, resource.c.id.in_(ids))


async def changed(
    connection: AsyncConnection,
    organisation: str,
    type_: str,
    span: tuple[datetime, datetime],
    limit: int,
    after: Place | None = None,
    descending: bool = False,
    at: datetime | None = None,
) -> list[Row[Any]]:
    """Up to `limit` current versions (or those current then) that were made in the span, in order of that time."""
    newer = resource.alias()
    newest = select(func.max(newer.c.version)).where(
        newer.c.organisation == resource.c.organisation,
        newer.c.type == resource.c.type,
        newer.c.id == resource.c.id,
    )
    order = (resource.c.updated_at, resource.c.id)
    query = select(resource.c.id, resource.c.version, resource.c.updated_at, resource.c.content).where(
        resource.c.organisation == organisation,
        resource.c.type == type_,
        resource.c.updated_at >= span[0],
        resource.c.updated_at < span[1],
    )
    if after:
        query = query.where(tuple_(*order) < tuple_(*after) if descending else tuple_(*order) > tuple_(*after))
    if at is not None:
        query = query.where(resource.c.updated_at <= at)
        newest = newest.where(newer.c.updated_at <= at)
    query = query.where(resource.c.version == newest.scalar_subquery())
    query = query.order_by(*(column.desc() if descending else column for column in order)).limit(limit)
    rows: list[Row[Any]] = [*await connection.execute(query)]
    return rows


async def ids_changed(
    connection: AsyncConnection, organisation: str, type_: str, since: datetime, limit: int
) -> list[str]:
    """Up to `limit` ids of the type that have a further version since then, in order."""
    query = select(resource.c.id).where(
        resource.c.organisation == organisation,
        resource.c.type == type_,
        resource.c.updated_at > since,
        resource.c.version > 1,
    )
    return sorted((await connection.execute(query.distinct().limit(limit))).scalars())


async def about(
    connection: AsyncConnection, organisation: str, types: Iterable[str], value: str, after: tuple[str, str] | None
) -> list[tuple[str, str]]:
    """(type, id) of each resource of the types that has this reference, in that order, after the one given."""
    query = select(found_by.c.type, found_by.c.id).where(
        found_by.c.organisation == organisation,
        found_by.c.type.in_(sorted(types)),
        found_by.c.parameter == "reference",
        found_by.c.value == value,
    )
    if after:
        query = query.where(tuple_(found_by.c.type, found_by.c.id) > tuple_(*after))
    rows = await connection.execute(query.order_by(found_by.c.type, found_by.c.id).limit(AT_ONCE))
    return [(row.type, row.id) for row in rows]
