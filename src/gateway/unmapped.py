"""Codes that no map knows: noted with each referral that carries them, counted for the analyst who keeps the maps."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Rows, Store
from gateway.store.schema import unmapped_code

LONGEST = 512  # characters, of the table's columns; what is longer is no code that an analyst could map

Unknown = Iterable[dict[str, str | None]]
"""`Translation.unknown`: expression, system, code and text of each code that no map knows."""


@dataclass(frozen=True, slots=True)
class UnmappedCode:
    """One code and how much it is missed: in how many referrals of which organisations (ODS codes), and when last."""

    system: str
    code: str
    referrals: int
    last_seen: datetime
    organisations: list[str]


def unmapped_rows(organisation: str, referral_id: str, unknown: Unknown, at: datetime) -> list[Rows]:
    """The rows of a new referral: one for each code that has a system. Words without a code are never counted."""
    codes = {(one["system"], one["code"]) for one in unknown if one["system"] and one["code"]}
    rows: list[dict[str, Any]] = [
        {"organisation": organisation, "system": system, "code": code, "referral_id": referral_id, "at": at}
        for system, code in sorted(codes, key=str)
        if len(str(system)) <= LONGEST and len(str(code)) <= LONGEST
    ]
    return [(unmapped_code, rows)] if rows else []


async def save_unmapped(
    connection: AsyncConnection, organisation: str, referral_id: str, unknown: Unknown, at: datetime
) -> None:
    """Notes those codes of an amended referral that it did not carry before."""
    for table, rows in unmapped_rows(organisation, referral_id, unknown, at):
        noted = await connection.execute(
            select(table.c.system, table.c.code).where(
                table.c.organisation == organisation, table.c.referral_id == referral_id
            )
        )
        before = {tuple(row) for row in noted}
        new = [row for row in rows if (row["system"], row["code"]) not in before]
        if new:
            await connection.execute(table.insert(), new)


async def count_unmapped(store: Store, since: datetime | None = None) -> list[UnmappedCode]:
    """The codes seen since then, those of the most referrals first."""
    query = select(
        unmapped_code.c.system,
        unmapped_code.c.code,
        unmapped_code.c.organisation,
        func.count().label("referrals"),
        func.max(unmapped_code.c.at).label("last_seen"),
    ).group_by(unmapped_code.c.system, unmapped_code.c.code, unmapped_code.c.organisation)
    if since:
        query = query.where(unmapped_code.c.at >= since)
    async with store.reading() as connection:
        rows = (await connection.execute(query)).all()
    counted = []
    for system, code in {(row.system, row.code) for row in rows}:
        same = [row for row in rows if (row.system, row.code) == (system, code)]
        referrals, last_seen = sum(row.referrals for row in same), max(row.last_seen for row in same)
        counted.append(UnmappedCode(system, code, referrals, last_seen, sorted(row.organisation for row in same)))
    return sorted(counted, key=lambda one: (-one.referrals, one.system, one.code))
