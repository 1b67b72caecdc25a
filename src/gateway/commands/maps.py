"""gateway check-maps, gateway unmapped-codes: what the maps lack."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.settings import settings
from gateway.store.engine import Store
from gateway.unmapped import UnmappedCode, count_unmapped
from mappings.check import check_maps, render_maps


def check_mappings(table: Annotated[bool, typer.Option(help="Also print the maps as a table.")] = False) -> None:
    """Fails when a map has a gap: a status without words, a code without display, a row that is never reached."""
    if table:
        typer.echo(render_maps())
    gaps = check_maps()
    for gap in gaps:
        typer.echo(gap, err=True)
    raise typer.Exit(1 if gaps else 0)


def show_unmapped_codes(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Seen on this day (UTC) or later.")
    ] = None,
) -> None:
    """Lists the codes that no map knows, the most missed first: what to add to src/mappings/maps."""

    async def count() -> list[UnmappedCode]:
        store = Store(settings().database_url, 1)
        try:
            return await count_unmapped(store, since.replace(tzinfo=UTC) if since else None)
        finally:
            await store.close()

    table = Table("system", "code", "referrals", "last seen", "organisations", box=None)
    for one in asyncio.run(count()):
        seen = str(one.referrals), f"{one.last_seen:%Y-%m-%d}"
        table.add_row(one.system, one.code, *seen, ", ".join(one.organisations))
    Console(width=None if sys.stdout.isatty() else 200, markup=False).print(table)
