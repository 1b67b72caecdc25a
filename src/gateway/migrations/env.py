"""Alembic's entry: run by `gateway migrate`, which hands over an open connection."""

from typing import Literal

from alembic import context

from gateway.store.moment import Moment
from gateway.store.schema import metadata


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A migration must not change when the code does: our types appear as plain SQLAlchemy ones."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Moment) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
