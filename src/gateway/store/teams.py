"""The SQL of what a team and its manager see: the team's referrals, and how the service is taken up."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, RowMapping, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import instant
from gateway.store.schema import form_use, late, referral, resource, team_request

Json = dict[str, Any]

ASKS = ("delivery-failed", "info-requested", "not-accepted", "closed-unable-to-contact")
PROMISED = ("submitted", "received", "accepted", "allocated", "on-hold")  # to be looked at by a day
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
    and one more at most. Before them, unless all that have ended are asked for, come those that ask something of the
    referrer, then those whose hub has promised a day, the longest waiting first. The standing lacks contacts,
    prescriptions and measures; the Task is its current version.

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
    if still_open or changed_since:
        query = query.order_by(*_by_need())
    query = query.order_by(referral.c.updated_at.desc(), referral.c.id).limit(MOST + 1)
    return [_read(row) for row in (await connection.execute(query)).mappings()]


def _by_need() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    not_told = exists().where(late.c.organisation == referral.c.organisation, late.c.referral_id == referral.c.id)
    place = case((or_(referral.c.status.in_(ASKS), not_told), 0), (referral.c.status.in_(PROMISED), 1), else_=2)
    return place, case((place == 1, referral.c.submitted_at))


def _read(row: RowMapping) -> tuple[Json, Json, Json]:
    names = ("id", "version", "reference", "status", "submitted_at", "updated_at")
    known = {name: instant(row[name]) if isinstance(row[name], datetime) else row[name] for name in names}
    return orjson.loads(row["standing"]) | known, orjson.loads(row["content"]), orjson.loads(row["task"])


async def taken_up(connection: AsyncConnection, organisation: str, since: datetime) -> Sequence[RowMapping]:
    """(team, referrer, hub_id, status, submitted_at) of each referral that was sent since then."""
    columns = [referral.c[name] for name in ("team", "referrer", "hub_id", "status", "submitted_at")]
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
