"""PostgreSQL's one statement for a whole batch of new rows."""

from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import Column, String, Table
from sqlalchemy.dialects import postgresql

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]


@cache
def insert_into(tables: tuple[tuple[Table, tuple[str, ...]], ...]) -> str:
    """INSERT into several tables; each column of each is one parameter, an array with the values of all its rows."""
    number = count(1)
    inserts = []
    for table, names in tables:
        arrays = ", ".join(f"${next(number)}::{_array(table.c[name])}" for name in names)
        insert = f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM unnest({arrays})"  # noqa: S608 - our names
        inserts.append(insert)
    *others, last = inserts
    steps = ", ".join(f"step{place} AS ({insert})" for place, insert in enumerate(others))
    return f"WITH {steps} {last}" if others else last


def _array(column: Column[Any]) -> str:
    """text[] for varchar(n): a cast to that would cut off what is too long, the column refuses it."""
    if isinstance(column.type, String):
        return "text[]"
    return f"{column.type.compile(POSTGRESQL)}[]"
