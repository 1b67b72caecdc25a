"""What polls have gone past stays as it was: the store's part of polling."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from gateway.ids import MILLISECOND, new_id, next_moment, now
from gateway.store.engine import Late, Store
from gateway.store.polls import close_past
from gateway.store.schema import resource


def patient_row(at: datetime) -> dict[str, Any]:
    place = {"organisation": "RX1", "type": "Patient", "id": new_id(), "version": 1}
    return place | {"updated_at": at, "method": "POST", "content": "{}"}


async def test_r36_a_late_row_fails_alone_and_its_next_try_does_not(store: Store) -> None:
    early = now() - timedelta(seconds=1)
    ahead = now() + timedelta(minutes=2)
    await store.write([(resource, [patient_row(ahead)])])
    assert await close_past(store, "RX1", "Patient") == ahead

    of_another = patient_row(early) | {"organisation": "RX2"}
    results = await asyncio.gather(
        store.write([(resource, [patient_row(ahead)])]),
        store.write([(resource, [of_another])]),
        store.write([(resource, [patient_row(ahead), patient_row(ahead + MILLISECOND)])]),
        return_exceptions=True,
    )
    with pytest.raises(Late):
        await store.write([(resource, [patient_row(now())])])
    with pytest.raises(Late):
        async with store.transaction() as connection:
            await connection.execute(resource.insert(), [patient_row(now())])
    await store.write([(resource, [patient_row(next_moment())])])

    assert [type(one) for one in results] == [Late, type(None), Late]


async def test_r36_a_poll_waits_for_whoever_looked_at_the_mark_before_it(store: Store) -> None:
    await store.write([(resource, [patient_row(now())])])

    async with store.transaction() as connection:
        await connection.execute(resource.insert(), [patient_row(now() - timedelta(seconds=1))])
        if connection.dialect.name == "postgresql":  # looks now, as else at the end
            await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        closing = asyncio.create_task(close_past(store, "RX1", "Patient"))
        await asyncio.wait([closing], timeout=0.3)
        early = closing.done()

    assert not early
    closed = await closing
    async with store.reading() as reading:
        seen = select(func.count()).select_from(resource).where(resource.c.updated_at <= closed)
        assert await reading.scalar(seen) == 2
