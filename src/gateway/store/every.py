"""All referrals, a page at a time: for what looks at each of them and changes none."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import referral

KEY = (referral.c.organisation, referral.c.id)


async def refuse_writes(connection: AsyncConnection) -> None:
    """The database itself refuses whatever would be written in this transaction (SQLite: on this connection)."""
    postgres = connection.dialect.name == "postgresql"
    await connection.execute(text("SET TRANSACTION READ ONLY" if postgres else "PRAGMA query_only = ON"))


async def count_referrals(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.count()).select_from(referral))).scalar_one())


async def referrals_after(
    connection: AsyncConnection, after: tuple[str, str] | None, limit: int
) -> Sequence[RowMapping]:
    """Up to `limit` rows of table `referral` by organisation and id, after those given."""
    query = select(referral).order_by(*KEY).limit(limit)
    if after is not None:
        query = query.where(tuple_(*KEY) > tuple_(*after))
    rows: Sequence[Any] = (await connection.execute(query)).mappings().all()
    return rows
