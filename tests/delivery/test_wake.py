"""News between processes: here each Store stands for a process of its own; all share the database."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from tests.waiting import until

from gateway.parties.directory import Directory
from gateway.store.engine import Store
from gateway.store.schema import destination
from gateway.store.wake import registering, watch

TRUST = "RTEST"


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Store]:
    """Another process's store on the same database."""
    store = Store(database_url, connections=2)
    yield store
    await store.close()


@asynccontextmanager
async def watching(store: Store, *, works: bool) -> AsyncIterator[None]:
    stop, before = asyncio.Event(), store.registrations
    watcher = asyncio.create_task(watch(store, stop, works=works))

    async def listens() -> bool:
        return store.registrations > before  # it cannot know what was registered until now

    await until(listens)
    try:
        yield
    finally:
        stop.set()
        await watcher


async def test_a_worker_sends_at_once_what_a_server_of_another_process_has_committed(
    due: Any, epr: Any, other: Store, working: Any
) -> None:
    await due.destination(epr.url)

    async with watching(due.store, works=False), watching(other, works=True), working(on=other, poll_seconds=3600):
        await asyncio.sleep(0.1)
        await due.referral("SP-1000-0000-0001")
        await until(lambda: _delivered(due, ["delivered"]))


async def test_a_destination_registered_in_one_process_hears_of_the_next_change_accepted_in_another(
    store: Store, other: Store
) -> None:
    directory, slow = Directory(other), 3600

    async def hears() -> bool:
        await directory.refresh()
        return [one.destination_id for one in directory.heard_by(TRUST, None, [])] == ["epr"]

    directory._seconds = slow
    await directory.refresh()
    assert directory.heard_by(TRUST, None, []) == []

    async with watching(other, works=True):
        await directory.refresh()
        await _register(store, "epr")
        await until(hears)


async def test_the_process_that_registers_knows_it_without_being_told(store: Store) -> None:
    directory = Directory(store, seconds=3600)
    await directory.refresh()

    await _register(store, "epr")
    await directory.refresh()

    assert [one.destination_id for one in directory.heard_by(TRUST, None, [])] == ["epr"]


async def test_what_is_rolled_back_is_not_registered_anew(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with registering(store):
            _ = 1 / 0

    assert store.registrations == 0


async def test_what_is_registered_during_a_read_is_read_again(store: Store) -> None:
    directory = Directory(store, seconds=3600)

    async with asyncio.TaskGroup() as group:
        group.create_task(directory.refresh())
        await asyncio.sleep(0)  # it has begun to read
        group.create_task(_register(store, "epr"))
    await directory.refresh()

    assert [one.destination_id for one in directory.heard_by(TRUST, None, [])] == ["epr"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_listener_whose_connection_is_cut_listens_again_and_catches_up(store: Store, other: Store) -> None:
    async with watching(other, works=True):
        before = other.registrations
        async with store.transaction() as connection:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            assert (await connection.execute(text(cut))).all() == [(True,)]
        await _register(store, "epr")
        async with asyncio.timeout(60):
            while other.registrations == before:  # noqa: ASYNC110 - it offers nothing to wait for
                await asyncio.sleep(0.01)
        other.committed.clear()
        async with store.transaction() as connection:
            await connection.execute(text("NOTIFY gateway, 'committed'"))
        async with asyncio.timeout(60):
            await other.committed.wait()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_many_commits_make_few_notifications(due: Any, database_url: str) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    await listener.add_listener("gateway", lambda *told: heard.append(told[-1]))
    await due.destination("https://epr.example/FHIR/R4")

    async with watching(due.store, works=False):
        started = time.monotonic()
        for number in range(50):
            await due.referral(f"SP-1000-0000-{number:04d}")
        seconds = time.monotonic() - started
        await asyncio.sleep(0.1)
    await listener.close()

    assert heard[-1] == "committed"
    assert len(heard) <= seconds / 0.02 + 3


async def test_a_database_that_is_not_there_is_waited_for() -> None:
    store, stop = Store("postgresql+asyncpg://postgres@127.0.0.1:1/none"), asyncio.Event()
    watcher = asyncio.create_task(watch(store, stop, works=True))
    await asyncio.sleep(0.3)
    assert not watcher.done()
    stop.set()
    await watcher
    await store.close()


async def _register(store: Store, name: str) -> None:
    row: dict[str, Any] = {
        "organisation": TRUST,
        "id": name,
        "kind": "fhir-callback",
        "url": "https://epr.example",
        "secret": "s",
    }
    row |= {"owner": "Integration desk", "content": "{}", "state": "healthy", "failures": 0, "events": 0}
    async with registering(store) as connection:
        await connection.execute(destination.insert(), row)


async def _delivered(due: Any, expected: list[str]) -> bool:
    return bool(await due.states() == expected)


@pytest.mark.parametrize("works", [False, True])
async def test_pages_open_anywhere_are_woken_by_what_any_process_commits(due: Any, other: Store, works: bool) -> None:
    """Servers that deliver and those that do not, as the one that commits and as the one that has the page."""
    async with watching(due.store, works=works), watching(other, works=not works):
        await asyncio.sleep(0.3)
        other.changed.clear()
        await due.destination("https://epr.example/FHIR/R4")
        async with asyncio.timeout(60):
            await other.changed.wait()


async def test_what_is_heard_is_not_told_again(due: Any, other: Store) -> None:
    async def quiet() -> bool:
        due.store.changed.clear()
        other.changed.clear()
        await asyncio.sleep(0.6)
        return not due.store.changed.is_set() and not other.changed.is_set()

    async with watching(due.store, works=True), watching(other, works=True):
        await due.destination("https://epr.example/FHIR/R4")
        await until(quiet)
