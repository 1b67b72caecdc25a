"""The SQL of CDS Hooks: the referrals that cards tell of, and what became of cards."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dialect import insert_into_either
from gateway.store.people import same_person
from gateway.store.schema import card_feedback, referral

MOST_REFERRALS = 50

Row = dict[str, Any]


async def referrals_about(
    connection: AsyncConnection, organisation: str, person_id: str, statuses: Collection[str], since: datetime
) -> list[Row]:
    """The organisation's referrals of this person that have one of these statuses or were sent since then; those
    changed last come first."""
    shown = (referral.c[name] for name in ("id", "status", "submitted_at", "content"))
    query = (
        select(*shown)
        .where(
            referral.c.organisation == organisation,
            referral.c.person_id.in_(same_person(person_id)),
            or_(referral.c.status.in_(sorted(statuses)), referral.c.submitted_at >= since),
        )
        .order_by(referral.c.updated_at.desc(), referral.c.id)
        .limit(MOST_REFERRALS)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def keep_feedback(connection: AsyncConnection, rows: list[Row]) -> None:
    """Keeps what is said of each card; said again, the later one stays."""
    insert = insert_into_either(connection, card_feedback)
    changed = {name: insert.excluded[name] for name in ("service", "outcome", "content", "at")}
    keep = insert.on_conflict_do_update(
        index_elements=card_feedback.primary_key, set_=changed, where=card_feedback.c.at < insert.excluded.at
    )
    await connection.execute(keep, rows)
