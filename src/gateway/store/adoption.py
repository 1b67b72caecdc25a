"""The SQL of how the service is taken up: figures of referrals by team, how long forms took, who asks for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Label, RowMapping, and_, case, distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import form_use, referral, team_request
from gateway.store.teams import NO_REFERRALS

Spans = Mapping[str, tuple[datetime, datetime]]
"""From, and before: by the name of the figure that counts what was sent then."""


async def count_referrals(
    connection: AsyncConnection,
    organisation: str,
    teams: Sequence[str],
    spans: Spans,
    since: datetime,
    groups: Mapping[str, Sequence[str]],
    sent_before: Mapping[str, datetime],
) -> Sequence[RowMapping]:
    """A row for each name of a team: how many were sent in each of `spans` and, of those sent since `since`, how many
    stand in each of `groups` of statuses, how many `referrers` have sent them, and how many are `overdue`: not decided,
    and sent before the moment that holds for their hub."""
    sent = referral.c.submitted_at
    in_time = sent >= since
    late = [and_(referral.c.hub_id == hub, sent < before) for hub, before in sent_before.items()]
    overdue = and_(in_time, referral.c.status.in_(("submitted", "received")), or_(*late)) if late else None
    figures = [_count(name, and_(sent >= first, sent < last)) for name, (first, last) in spans.items()]
    figures += [_count(name, and_(in_time, referral.c.status.in_(those))) for name, those in groups.items()]
    figures.append(func.count(distinct(case((in_time, referral.c.referrer)))).label("referrers"))
    figures.append(_count("overdue", overdue) if overdue is not None else func.sum(0).label("overdue"))
    earliest = min([since, *(first for first, _ in spans.values())])
    query = select(referral.c.team, *figures).where(
        referral.c.organisation == organisation,
        referral.c.team.in_(teams),
        referral.c.updated_at >= earliest,  # by the index; what was sent since was changed since
        sent >= earliest,
        referral.c.status.not_in(NO_REFERRALS),
    )
    return (await connection.execute(query.group_by(referral.c.team))).mappings().all()


def _count(name: str, which: ColumnElement[bool]) -> Label[Any]:
    return func.sum(case((which, 1), else_=0)).label(name)


async def forms_sent(
    connection: AsyncConnection, organisation: str, teams: Sequence[str], since: datetime, limit: int
) -> Sequence[RowMapping]:
    """Team, seconds and interactions of each referral that was sent by the form, the last first."""
    query = (
        select(form_use.c.team, form_use.c.seconds, form_use.c.interactions)
        .where(form_use.c.organisation == organisation, form_use.c.team.in_(teams), form_use.c.submitted_at >= since)
        .order_by(form_use.c.submitted_at.desc())
        .limit(limit)
    )
    return (await connection.execute(query)).mappings().all()


async def count_requests(connection: AsyncConnection, organisation: str, limit: int) -> Sequence[RowMapping]:
    """(team, people, last) of the teams that somebody has asked for; those that most ask for first."""
    people = func.count().label("people")
    query = (
        select(team_request.c.team, people, func.max(team_request.c.asked_at).label("last"))
        .where(team_request.c.organisation == organisation)
        .group_by(team_request.c.team)
        .order_by(people.desc(), team_request.c.team)
        .limit(limit)
    )
    return (await connection.execute(query)).mappings().all()
