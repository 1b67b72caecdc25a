"""What the commands about maps have in common: their options, how they stop, and where they print."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from sqlalchemy.engine import make_url

from gateway.settings import Settings, settings

UNREADABLE = "The database cannot be read ({}). Is GATEWAY_DATABASE_URL right, and the database migrated?"

MapsFolder = Annotated[Path, typer.Option("--maps", help="A folder of maps; those that come along if not given.")]
DialectsFolder = Annotated[
    Path | None, typer.Option("--dialects", help="A folder of dialects (default: GATEWAY_DIALECTS_FOLDER).")
]


def stop(trouble: object) -> NoReturn:
    """It could not run: exit 2."""
    typer.echo(trouble, err=True)
    raise typer.Exit(2)


def chosen(dialects: Path | None) -> Settings:
    found = settings().model_copy(update={"dialects_folder": dialects}) if dialects else settings()
    if found.dialects_folder and not found.dialects_folder.is_dir():
        stop(f"{found.dialects_folder}: expected a folder of dialects, NAME.json each; there is none.")
    return found


def screen() -> Console:
    return Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False, soft_wrap=False)


def refuse_absent(url: str) -> None:
    """SQLite would make an empty file of a name that is misspelt."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).is_file():
        stop(f"There is no database {parsed.database}. Set GATEWAY_DATABASE_URL.")
