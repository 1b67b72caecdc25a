"""`gateway replay`: sends again what did not arrive, or what its receiver has lost."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import Progress

from gateway.commands.operator import at_this_machine, on_store
from gateway.replay import replay_delivery, replay_destination, replay_referral
from gateway.store.engine import Store
from gateway.store.replay import count_lacking


def replay(
    delivery: Annotated[str | None, typer.Option(help="One delivery, by its id.")] = None,
    referral: Annotated[str | None, typer.Option(help="What is undelivered of a referral: reference or id.")] = None,
    destination: Annotated[str | None, typer.Option(help="What is out of retries to a destination.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="With --destination: also what it was told since, e.g. 2026-03-02T09:00Z; UTC unless said."),
    ] = None,
) -> None:
    """Sends deliveries again; the workers do it, in order, as soon as the destination takes them."""
    if sum(given is not None for given in (delivery, referral, destination)) != 1 or (since and not destination):
        raise typer.BadParameter("Name one of --delivery, --referral and --destination; --since goes with the last.")
    moment = _moment(since) if since else None
    caller, context = at_this_machine()

    async def send(store: Store) -> int:
        if delivery:
            return await replay_delivery(store, caller, context, delivery)
        if referral:
            return await replay_referral(store, caller, context, referral)
        return await _send_destination(store, destination or "", moment)

    async def _send_destination(store: Store, id_: str, moment: datetime | None) -> int:
        async with store.reading() as connection:
            total = await count_lacking(connection, id_, moment, "")
        after: str | None = ""
        done = 0
        with Progress(transient=True, disable=not sys.stdout.isatty()) as progress:
            bar = progress.add_task("Making deliveries due", total=total)
            while after is not None:
                batch = await replay_destination(store, caller, context, id_, moment, after)
                after, done = batch.last, done + batch.replayed
                progress.update(bar, completed=done)
        return done

    count = on_store(send)
    typer.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} due again.")


def _moment(text: str) -> datetime:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--since takes a time such as 2026-03-02T09:00Z.") from None
    return given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC)
