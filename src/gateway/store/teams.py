"""The SQL of what a team and its manager see: the team's referrals, and how the service is taken up."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import instant
from gateway.store.schema import form_use, referral, resource, team_request

Json = dict[str, Any]

MOST = 200  # referrals read for one page
MOST_COUNTED = 100_000  # rows of a year


async def referrals_of(
    connection: AsyncConnection,
    organisation: str,
    team: Collection[str],
    *,
    ended: Collection[str],
    still_open: bool,
    changed_since: datetime | None = None,
    referrer: str | None = None,
) -> list[tuple[Json, Json, Json]]:
    """(standing, referral, Task) of the team's referrals that are open, or have ended; those changed last first, `MOST`
    and one more at most. The standing lacks contacts, prescriptions and measures; the Task is its current version.

    `team` are the names and codes by which senders call the team.
    """
    query = (
        select(referral, resource.c.content.label("task"))
        .join(
            resource,
            (resource.c.organisation == referral.c.organisation)
            & (resource.c.type == "Task")
            & (resource.c.id == referral.c.id)
            & (resource.c.version == referral.c.version),
        )
        .where(referral.c.organisation == organisation, referral.c.team.in_(sorted(team)))
    )
    query = query.where(referral.c.status.not_in(ended) if still_open else referral.c.status.in_(ended))
    if changed_since:
        query = query.where(referral.c.updated_at >= changed_since)
    if referrer:
        query = query.where(referral.c.referrer == referrer)
    query = query.order_by(referral.c.updated_at.desc(), referral.c.id).limit(MOST + 1)
    return [_read(row) for row in (await connection.execute(query)).mappings()]


def _read(row: RowMapping) -> tuple[Json, Json, Json]:
    names = ("id", "version", "reference", "status", "submitted_at", "updated_at")
    known = {name: instant(row[name]) if isinstance(row[name], datetime) else row[name] for name in names}
    return orjson.loads(row["standing"]) | known, orjson.loads(row["content"]), orjson.loads(row["task"])


async def taken_up(connection: AsyncConnection, organisation: str, since: datetime) -> Sequence[RowMapping]:
    """(team, referrer, status, submitted_at, updated_at) of each referral that was sent since then."""
    columns = [referral.c[name] for name in ("team", "referrer", "status", "submitted_at", "updated_at")]
    query = select(*columns).where(referral.c.organisation == organisation, referral.c.submitted_at >= since)
    return (await connection.execute(query.limit(MOST_COUNTED))).mappings().all()


async def writing_of(connection: AsyncConnection, organisation: str, since: datetime) -> Sequence[RowMapping]:
    """(team, submitted_at, seconds, interactions) of each form that was opened since then."""
    columns = [form_use.c[name] for name in ("team", "submitted_at", "seconds", "interactions")]
    query = select(*columns).where(form_use.c.organisation == organisation, form_use.c.opened_at >= since)
    return (await connection.execute(query.limit(MOST_COUNTED))).mappings().all()


async def requests_of(connection: AsyncConnection, organisation: str) -> dict[str, int]:
    """How many people asked for each team."""
    query = select(team_request.c.team, func.count()).where(team_request.c.organisation == organisation)
    return {row[0]: row[1] for row in await connection.execute(query.group_by(team_request.c.team))}
