"""News from other processes: what they have committed, and who is registered anew.

Polling is the safety net, so news may be lost. On PostgreSQL each process keeps a connection of its own that listens
and tells; what a server commits wakes workers and open pages, what a worker commits wakes open pages alone. It is told
after the commits, not in them: NOTIFY in a transaction makes its commit wait for all others that notify. On SQLite each
process watches the file's data version.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from gateway.store.engine import BOUNDS, Store

CHANNEL = "gateway"
REGISTERED = "registered"
QUIET = 0.02  # seconds between two hints: under load the first of them wakes whoever sleeps
QUIET_FOR_PAGES = 0.2  # ... when all that they wake is pages, which people read
HEARTBEAT = 10.0  # seconds: a connection that listens would never notice that its other end has gone
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two tries to connect again
LOOK = 0.02  # seconds between two looks at SQLite's version: 5 us each

log = structlog.get_logger()


async def first_of(seconds: float, *events: asyncio.Event) -> None:
    """Waits for the first of the events, but no longer than so many seconds."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


@asynccontextmanager
async def registering(store: Store) -> AsyncIterator[AsyncConnection]:
    """A transaction that changes who is registered. Once it is committed, this process knows at once, and all others
    do within milliseconds: here the news goes with the commit, for it is seldom and must not be lost."""
    async with store.transaction() as connection:
        yield connection
        if connection.dialect.name == "sqlite":
            version = (await connection.exec_driver_sql("PRAGMA user_version")).scalar_one()
            await connection.exec_driver_sql(f"PRAGMA user_version = {version + 1}")
        else:
            await connection.execute(text(f"NOTIFY {CHANNEL}, '{REGISTERED}'"))
    store.registrations += 1


async def watch(store: Store, stop: asyncio.Event, *, works: bool) -> None:
    """Hears of other processes' news and tells of its own until `stop` is set; with `works` as a worker, else as a
    server that wakes workers elsewhere. Trouble with the database is logged and waited for, never raised."""
    pause = SHORTEST_PAUSE
    while not stop.is_set():
        try:
            if store.engine.dialect.name == "sqlite":
                await _watch_file(store, stop)
            else:
                async with _line(store, works=works) as (plain, gone):
                    pause = SHORTEST_PAUSE
                    await _tell(plain, stop, gone, _told(store, works=works), QUIET_FOR_PAGES if works else QUIET)
        except Exception as trouble:
            log.warning("no news of other processes", error=type(trouble).__name__, pause_seconds=pause)
        await first_of(pause, stop)
        pause = min(pause * 2, LONGEST_PAUSE)


def _told(store: Store, *, works: bool) -> Mapping[str, asyncio.Event]:
    """The hints that a process gives, and when."""
    return {"changed": store.to_tell} if works else {"committed": store.to_tell, "to_fetch": store.to_fetch}


def _heard(store: Store, *, works: bool) -> Mapping[str, Sequence[asyncio.Event]]:
    """Whom a hint wakes."""
    pages = {"changed": [store.changed], "committed": [store.changed]}
    return pages | {"committed": [store.committed, store.changed], "to_fetch": [store.to_fetch]} if works else pages


@asynccontextmanager
async def _line(store: Store, *, works: bool) -> AsyncIterator[tuple[Any, asyncio.Event]]:
    """A connection of its own that listens, and the event that it has been closed."""
    gone = asyncio.Event()
    heard = _heard(store, works=works)

    def hear(*told: Any) -> None:
        if told[-1] == REGISTERED:
            store.registrations += 1
        for waiting in heard.get(told[-1], ()):
            waiting.set()

    engine = create_async_engine(store.engine.url, poolclass=NullPool, connect_args=BOUNDS)
    try:
        async with engine.connect() as connection:
            plain: Any = (await connection.get_raw_connection()).driver_connection
            plain.add_termination_listener(lambda _: gone.set())
            await plain.add_listener(CHANNEL, hear)
            for name in (REGISTERED, *heard):  # whatever was told while nobody listened
                hear(name)
            try:
                yield plain, gone
            finally:
                if not gone.is_set():
                    await plain.remove_listener(CHANNEL, hear)
    finally:
        await engine.dispose()


async def _tell(
    plain: Any, stop: asyncio.Event, gone: asyncio.Event, hints: Mapping[str, asyncio.Event], quiet: float
) -> None:
    while not stop.is_set() and not gone.is_set():
        await first_of(HEARTBEAT, stop, gone, *hints.values())
        news = [name for name, event in hints.items() if event.is_set()]
        for name in news:
            hints[name].clear()
        async with asyncio.timeout(HEARTBEAT):
            await plain.execute("; ".join(f"NOTIFY {CHANNEL}, '{name}'" for name in news) or "SELECT 1")
        await asyncio.sleep(quiet)


async def _watch_file(store: Store, stop: asyncio.Event) -> None:
    """SQLite tells each connection whether another has committed; the look is short enough for the event loop."""
    with closing(sqlite3.connect(store.engine.url.database or "", timeout=0)) as connection:
        seen = known = None
        while not stop.is_set():
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                (registrations,) = connection.execute("PRAGMA user_version").fetchone()
                if registrations != known:
                    known = registrations
                    store.registrations += 1
                store.committed.set()
                store.changed.set()
            await asyncio.sleep(LOOK)
