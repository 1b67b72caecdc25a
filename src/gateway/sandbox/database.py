"""The file of a tenant's database: made and marked as a sandbox's, and no other is touched."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event

from gateway.errors import Conflict
from gateway.store.engine import Store

FILE = "gateway.db"
MARK = b"SPSB"  # SQLite's application_id of a sandbox's database


class NotOurs(Exception):
    """There is something here that no sandbox has made. Nothing of it was touched."""


def is_made(folder: Path) -> bool:
    """Whether the folder has its database; one that is empty was being made when the process ended. Raises NotOurs for
    any other, which is not even opened: SQLite would write beside it."""
    head = b""
    with suppress(FileNotFoundError), (folder / FILE).open("rb") as file:
        head = file.read(72)
    if head and not (head.startswith(b"SQLite format 3\0") and head[68:] == MARK):
        raise NotOurs(f"{folder / FILE} is no database of a sandbox.")
    return bool(head)


def make(folder: Path) -> None:
    remove(folder)
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")  # there is nothing to go back to but a file without its mark
        connection.execute(f"PRAGMA application_id = {int.from_bytes(MARK)}")


def remove(folder: Path) -> None:
    """The database before its write-ahead log, which would go into whichever came next."""
    for ending in ("", "-journal", "-shm", "-wal"):
        (folder / f"{FILE}{ending}").unlink(missing_ok=True)


def refuse_when_over(store: Store, over: asyncio.Event) -> None:
    """Whoever is inside when the application stops does not open the database again: another may stand there by then.
    They get Conflict."""

    @event.listens_for(store.engine.sync_engine, "do_connect")
    def refuse(*_: Any) -> None:
        if over.is_set():
            raise Conflict("This tenant was reset, or put to sleep, before this was done. Send it again.")
