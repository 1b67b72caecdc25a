"""gateway maps render | check | try | compare | unmapped: what the translation does, and what would be different."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.dialects import DialectError, DialectUnavailable, dialect_files, translator_for
from gateway.parties import Parties, PartiesError, load_parties
from gateway.settings import Settings, settings
from gateway.store.engine import Store
from gateway.unmapped import UnmappedCode, count_unmapped
from gateway.workbench.checking import check_folder
from gateway.workbench.comparing import Comparison
from gateway.workbench.files import FileError, read_sent
from gateway.workbench.pairs import compare_samples, compare_stored
from gateway.workbench.rendering import render_csv, render_html
from gateway.workbench.table import as_csv
from gateway.workbench.telling import as_json, tell
from gateway.workbench.trial import TRIED, invented_parties, trial_gateway, try_out, with_dialect
from gateway.workbench.versions import VersionError, maps_of
from mappings.check import read_maps
from mappings.documents import UnreadableMap, read_document
from mappings.translate import MAPS

EXAMPLES = Path("tests/examples")  # of the checkout

app = typer.Typer(no_args_is_help=True, help=__doc__)

MapsFolder = Annotated[Path, typer.Option("--maps", help="A folder of maps; those that come along if not given.")]
DialectsFolder = Annotated[
    Path | None, typer.Option("--dialects", help="A folder of dialects (default: GATEWAY_DIALECTS_FOLDER).")
]


def stop(trouble: object) -> NoReturn:
    """It could not run: exit 2."""
    typer.echo(trouble, err=True)
    raise typer.Exit(2)


def chosen(dialects: Path | None) -> Settings:
    try:
        found = settings()
    except ValidationError as trouble:
        stop(trouble)
    return found.model_copy(update={"dialects_folder": dialects}) if dialects else found


def screen() -> Console:
    return Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False, soft_wrap=False)


@app.command()
def check(maps: MapsFolder = MAPS, dialects: DialectsFolder = None) -> None:
    """Finds gaps: codes without words, rows that are never reached, targets and elements that do not exist. Tries each
    dialect on its examples."""
    try:
        gaps = asyncio.run(check_folder(chosen(dialects), maps))
    except UnreadableMap as trouble:
        stop(trouble)
    for gap in gaps:
        typer.echo(gap, err=True)
    raise typer.Exit(1 if gaps else 0)


@app.command()
def render(
    folder: Annotated[
        Path | None, typer.Argument(help="Gets maps.html and maps.csv; without it, HTML is printed.")
    ] = None,
    as_csv_: Annotated[bool, typer.Option("--csv", help="Print the CSV instead of the HTML.")] = False,
    maps: MapsFolder = MAPS,
    dialects: DialectsFolder = None,
) -> None:
    """All maps as a document to review and sign: HTML that prints well, and CSV for spreadsheets."""
    try:
        read = read_maps(maps)
        files = dialect_files(read, chosen(dialects).dialects_folder).values()
        spoken = [read_document(file, "dialect") for file in files]
    except UnreadableMap as trouble:
        stop(trouble)
    if folder is None:
        typer.echo(render_csv(read, spoken) if as_csv_ else render_html(read, spoken), nl=False)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "maps.html").write_text(render_html(read, spoken), "utf-8")
        (folder / "maps.csv").write_text(render_csv(read, spoken), "utf-8")
    except OSError as trouble:
        stop(f"{folder}: cannot be written: {trouble.strerror}.")
    typer.echo(f"{folder / 'maps.html'} and {folder / 'maps.csv'} are written.")


@app.command("try")
def try_files(
    files: Annotated[list[Path], typer.Argument(help="FHIR Bundles, single resources, HL7 v2 messages, or folders.")],
    dialect: Annotated[str | None, typer.Option(help="The dialect that the sender speaks.")] = None,
    parties: Annotated[Path | None, typer.Option(help="A parties file: its rules, hubs and dialects count.")] = None,
    organisation: Annotated[str | None, typer.Option(help="The sender's ODS code in the parties file.")] = None,
    maps: MapsFolder = MAPS,
    dialects: DialectsFolder = None,
    as_json_: Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")] = False,
) -> None:
    """Translates files as the gateway would and shows where each field came from; stores nothing. The values in the
    files are printed. Exits with 1 when one is refused."""
    chosen_settings = chosen(dialects)
    known, sender = _parties(parties, organisation)
    if dialect:
        known = with_dialect(known, sender, dialect)

    async def try_all() -> bool:
        refused = False
        told = []
        async with trial_gateway(chosen_settings, read_maps(maps), known) as gateway:
            registered = gateway.directory.organisation(sender) or {}
            by = translator_for(gateway.maps, chosen_settings.dialects_folder, registered.get("dialect"))
            for sent in read_sent(files, chosen_settings.max_body_bytes):
                tried = await try_out(gateway, sender, sent)
                refused = refused or tried.refused
                if as_json_:
                    told.append(as_json(tried, by))
                    continue
                for part in tell(tried, by):
                    screen().print(part)
        if as_json_:
            typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return refused

    try:
        refused = asyncio.run(try_all())
    except (DialectError, FileError, UnreadableMap) as trouble:
        stop(trouble)
    raise typer.Exit(1 if refused else 0)


def _parties(file: Path | None, organisation: str | None) -> tuple[Parties, str]:
    """The parties, and the ODS code of the sender among them."""
    if file is None:
        if organisation:
            stop("--organisation needs --parties FILE: which rules, hubs and dialect does it have?")
        return invented_parties(), TRIED
    try:
        parties = load_parties(file)
    except PartiesError as mistakes:
        stop(mistakes)
    codes = [one.ods_code for one in parties.organisations]
    if organisation not in codes:
        stop(f"--organisation: expected one of {', '.join(codes)}, which {file} has.")
    return parties, organisation


@app.command()
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
                _refuse_absent(chosen_settings.database_url)
                asyncio.run(compare_stored(chosen_settings, before, after, found, tell_progress))
            else:
                usual = after.folder / "dialects" / f"{dialect}.examples" if dialect else EXAMPLES
                sent = read_sent(samples or [usual], chosen_settings.max_body_bytes)
                asyncio.run(compare_samples(chosen_settings, before, after, sent, dialect, found, tell_progress))
    except (DialectUnavailable, FileError, UnreadableMap, VersionError) as trouble:
        stop(trouble)
    except (OSError, SQLAlchemyError) as trouble:
        stop(f"The database cannot be read ({type(trouble).__name__}). Is GATEWAY_DATABASE_URL right, and migrated?")
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
    summary = f"{found.read} read: {same} the same, {found.different} different, in {len(rows)} ways."
    typer.echo(summary, err=as_csv_)


def _refuse_absent(url: str) -> None:
    """SQLite would make an empty file of a name that is misspelt."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).is_file():
        stop(f"There is no database {parsed.database}. Set GATEWAY_DATABASE_URL.")


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A line on standard error while it lasts, for somebody who looks at it."""
    with Progress(transient=True, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Reading referrals", total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


@app.command()
def unmapped(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Seen on this day (UTC) or later.")
    ] = None,
) -> None:
    """Lists the codes that no map knows, the most missed first: what to add to the maps, or to a dialect."""

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
    screen().print(table)
