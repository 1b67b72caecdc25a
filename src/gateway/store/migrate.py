"""Brings a database to this version's tables (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

import gateway.migrations
from gateway.store.engine import Store


async def migrate(url: str) -> None:
    """Creates or upgrades the tables; safe to run again."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    store = Store(url, connections=1)
    try:
        async with store.transaction() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await store.close()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(gateway.migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
