"""What PostgreSQL and SQLite both can and SQL does not say the same way for all."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert_into_either(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say ON CONFLICT, whichever database this is."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
