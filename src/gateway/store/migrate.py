"""Brings a database to this version's tables (Alembic)."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

import gateway.migrations
from gateway.store.engine import Store
from gateway.store.reindex import is_unindexed, reindex

_upgrading = threading.Lock()  # of the process, whichever thread and loop: Alembic's context is one for all


async def migrate(url: str, tell: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Creates or upgrades the tables; safe to run again.

    Where the index of searches is new, it is made from what is stored; `tell` hears how far that is.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    store = Store(url, connections=1, bounded=False)
    try:
        async with _alone(), store.transaction() as connection:
            await connection.run_sync(_upgrade)
        if await is_unindexed(store):
            await reindex(store, tell)
    finally:
        await store.close()


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    while not _upgrading.acquire(blocking=False):  # noqa: ASYNC110 - held by another loop, or a task of this one
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        _upgrading.release()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(gateway.migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
