"""gateway maps render, gateway maps check."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.maps.options import DialectsFolder, MapsFolder, chosen, stop
from gateway.dialects import dialect_files
from gateway.workbench.checking import check_folder
from gateway.workbench.rendering import render_csv, render_html
from mappings.check import read_maps
from mappings.documents import UnreadableMap, read_document
from mappings.translate import MAPS


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
