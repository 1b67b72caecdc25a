"""gateway maps unmapped."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from gateway.commands.maps.options import UNREADABLE, chosen, refuse_absent, screen, stop
from gateway.store.engine import Store
from gateway.unmapped import UnmappedCode, count_unmapped


def unmapped(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Seen on this day (UTC) or later.")
    ] = None,
) -> None:
    """Lists the codes that no map knows, the most missed first: what to add to the maps, or to a dialect."""

    url = chosen(None).database_url
    refuse_absent(url)

    async def count() -> list[UnmappedCode]:
        store = Store(url, 1)
        try:
            return await count_unmapped(store, since.replace(tzinfo=UTC) if since else None)
        finally:
            await store.close()

    try:
        counted = asyncio.run(count())
    except (OSError, SQLAlchemyError) as trouble:
        stop(UNREADABLE.format(type(trouble).__name__))
    table = Table("system", "code", "referrals", "last seen", "organisations", box=None)
    for one in counted:
        seen = str(one.referrals), f"{one.last_seen:%Y-%m-%d}"
        table.add_row(one.system, one.code, *seen, ", ".join(one.organisations))
    screen().print(table)
