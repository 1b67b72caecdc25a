"""What the mock holds, in SQLite. A write is answered only after its commit, so that no kill loses it."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from adapters.rio.mock.mistakes import MockError

Row = dict[str, Any]

TABLES = (files("adapters.rio.mock") / "tables.sql").read_text("utf-8")
SEED = (files("adapters.rio.mock") / "seed.json").read_bytes()  # invented people, teams and local lists


class WriteLost(Exception):
    """Ends a transaction so that nothing of it is kept."""


class Store:
    """In memory, or in a file that survives. Columns have the names that the WSDL gives them.

    One connection, used from one thread at a time: each call of the mock is done with before the next begins.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Raises MockError when the file cannot be used."""
        try:
            self._open(file)
        except sqlite3.Error as trouble:
            raise MockError(f"{file}: cannot be used as the mock's store ({trouble})") from None

    def _open(self, file: Path | None) -> None:
        self._connection = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")  # on the disk before the answer is on its way
        self._connection.executescript(TABLES)
        if self.one("SELECT 1 FROM Client") is None:
            self.start_anew()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it is kept or, when something is raised, nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def all(self, sql: str, *values: Any) -> list[Row]:
        return [dict(row) for row in self._connection.execute(sql, values)]

    def one(self, sql: str, *values: Any) -> Row | None:
        row = self._connection.execute(sql, values).fetchone()
        return dict(row) if row else None

    def insert(self, table: str, row: Mapping[str, Any]) -> int:
        """Returns the row's number. `table` and the keys are the mock's own words, never a caller's."""
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - see above
        return int(self._connection.execute(sql, tuple(row.values())).lastrowid or 0)

    def change(self, sql: str, *values: Any) -> int:
        """Returns how many rows changed."""
        return self._connection.execute(sql, values).rowcount

    def count(self, name: str) -> None:
        """Adds one to what was noticed on the way, e.g. `repeats`."""
        self.change(
            "INSERT INTO Noticed (Name, Number) VALUES (?, 1) ON CONFLICT (Name) DO UPDATE SET Number = Number + 1",
            name,
        )

    def note_effect(self, at: str, operation: str, target: str, key: str, digest: str) -> None:
        """Counts a write where it was done, in its own transaction, so that once can be told from twice."""
        row = {"At": at, "Operation": operation, "Target": target, "Key": key, "Digest": digest}
        self.insert("Effect", row)

    def start_anew(self) -> None:
        """Forgets everything but the seed."""
        with self.transaction():
            for table in self.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
                self.change(f"DELETE FROM {table['name']}")  # noqa: S608 - a name of tables.sql
            for table_name, rows in orjson.loads(SEED).items():
                for row in rows:
                    self.insert(table_name, row)

    def close(self) -> None:
        self._connection.close()
