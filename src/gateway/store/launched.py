"""The SQL of launches and of the sessions that come of them."""

from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.dialect import insert_into_either
from gateway.store.schema import destination, jti, launch, launch_session

Row = dict[str, Any]

KEPT = timedelta(days=1)  # after its end, so that its page can say that it has ended
NOTHING = "{}"  # of the user and the person of a session that is over


async def begin_launch(connection: AsyncConnection, row: Row, moment: datetime) -> None:
    """Keeps it, and forgets those that nobody came back from."""
    await connection.execute(delete(launch).where(launch.c.expires_at < moment))
    await connection.execute(launch.insert(), row)


async def take_launch(connection: AsyncConnection, state: str, moment: datetime) -> Row | None:
    """The launch of this state, once; None for one that is unknown, was used or is over."""
    row = (
        (await connection.execute(delete(launch).where(launch.c.state == state).returning(*launch.c)))
        .mappings()
        .one_or_none()
    )
    return dict(row) if row and row["expires_at"] >= moment else None


async def open_session(connection: AsyncConnection, row: Row) -> None:
    """Keeps it. The user's other sessions about somebody else end: the EPR shows one person at a time."""
    theirs = (
        (launch_session.c.organisation == row["organisation"])
        & (launch_session.c.epr_id == row["epr_id"])
        & (launch_session.c.user_id == row["user_id"])
        & launch_session.c.ended.is_(None)
    )
    if row["patient_id"]:
        another = launch_session.c.patient_id != row["patient_id"]  # which a session about nobody has not
        await connection.execute(update(launch_session).where(theirs, another).values(ended="switched", token=None))
    over = launch_session.c.expires_at < row["opened_at"]
    await connection.execute(
        update(launch_session).where(over, launch_session.c.content != NOTHING).values(content=NOTHING, token=None)
    )
    await connection.execute(delete(launch_session).where(launch_session.c.expires_at < row["opened_at"] - KEPT))
    await connection.execute(launch_session.insert(), row)


async def read_session(connection: AsyncConnection, session_id: str) -> Row | None:
    row = (
        (await connection.execute(select(launch_session).where(launch_session.c.id == session_id)))
        .mappings()
        .one_or_none()
    )
    return dict(row) if row else None


async def prolong_session(connection: AsyncConnection, session_id: str, until: datetime) -> None:
    await connection.execute(update(launch_session).where(launch_session.c.id == session_id).values(expires_at=until))


async def use_nonce(connection: AsyncConnection, of: str, nonce: str, until: datetime) -> bool:
    """Whether it is used for the first time; from now on it is used."""
    row = {"client_id": of, "jti": nonce, "expires_at": until}
    kept = await connection.execute(insert_into_either(connection, jti).values(row).on_conflict_do_nothing())
    return kept.rowcount == 1


async def read_record(connection: AsyncConnection, organisation: str, destination_id: str) -> tuple[str, Row] | None:
    """The address and the registered options of the organisation's record (a destination of kind rio)."""
    query = select(destination.c.url, destination.c.content).where(
        destination.c.id == destination_id, destination.c.organisation == organisation, destination.c.kind == "rio"
    )
    row = (await connection.execute(query)).one_or_none()
    return (row.url, orjson.loads(row.content)) if row else None
