"""The SQL of a team's referrals: how many stand how, which may need somebody, and all others by their last change."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, and_, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import late, referral

NO_REFERRALS = ("draft", "entered-in-error")
ASKS = ("delivery-failed", "info-requested")
AWAITS_HUB = ("submitted", "received", "accepted", "allocated")  # the hub has promised a day
NOTHING_TO_DO = '"actions_for_referrer":"no action needed'


@dataclass(frozen=True, slots=True)
class Team:
    """Whose referrals: of an organisation's team by any of its names, or of one referrer in it."""

    organisation: str
    names: Sequence[str]
    referrer: str | None = None

    def has(self) -> ColumnElement[bool]:
        its = and_(
            referral.c.organisation == self.organisation,
            referral.c.team.in_(self.names),
            referral.c.status.not_in(NO_REFERRALS),
        )
        return its & (referral.c.referrer == self.referrer) if self.referrer else its


async def count_by_status(connection: AsyncConnection, team: Team) -> dict[str, int]:
    query = select(referral.c.status, func.count().label("how_many")).where(team.has()).group_by(referral.c.status)
    return {row.status: row.how_many for row in await connection.execute(query)}


async def may_press(
    connection: AsyncConnection,
    team: Team,
    statuses: Collection[str],
    ended_since: datetime,
    sent_before: datetime,
    limit: int,
) -> Sequence[RowMapping]:
    """Those that may need the referrer, or be overdue at the hub, of these statuses (none: of all); what is worst
    first. The rows alone decide what is so."""
    its_late = exists().where(late.c.organisation == referral.c.organisation, late.c.referral_id == referral.c.id)
    ended = referral.c.status.startswith("closed-") & ~func.lower(referral.c.standing).contains(NOTHING_TO_DO)
    told = or_(referral.c.status.in_(("not-accepted", "closed-unable-to-contact")), ended)
    kinds = [
        or_(referral.c.status.in_(ASKS), its_late),
        and_(told, referral.c.updated_at >= ended_since),
        and_(referral.c.status.in_(AWAITS_HUB), referral.c.submitted_at < sent_before),
        referral.c.status == "on-hold",
    ]
    order = case(*((kind, place) for place, kind in enumerate(kinds)))
    query = select(referral).where(team.has(), or_(*kinds))
    if statuses:
        query = query.where(referral.c.status.in_(statuses))
    query = query.order_by(order, referral.c.submitted_at, referral.c.id).limit(limit)
    return (await connection.execute(query)).mappings().all()


async def others(
    connection: AsyncConnection,
    team: Team,
    statuses: Collection[str],
    without: Sequence[str],
    offset: int,
    limit: int,
) -> Sequence[RowMapping]:
    """The referrals without these, the last changed first."""
    query = select(referral).where(team.has())
    if statuses:
        query = query.where(referral.c.status.in_(statuses))
    if without:
        query = query.where(referral.c.id.not_in(without))
    newest_first = query.order_by(referral.c.updated_at.desc(), referral.c.id.desc())
    return (await connection.execute(newest_first.offset(offset).limit(limit))).mappings().all()
