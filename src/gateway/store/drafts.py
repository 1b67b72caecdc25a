"""The SQL of referrals that are being written, and of how long that took."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dialect import insert_into_either
from gateway.store.schema import draft, form_use, team_request

Row = dict[str, Any]
KEY = ("organisation", "epr_id", "user_id", "patient_id")
KEPT = timedelta(days=28)  # a draft that nobody came back to


async def read_draft(connection: AsyncConnection, key: Mapping[str, str]) -> Row | None:
    row = (await connection.execute(select(draft).filter_by(**key))).mappings().one_or_none()
    return dict(row) if row else None


async def begin_draft(connection: AsyncConnection, row: Row, team: str | None) -> Row:
    """The draft there is, else this one; and that its form was opened. Old drafts of this organisation go."""
    await connection.execute(
        delete(draft).where(draft.c.organisation == row["organisation"], draft.c.updated_at < row["opened_at"] - KEPT)
    )
    kept = await connection.execute(insert_into_either(connection, draft).values(row).on_conflict_do_nothing())
    if kept.rowcount == 1:
        earlier = exists().where(
            form_use.c.organisation == row["organisation"],
            form_use.c.user_id == row["user_id"],
            form_use.c.submitted_at.isnot(None),
        )
        experienced = (await connection.execute(select(earlier))).scalar_one()
        await connection.execute(
            form_use.insert().values(
                organisation=row["organisation"],
                id=row["id"],
                user_id=row["user_id"],
                team=team,
                opened_at=row["opened_at"],
                experienced=bool(experienced),
            )
        )
    found = await read_draft(connection, {name: row[name] for name in KEY})
    assert found  # it was there or was written
    return found


async def save_draft(connection: AsyncConnection, key: Mapping[str, str], answers: str, at: datetime) -> bool:
    """Whether there was a draft to save into."""
    saved = await connection.execute(update(draft).filter_by(**key).values(answers=answers, updated_at=at))
    return saved.rowcount == 1


async def drop_draft(connection: AsyncConnection, organisation: str, id_: str) -> None:
    await connection.execute(delete(draft).where(draft.c.organisation == organisation, draft.c.id == id_))


def finish_draft(organisation: str, id_: str, told: Row) -> Callable[[AsyncConnection, object], Awaitable[None]]:
    """What belongs into the transaction of the referral that a draft becomes: the draft goes, and what is known of the
    writing is kept (submitted_at, seconds, interactions, keystrokes)."""

    async def settle(connection: AsyncConnection, _accepted: object) -> None:
        await drop_draft(connection, organisation, id_)
        await connection.execute(update(form_use).filter_by(organisation=organisation, id=id_).values(**told))

    return settle


async def ask_for_team(connection: AsyncConnection, row: Row) -> None:
    """Kept once for each user, with the last time."""
    insert = insert_into_either(connection, team_request)
    changed = {"user_name": insert.excluded.user_name, "asked_at": insert.excluded.asked_at}
    keys = [column.name for column in team_request.primary_key]
    await connection.execute(insert.values(row).on_conflict_do_update(index_elements=keys, set_=changed))
