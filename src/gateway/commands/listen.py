"""`gateway listen`: the updates of your sandbox on your own machine."""

import asyncio
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.sandbox.client import FOLDER, Trouble, read_joined
from gateway.sandbox.listening import Listener


def listen(
    forward_to: Annotated[str, typer.Option(help="Where they go, e.g. http://127.0.0.1:9000/FHIR/R4 (then /Task/id).")],
    folder: Annotated[Path, typer.Option(help="Where what joining told is kept.")] = FOLDER,
    stop_after: Annotated[int | None, typer.Option(min=1, help="End after so many pushes.")] = None,
) -> None:
    """Takes each signed push of your sandbox and hands it to your own address; what that answers, the sandbox gets.

    Exits 0 when stopped (Ctrl-C), 2 when it could not run.
    """
    try:
        joined = read_joined(folder)
        listener = Listener(joined, forward_to, _tell, stop_after)
        typer.echo(f"Pushes of {joined.told['fhir_base']} go to {forward_to}. Secret: {joined.told['webhook_secret']}")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        asyncio.run(listener.run())
    except KeyboardInterrupt:
        return
    except Trouble as trouble:
        typer.echo(trouble, err=True)
        raise typer.Exit(2) from None


def _tell(line: str) -> None:
    typer.echo(f"{datetime.now():%H:%M:%S}  {line}")  # noqa: DTZ005 - the time on whoever reads it's wall
