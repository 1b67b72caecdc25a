"""gateway maps compare."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from gateway.commands.maps.options import UNREADABLE, DialectsFolder, chosen, refuse_absent, screen, stop
from gateway.dialects import DialectError
from gateway.workbench.comparing import Comparison
from gateway.workbench.files import FileError, read_sent
from gateway.workbench.pairs import compare_samples, compare_stored
from gateway.workbench.table import as_csv
from gateway.workbench.versions import VersionError, maps_of
from mappings.documents import UnreadableMap

EXAMPLES = Path("tests/examples")  # of the checkout


def compare(
    old: Annotated[str, typer.Argument(help="A folder of maps, or a git revision such as v1.2 or HEAD.")],
    new: Annotated[str, typer.Argument(help="The version beside it.")],
    samples: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders to read (default: tests/examples, or those of the dialect)."),
    ] = None,
    stored: Annotated[bool, typer.Option("--stored", help="Read what GATEWAY_DATABASE_URL holds, instead.")] = False,
    dialect: Annotated[str | None, typer.Option(help="The dialect of the samples.")] = None,
    dialects: DialectsFolder = None,
    values: Annotated[bool, typer.Option("--values", help="Show what senders wrote, too: it may name people.")] = False,
    as_csv_: Annotated[bool, typer.Option("--csv", help="As CSV, for spreadsheets.")] = False,
) -> None:
    """Reads referrals with two versions of the maps, and shows each difference: field, what it was and would be, in how
    many referrals. Changes nothing. Exits with 1 when there are differences."""
    if stored and (samples or dialect):
        stop("--stored reads the database, in the dialects that are registered: give no samples and no --dialect.")
    chosen_settings, found = chosen(dialects), Comparison(values)
    try:
        with maps_of(old) as before, maps_of(new) as after, _progress() as tell_progress:
            if stored:
                refuse_absent(chosen_settings.database_url)
                asyncio.run(compare_stored(chosen_settings, before, after, found, tell_progress))
            else:
                usual = after.folder / "dialects" / f"{dialect}.examples" if dialect else EXAMPLES
                sent = read_sent(samples or [usual], chosen_settings.max_body_bytes)
                asyncio.run(compare_samples(chosen_settings, before, after, sent, dialect, found, tell_progress))
    except (DialectError, FileError, UnreadableMap, VersionError) as trouble:
        stop(trouble)
    except (OSError, SQLAlchemyError) as trouble:
        stop(UNREADABLE.format(type(trouble).__name__))
    _show(found, as_csv_)
    raise typer.Exit(1 if found.differences else 0)


def _show(found: Comparison, as_csv_: bool) -> None:
    columns = ("field", "was", "would be", "referrals", "examples")
    rows = [(*kind, str(one.referrals), ", ".join(one.examples)) for kind, one in found.sorted()]
    if as_csv_:
        typer.echo(as_csv(columns, rows), nl=False)
    elif rows:
        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold", justify="right" if column == "referrals" else "left")
        for row in rows:
            table.add_row(*row)
        screen().print(table)
    same = found.read - found.different
    ways = f"{len(rows)} way{'' if len(rows) == 1 else 's'}"
    summary = f"{found.read} read: {same} the same, {found.different} different, in {ways}."
    typer.echo(summary, err=as_csv_)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A line on standard error while it lasts, for somebody who looks at it."""
    with Progress(transient=True, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Reading referrals", total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
