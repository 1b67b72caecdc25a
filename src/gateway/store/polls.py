"""How far a poll may read, so that no change is ever stored behind it.

A change carries the time at which its request came, and is committed later. So a poll first closes a moment: whoever
commits a change of that moment, or of an earlier one, after that is refused (by a trigger on table `resource`) and
comes again with a new time. What was changed up to a closed moment is read the same way for ever.
"""

from datetime import datetime

from sqlalchemy import func, select

from gateway.ids import now
from gateway.store.dialect import insert_into_either
from gateway.store.engine import Store
from gateway.store.schema import poll_mark, resource

LOCK = 4  # seed of the advisory lock's key; the trigger has it too


async def close_past(store: Store, organisation: str, type_: str) -> datetime:
    """Closes the moment of the newest change of this type that is committed, and returns it. All changes up to it are
    committed then, and none is added.

    That moment, rather than now: so only a change that another has overtaken is refused, clocks of several machines
    are not compared, and a poll that finds nothing new writes nothing.
    """
    newest = select(func.max(resource.c.updated_at)).where(
        resource.c.organisation == organisation, resource.c.type == type_
    )
    marked = select(poll_mark.c.at).where(poll_mark.c.organisation == organisation, poll_mark.c.type == type_)
    async with store.reading() as connection:
        closed: datetime | None = await connection.scalar(marked)
        moment: datetime = await connection.scalar(newest) or closed or now()
    if closed is None or moment > closed:
        row = {"organisation": organisation, "type": type_, "at": moment}
        async with store.transaction() as connection:
            insert = insert_into_either(connection, poll_mark).values(row)
            later = insert.on_conflict_do_update(
                index_elements=poll_mark.primary_key,
                set_={"at": insert.excluded.at},
                where=poll_mark.c.at < insert.excluded.at,
            )
            await connection.execute(later)
        closed = moment
    if store.engine.dialect.name == "postgresql":  # SQLite lets one writer in at a time: the others see the mark
        await _wait_for_writers(store, organisation)
    return closed


async def _wait_for_writers(store: Store, organisation: str) -> None:
    """Until all have ended that looked at the mark when it was not yet there.

    Each holds the lock, shared, from its look to the end of its commit, and waits for nothing meanwhile."""
    async with store.reading() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(organisation, LOCK))))
