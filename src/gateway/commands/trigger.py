"""`gateway trigger`: makes a platform event happen to a referral of your sandbox."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.sandbox.client import FOLDER, Trouble, read_joined


def trigger(
    status: Annotated[
        str, typer.Argument(help="A status, e.g. accepted, or an event: contact, prescription, measure ...")
    ],
    referral: Annotated[str, typer.Option(help="Its reference (SP-...), or the id of its Task.")],
    folder: Annotated[Path, typer.Option(help="Where what joining told is kept.")] = FOLDER,
) -> None:
    """Brings a referral to a status, or makes an event happen, by the moves that are legal, and says each one.

    Exits 0 when it happened, 1 when it cannot (it says why), 2 when it could not be asked.
    """
    try:
        told = read_joined(folder).call("POST", "trigger", {"status": status, "referral": referral})
    except Trouble as trouble:
        typer.echo(trouble, err=True)
        raise typer.Exit(2) from None
    for deed in told["done"]:
        typer.echo(deed)
    if told["refused"]:
        typer.echo(told["refused"], err=True)
        raise typer.Exit(1)
    typer.echo(
        f"{told['referral']} is {told['status']}."
        if told["done"]
        else f"{told['referral']} is {told['status']} already."
    )
