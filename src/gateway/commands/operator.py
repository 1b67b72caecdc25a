"""Who types a command: in the audit and in the journal an operator, by the name of their account on this machine."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

import typer

from gateway.errors import GatewayError
from gateway.security import Caller
from gateway.settings import settings
from gateway.store.engine import Store
from gateway.telemetry import RequestContext

T = TypeVar("T")


def at_this_machine() -> tuple[Caller, RequestContext]:
    try:
        person = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        person = "unknown"
    caller = Caller("command-line", "-", "operator", frozenset(), person=person)
    return caller, RequestContext(str(uuid4()), str(uuid4()))


def on_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Does the work on the database that is set. A refusal is told, and ends the command with status 1."""

    async def run() -> T:
        store = Store(settings().database_url, 2)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except GatewayError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from None
