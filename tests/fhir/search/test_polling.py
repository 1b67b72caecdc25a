"""Polling sees each change once: by next links and by asking anew, while others write and clocks are wrong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.app import Json, Running
from tests.fhir.search.asking import changes, create_patient, move, newest, search, shown

from gateway import once
from gateway.ids import instant, now
from gateway.store.engine import Rows, Store
from gateway.store.referrals import insert
from gateway.store.schema import delivery


async def put(gateway: Running, kept: Json, **elements: Any) -> Json:
    answer = await gateway.call("demo-epr", "PUT", f"/FHIR/R4/{kept['resourceType']}/{kept['id']}", kept | elements)
    assert answer.status_code == 200, answer.text
    stored: Json = answer.json()
    return stored


class Gate:
    """Holds the first change that comes to be stored, after its time was taken, until it is let go on."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        write, transaction = store.write, store.transaction

        async def write_late(rows: Sequence[Rows]) -> None:
            await self._pass()
            await write(rows)

        @asynccontextmanager
        async def begin_late() -> AsyncIterator[Any]:
            await self._pass()
            async with transaction() as connection:
                yield connection

        monkeypatch.setattr(store, "write", write_late)
        monkeypatch.setattr(store, "transaction", begin_late)

    async def _pass(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            await self.opened.wait()


async def test_r36_a_new_referral_that_is_stored_late_is_seen_by_the_next_poll(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await gateway.refer()  # else the person is new in both, and one is tried again for that
    gate = Gate(gateway.store, monkeypatch)
    slow = asyncio.create_task(gateway.refer())
    await gate.reached.wait()
    await asyncio.sleep(0.002)
    quick = await gateway.refer()

    first = await search(gateway, "Task?_lastUpdated=gt2020")
    gate.opened.set()
    late = await slow
    second = await search(gateway, f"Task?_lastUpdated=gt{newest(first, '')}")

    assert changes(first) == [(known["id"], "1"), (quick["id"], "1")]
    assert changes(second) == [(late["id"], "1")]
    assert late["meta"]["lastUpdated"] > quick["meta"]["lastUpdated"]
    assert changes(await search(gateway, f"Task?_lastUpdated=gt{second['meta']['lastUpdated']}")) == []


async def test_r36_an_update_that_is_stored_late_is_seen_by_the_next_poll(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await create_patient(gateway, "Harrow")
    gate = Gate(gateway.store, monkeypatch)
    slow = asyncio.create_task(put(gateway, kept, active=True))
    await gate.reached.wait()
    await asyncio.sleep(0.002)
    other = await create_patient(gateway, "Okoro")

    first = await search(gateway, "Patient?_lastUpdated=gt2020")
    gate.opened.set()
    await slow
    second = await search(gateway, f"Patient?_lastUpdated=gt{newest(first, '')}")

    assert changes(first) == [(kept["id"], "1"), (other["id"], "1")]
    assert changes(second) == [(kept["id"], "2")]


async def test_r36_a_link_workers_move_that_is_committed_late_is_seen_once(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is taken within its transaction, which on SQLite a poll waits for."""
    moved, other = await gateway.refer(), await gateway.refer()
    since = newest(await search(gateway, "Task?_lastUpdated=gt2020"), "")
    reached, opened = asyncio.Event(), asyncio.Event()

    async def insert_late(connection: AsyncConnection, rows: Sequence[Rows]) -> None:
        await insert(connection, rows)
        if not reached.is_set():
            reached.set()
            await opened.wait()

    async def change_and_poll() -> Json:
        await move(gateway, other, "received")
        return await search(gateway, f"Task?_lastUpdated=gt{since}")

    monkeypatch.setattr(once, "insert", insert_late)
    slow = asyncio.create_task(move(gateway, moved, "received"))
    await reached.wait()
    await asyncio.sleep(0.002)
    quick = asyncio.create_task(change_and_poll())
    await asyncio.wait([quick], timeout=0.3)
    opened.set()
    await slow
    first = await quick
    second = await search(gateway, f"Task?_lastUpdated=gt{newest(first, since)}")

    assert sorted(changes(first) + changes(second)) == sorted([(moved["id"], "2"), (other["id"], "2")])


async def test_r36_a_clock_that_was_ahead_and_one_that_is_behind_keep_the_order(gateway: Running) -> None:
    with time_machine.travel(now() + timedelta(minutes=2)):
        ahead = await gateway.refer()
    first = await search(gateway, "Task?_lastUpdated=gt2020")

    after = await gateway.refer()
    second = await search(gateway, f"Task?_lastUpdated=gt{newest(first, '')}")
    await move(gateway, after, "received")
    third = await search(gateway, f"Task?_lastUpdated=gt{newest(second, '')}")

    assert [changes(first), changes(second)] == [[(ahead["id"], "1")], [(after["id"], "1")]]
    assert changes(third) == [(after["id"], "2")]
    async with gateway.store.reading() as connection:
        due = (await connection.execute(select(delivery.c.due_at).where(delivery.c.referral_id == after["id"]))).all()
    assert due
    assert all(row.due_at <= now() for row in due)  # what is dated ahead of the clock is told at once all the same


async def test_r36_a_clock_far_ahead_dates_nobody_elses_changes(gateway: Running) -> None:
    with time_machine.travel(now() + timedelta(minutes=2)):
        await create_patient(gateway, "Harrow")
    await search(gateway, "Patient?_lastUpdated=gt2020")
    await search(gateway, "Patient?_lastUpdated=gt2020", "demo-epr-2")

    elsewhere = await create_patient(gateway, "Okoro", "demo-epr-2")

    assert elsewhere["meta"]["lastUpdated"] <= instant(now())


@pytest.mark.parametrize("condition", ["", "&family=harrow"])
async def test_r36_a_page_ends_between_two_moments(gateway: Running, condition: str) -> None:
    """Who goes on from the newest of a page misses none that was changed in the same millisecond."""
    alone = await create_patient(gateway, "Harrow")
    named = {"resourceType": "Patient", "name": [{"family": "Harrow"}]}
    entry = {"resource": named, "request": {"method": "POST", "url": "Patient"}}
    together = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]}
    assert (await gateway.call("demo-epr", "POST", "/FHIR/R4", together)).status_code == 200
    last = await create_patient(gateway, "Harrow")

    pages: list[list[str]] = []
    since = "2020-01-01T00:00:00Z"
    while not pages or pages[-1]:
        page = await search(gateway, f"Patient?_lastUpdated=gt{since}{condition}&_count=2")
        pages.append(shown(page))
        since = newest(page, since)

    assert [len(page) for page in pages] == [1, 2, 1, 0]
    assert (pages[0], pages[2]) == ([alone["id"]], [last["id"]])
