"""Writes a migration from what differs between the tables in code and the newest migration: make migration m="..."."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

import gateway.migrations
from gateway.store.engine import Store
from gateway.store.migrate import migrate


async def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/empty.db"
        if any((Path(gateway.migrations.__file__).parent / "versions").glob("*.py")):
            await migrate(url)
        store = Store(url, connections=1)

        def write(connection: Connection) -> None:
            config = Config()
            config.set_main_option("script_location", str(Path(gateway.migrations.__file__).parent))
            config.attributes["connection"] = connection
            number = len(list((Path(gateway.migrations.__file__).parent / "versions").glob("[0-9]*.py"))) + 1
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")

        async with store.transaction() as connection:
            await connection.run_sync(write)
        await store.close()


asyncio.run(main(sys.argv[1]))
