"""`gateway destinations`: how they are doing, and what a person does with one."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.commands.operator import at_this_machine, on_store
from gateway.heartbeat import Heartbeat, colour_of, in_words
from gateway.replay import move_destination
from gateway.settings import settings
from gateway.store.engine import Store
from gateway.store.heartbeats import heartbeats

app = typer.Typer(invoke_without_command=True, help=__doc__)
COLOURS = {"green": "green", "amber": "yellow", "red": "bold red", "grey": "dim"}
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit; name nobody.")]


@app.callback()
def show(context: typer.Context) -> None:
    """Lists the destinations; pause, resume, disable or retire one with the commands below."""
    if context.invoked_subcommand:
        return
    beats = on_store(heartbeats)
    table = Table("destination", "of", "how it is", "state", "waiting", "oldest", "dead", "owner", box=None)
    for beat in beats:
        table.add_row(*_cells(beat))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def _cells(beat: Heartbeat) -> list[str]:
    colour, words = colour_of(beat, settings().late_seconds)
    oldest = in_words(beat.oldest_undelivered_seconds) if beat.oldest_undelivered_seconds is not None else ""
    said = f"[{COLOURS[colour]}]{colour}: {words}[/]"
    return [beat.id, beat.organisation, said, beat.state, str(beat.undelivered), oldest, str(beat.dead), beat.owner]


@app.command()
def pause(destination: str, reason: Why = "paused at the command line") -> None:
    """Sends it nothing until it is resumed; what it misses is kept."""
    _move(destination, "paused", reason)


@app.command()
def resume(destination: str, reason: Why = "resumed at the command line") -> None:
    """Sends to it again; one that had failed is tried with one delivery first."""
    _move(destination, "healthy", reason)


@app.command()
def probe(destination: str, reason: Why = "probed at the command line") -> None:
    """Tries it now with one delivery that waits, instead of when its next try would be."""
    _move(destination, "healthy", reason)


@app.command()
def disable(destination: str, reason: Why = "disabled at the command line") -> None:
    """Gives it up until somebody resumes it; what it misses is kept."""
    _move(destination, "disabled", reason)


@app.command()
def retire(
    destination: str,
    reason: Why = "retired at the command line",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Sends it nothing any more, for good; what waits for it is dropped."""
    if not yes:
        typer.confirm(f"Drop all that waits for {destination}, for good?", abort=True)
    _move(destination, "retired", reason)


def _move(destination: str, to: str, reason: str) -> None:
    caller, context = at_this_machine()

    async def move(store: Store) -> str:
        return await move_destination(store, caller, context, destination, to, reason)

    typer.echo(f"{destination} is {on_store(move)}.")
