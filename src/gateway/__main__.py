"""The command line: gateway serve | work | hl7v2 | migrate | register | token | demo | mock-rio and others."""

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
import uvloop
from fastapi import FastAPI
from rich.progress import Progress

from adapters.http import KEEP_ALIVE_SECONDS
from gateway.app import build_app
from gateway.app import work as work_until
from gateway.arrival import Gateway
from gateway.commands import contract as contract_commands
from gateway.commands import destinations as destination_commands
from gateway.commands import maps as map_commands
from gateway.commands import sandbox as sandbox_commands
from gateway.commands.listen import listen
from gateway.commands.mock_rio import mock_rio
from gateway.commands.rehearse import rehearse
from gateway.commands.replay import replay
from gateway.commands.trigger import trigger
from gateway.demo.parties import CALLBACK_URL, MOCK, RECORD_URL, prepare_demo, private_key
from gateway.demo.story import tell
from gateway.parties import Directory, PartiesError, load_parties, register
from gateway.security import fetch_token
from gateway.settings import settings
from gateway.store.engine import Store
from gateway.store.migrate import migrate as migrate_database
from gateway.store.reindex import reindex as reindex_stored
from gateway.store.wake import watch
from gateway.telemetry import set_up_logging

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

app.command()(replay)
app.command()(rehearse)
app.command("mock-rio")(mock_rio)
app.command()(trigger)
app.command()(listen)
app.add_typer(contract_commands.app, name="contract")
app.add_typer(map_commands.app, name="maps")
app.add_typer(destination_commands.app, name="destinations")
app.add_typer(sandbox_commands.app, name="sandbox")

KEYS = Path("var/keys")


def served_app() -> FastAPI:
    """What each server process runs."""
    set_up_logging(settings().log_level)
    app = build_app(settings())
    _collect_seldom()
    return app


def _collect_seldom() -> None:
    gc.freeze()  # what is loaded now stays: the collector need not look at it again and again
    gc.set_threshold(50_000)  # a referral is thousands of objects, none in a cycle: at 700 each meant many searches


@app.command()
def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: Annotated[int, typer.Option(help="Server processes.")] = 1,
    demo: Annotated[bool, typer.Option(help="Load the demo parties and run the mock RiO on port 8001.")] = False,
) -> None:
    """Serves the gateway; delivers too, unless GATEWAY_WORKER is false."""
    settings()  # a wrong one ends it here; a server process that ends is started again
    _unwind_when_terminated()
    with contextlib.ExitStack() as stack:
        if demo:
            prepare_demo_database()
            key = ["--signing-key", str(KEYS / f"{MOCK}.json"), "--gateway", f"http://127.0.0.1:{port}"]
            command = [sys.executable, "-m", "gateway", "mock-rio", "--port", "8001", *key]
            mock = subprocess.Popen(command)  # noqa: S603 - our own words
            stack.callback(mock.wait)
            stack.callback(mock.terminate)
            typer.echo(SERVING.format(port=port))
        uvicorn.run(
            "gateway.__main__:served_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            proxy_headers=False,  # nothing here asks who the client is: addresses we give start with base_url
        )


SERVING = """
  Gateway        http://127.0.0.1:{port}            FHIR at /FHIR/R4, platform at /platform/v1
  Mock RiO       http://127.0.0.1:8001            what the clinician sees

  A token of the demo EPR (or of demo-platform):
    .venv/bin/gateway token --client demo-epr

  Stop with Ctrl-C.
"""


@app.command()
def work() -> None:
    """Delivers and fetches only: for a worker beside servers that run with GATEWAY_WORKER=false."""
    set_up_logging(settings().log_level)
    _collect_seldom()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        store = Store(settings().database_url, settings().database_connections)
        async with asyncio.TaskGroup() as group:
            group.create_task(watch(store, stop, works=True))
            group.create_task(work_until(Gateway(settings(), store, Directory(store)), stop))
        await store.close()

    uvloop.run(until_stopped())


@app.command()
def hl7v2(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="2575 is MLLP's by custom.")] = 2575,
    certificate: Annotated[
        Path | None, typer.Option(help="The listener's certificate (PEM): TLS from then on.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    client_authority: Annotated[
        Path | None, typer.Option(help="Who signs the senders' certificates (PEM): only they connect.")
    ] = None,
) -> None:
    """Listens for the EPR's HL7 v2 messages over MLLP, beside the servers. Needs the extra hl7v2."""
    try:
        from gateway.hl7v2 import serving  # noqa: PLC0415 - what it reads messages with may not be installed
    except ModuleNotFoundError as missing:
        if missing.name != "hl7":
            raise
        typer.echo('HL7 v2 needs the extra hl7v2: pip install "social-prescribing-gateway[hl7v2]"', err=True)
        raise typer.Exit(2) from None
    from adapters.hl7v2.listener import server_tls  # noqa: PLC0415 - belongs to it

    set_up_logging(settings().log_level)
    try:
        if (certificate is None) != (key is None) or (client_authority and certificate is None):
            raise ValueError("--certificate and --key go together, and --client-authority with them.")
        tls = server_tls(certificate, key, client_authority) if certificate and key else None
        serving.refuse_open(host, tls)
    except (OSError, ValueError) as mistake:
        typer.echo(mistake, err=True)
        raise typer.Exit(2) from None

    def tell_port(bound: int) -> None:
        typer.echo(f"HL7 v2 (MLLP) on {host}:{bound}")

    try:
        uvloop.run(serving.serve(settings(), host, port, tls, tell_port))
    except OSError as trouble:
        typer.echo(f"Cannot listen on {host}:{port}: {trouble.strerror}", err=True)
        raise typer.Exit(1) from None


@app.command()
def migrate() -> None:
    """Creates or upgrades the database's tables."""
    url = settings().database_url
    with _progress("Indexing what is stored") as tell:
        asyncio.run(migrate_database(url, tell))
    typer.echo("The database is at this version's tables.")


@app.command()
def reindex() -> None:
    """Makes anew what stored resources are found by; the servers may run meanwhile."""

    async def make_anew(tell: Callable[[int, int], None]) -> None:
        store = Store(settings().database_url, 1)
        try:
            await reindex_stored(store, tell)
        finally:
            await store.close()

    with _progress("Indexing what is stored") as tell:
        asyncio.run(make_anew(tell))
    typer.echo("Searches find what is stored.")


@app.command("prepare-demo")
def prepare_demo_database() -> None:
    """Creates the tables, registers the demo's parties and makes their keys in var/keys."""
    asyncio.run(prepare_demo(settings().database_url, KEYS, CALLBACK_URL, RECORD_URL))


@app.command("register")
def register_parties(file: Path) -> None:
    """Registers the organisations, hubs, clients and destinations of a parties file; again to change them."""
    try:
        parties = load_parties(file)
    except PartiesError as mistakes:
        typer.echo(mistakes, err=True)
        raise typer.Exit(2) from None

    async def store_them() -> None:
        store = Store(settings().database_url, 1)
        await register(store, parties)
        await store.close()

    asyncio.run(store_them())
    typer.echo(f"Registered {len(parties.organisations)} organisations, {len(parties.clients)} clients.")


@app.command()
def token(
    client: Annotated[str, typer.Option(help="A client whose key is in var/keys, e.g. demo-epr.")],
    url: Annotated[str, typer.Option(help="The gateway's address.")] = "http://127.0.0.1:8000",
    keys: Annotated[Path, typer.Option(help="The folder of private keys.")] = KEYS,
) -> None:
    """Prints a bearer token, fetched as any client would: with a signed assertion."""
    try:
        answer = fetch_token(url, client, private_key(client, keys))
    except (LookupError, OSError) as trouble:
        typer.echo(f"No token: {trouble}", err=True)
        raise typer.Exit(1) from None
    typer.echo(answer["access_token"])


@app.command()
def demo() -> None:
    """Tells the story of two referrals with real processes; exits 0 only if each update arrived once and in order."""
    _unwind_when_terminated()
    raise typer.Exit(tell())


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A line that shows how far it is, once there is something to tell."""
    with Progress(transient=True) as progress:
        task = progress.add_task(what, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def _unwind_when_terminated() -> None:
    """SIGTERM ends the process as Ctrl-C does: through its `with` blocks, which end the processes it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


if __name__ == "__main__":
    app()
