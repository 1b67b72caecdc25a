"""Makes the index `found_by` anew from what is stored: after an upgrade that finds resources by more than before.

It can run beside the servers. What it has not come to yet is found as before; an entry too many does no harm, because
each resource that is found is judged on its content.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import bindparam, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.search import TABLE, keys
from gateway.store.dialect import insert_into_either
from gateway.store.engine import Store
from gateway.store.resources import found_by_rows
from gateway.store.schema import found_by, resource
from gateway.store.search import ids_of_type, versions
from gateway.validation import parse

AT_ONCE = 500  # resources in one transaction
ENTRY = tuple(found_by.primary_key.columns)


async def is_unindexed(store: Store) -> bool:
    """Whether there are resources, and nothing that they are found by."""
    async with store.reading() as connection:
        entry = await connection.execute(select(found_by.c.id).limit(1))
        stored = await connection.execute(select(resource.c.id).limit(1))
        return entry.first() is None and stored.first() is not None


async def reindex(store: Store, tell: Callable[[int, int], None]) -> None:
    """Adds each entry that is missing, then removes each that is wrong.

    `tell` hears, again and again, how many resources are done and how many there are.
    """
    async with store.reading() as connection:
        stored = await connection.execute(
            select(resource.c.organisation, resource.c.type, func.count())
            .where(resource.c.version == 1)
            .group_by(resource.c.organisation, resource.c.type)
        )
        counts = [tuple(row) for row in stored if row.type in TABLE]
    done, total = 0, sum(count for _, _, count in counts)
    for organisation, type_, _ in counts:
        after = None
        while True:
            async with store.transaction() as connection:
                ids = await ids_of_type(connection, organisation, type_, AT_ONCE, after)
                await _add(connection, organisation, type_, ids)
            done += len(ids)
            tell(done, total)
            if len(ids) < AT_ONCE:
                break
            after = ids[-1]
    await _remove_wrong(store)


async def _add(connection: AsyncConnection, organisation: str, type_: str, ids: list[str]) -> None:
    rows: list[dict[str, Any]] = []
    for one in await versions(connection, organisation, type_, ids):
        rows += found_by_rows(organisation, type_, one.id, keys(parse(one.content.encode())))
    if rows:
        insert = insert_into_either(connection, found_by).on_conflict_do_nothing()
        await connection.execute(insert, rows)


async def _remove_wrong(store: Store) -> None:
    after: tuple[str, ...] | None = None
    while True:
        async with store.transaction() as connection:
            query = select(*ENTRY).order_by(*ENTRY).limit(AT_ONCE)
            if after:
                query = query.where(tuple_(*ENTRY) > tuple_(*after))
            entries = [tuple(row) for row in await connection.execute(query)]
            wrong = await _wrong(connection, entries)
            if wrong:
                entry = delete(found_by).where(*(column == bindparam(f"its_{column.name}") for column in ENTRY))
                names = [f"its_{column.name}" for column in ENTRY]
                await connection.execute(entry, [dict(zip(names, one, strict=True)) for one in wrong])
        if len(entries) < AT_ONCE:
            return
        after = entries[-1]


async def _wrong(connection: AsyncConnection, entries: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Those that the content, as it is now, does not make."""
    right: set[tuple[str, ...]] = set()
    for organisation, type_ in {entry[:2] for entry in entries}:
        ids = {entry[-1] for entry in entries if entry[:2] == (organisation, type_)}
        for one in await versions(connection, organisation, type_, ids):
            right |= {(organisation, type_, *key, one.id) for key in keys(parse(one.content.encode()))}
    return [entry for entry in entries if entry not in right]
