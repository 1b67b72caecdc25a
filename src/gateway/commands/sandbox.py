"""`gateway sandbox`: serves a sandbox; join one, put its clock forward, reset it, see who is in it."""

import contextlib
import ipaddress
import json
import re
import shlex
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from adapters.http import KEEP_ALIVE_SECONDS
from gateway.sandbox.client import CONTRACT, FILE, FOLDER, Trouble, call, keep, read_joined
from gateway.sandbox.parties import CLIENTS, EPR, new_key, public_half
from gateway.telemetry import set_up_logging

URL = "http://127.0.0.1:8000"

app = typer.Typer(invoke_without_command=True, help="Serves a sandbox for synthetic people; join one, and use it.")

Folder = Annotated[Path, typer.Option(help="Where what joining told is kept.")]


@app.callback()
def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Where it listens: this machine alone, or 0.0.0.0 for all that reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where the tenants are kept.")] = Path("var/sandbox"),
    base_url: Annotated[str | None, typer.Option(help="The address that others reach it at.")] = None,
    tenants: Annotated[int, typer.Option(min=1, max=500, help="How many there may be.")] = 50,
) -> None:
    """Serves a sandbox: a gateway of one's own for each engineer. For synthetic people only."""
    if context.invoked_subcommand:
        return
    from gateway.sandbox.app import build_sandbox  # noqa: PLC0415 - the whole gateway, which `join` does without
    from gateway.sandbox.database import NotOurs  # noqa: PLC0415
    from gateway.sandbox.serving import Server  # noqa: PLC0415

    _refuse_other_hosts(host)
    if base_url is not None and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", base_url):
        _end(f"--base-url {base_url}: expected an address such as https://sandbox.example, without ? or #")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)  # who reads below that it serves may come at once, and waits until it does
        except OSError as trouble:
            _end(f"Cannot listen on {host}:{port}: {trouble.strerror}")
        bound = listening.getsockname()[1]
        own_url = f"http://{'[::1]' if ':' in host else '127.0.0.1'}:{bound}"
        url = (base_url or own_url).rstrip("/")
        try:
            sandbox = build_sandbox(folder, url, own_url, tenants, local=_is_local(host) and _is_local(url))
        except (NotOurs, OSError) as trouble:
            _end(str(trouble))
        set_up_logging("WARNING")
        typer.echo(SERVING.format(gateway=_as_typed(), url=url, folder=folder, tenants=tenants))
        server = Server(
            sandbox,
            loop="uvloop",
            http="httptools",
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=3,  # listeners and held answers do not hold it up
        )
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # which uvicorn passes on once it has stopped
        with contextlib.suppress(KeyboardInterrupt):
            server.run([listening])


SERVING = """
  Sandbox        {url}
  FOR SYNTHETIC PEOPLE ONLY: it refuses NHS numbers outside 999. Never send what is about a real person.

  Join it        {gateway} sandbox join --url {url} --name "Your name"
  The people     {url}/sandbox/scenarios
  Kept in        {folder}, {tenants} tenants at most

  Stop with Ctrl-C.
"""


@app.command()
def join(
    url: Annotated[str, typer.Option(help="The sandbox's address.")] = URL,
    name: Annotated[
        str, typer.Option(help="Whose tenant it is, for the people who look after the sandbox.")
    ] = "engineer",
    folder: Folder = FOLDER,
    jwks: Annotated[
        Path | None, typer.Option(help="Your own public keys (a JWK set); without it a pair is made here.")
    ] = None,
) -> None:
    """Makes a tenant of your own: keys and addresses go into a folder, and the next commands are shown."""
    if (folder / FILE).exists():
        _end(f"{folder / FILE} is there already. Use it, or give another --folder.")
    key = new_key() if jwks is None else None
    try:
        public = {"keys": [public_half(key)]} if key else _read_jwks(jwks or Path())
        told = {"url": url.rstrip("/")} | call(url, "POST", "/sandbox/tenants", {"name": name, "jwks": public})
        keep(folder, told, dict.fromkeys(CLIENTS, key) if key else {})
    except (Trouble, OSError) as trouble:
        _end(str(trouble))
    typer.echo(_next_commands(told, folder, own_keys=jwks is not None))


def _next_commands(told: dict[str, Any], folder: Path, *, own_keys: bool) -> str:
    keys, at = shlex.quote(str(folder / "keys")), "" if folder == FOLDER else f" --folder {shlex.quote(str(folder))}"
    gateway, contract = _as_typed(), shlex.quote(str(folder / CONTRACT))
    token = f"TOKEN=$({gateway} token --client {EPR} --url {told['base_url']} --keys {keys})"
    if own_keys:
        token = f"TOKEN=...   # from {told['token_url']}, as client {EPR}, signed with your own key"
    return f"""
  Your sandbox   {told["fhir_base"]}
  Keys and all   {folder}

  1. A token:
       {token}
  2. A referral that is accepted within seconds (other people, other ends: {told["url"]}/sandbox/scenarios):
       curl -s {told["url"]}/sandbox/scenarios/9990100004/referral |
         curl -s -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/fhir+json" --data-binary @- \\
           {told["fhir_base"]}
  3. Its updates on your machine, signed, as your EPR will get them:
       {gateway} listen --forward-to http://127.0.0.1:9000/FHIR/R4{at}
  4. What you want to happen, and days that pass:
       {gateway} trigger closed-completed --referral SP-....-....-....{at}
       {gateway} sandbox clock P3D{at}
  5. Proof that your EPR takes those updates as it must (docs/contract-tests.md; here this gateway itself is proven):
       {gateway} contract run --role epr-receiver --target http://127.0.0.1:9000/FHIR/R4 --config {contract}
       {gateway} contract run --role gateway --target {told["fhir_base"]} --config {contract}
"""


def _as_typed() -> str:
    """This command, as whoever reads it can type it: .venv/bin/gateway, unless it is on the path."""
    typed = Path(sys.argv[0])
    on_path = shutil.which("gateway")
    if typed.name != "gateway" or (on_path and typed.resolve() == Path(on_path).resolve()):
        return "gateway"
    return shlex.quote(str(typed))


@app.command()
def clock(advance: Annotated[str, typer.Argument(help="How far, e.g. P3D or PT2H.")], folder: Folder = FOLDER) -> None:
    """Puts your tenant's clock forward: what falls due on the way happens."""
    typer.echo(f"It is {_call(folder, 'POST', 'clock', {'advance': advance})['now']} in your sandbox.")


@app.command()
def reset(folder: Folder = FOLDER) -> None:
    """Forgets all that was sent to your tenant, and sets its clock right. Keys and addresses stay."""
    typer.echo(f"{_call(folder, 'POST', 'reset')['fhir_base']} is as it was at first.")


@app.command()
def scenarios(url: Annotated[str, typer.Option(help="The sandbox's address.")] = URL) -> None:
    """Shows whose NHS number makes what happen."""
    try:
        found = call(url, "GET", "/sandbox/scenarios")["scenarios"]
    except Trouble as trouble:
        _end(str(trouble))
    table = Table("NHS number", "Name", "What happens")
    for one in found:
        table.add_row(one["nhs_number"], one["name"], f"{one['title']}. {one['what_happens']}")
    Console().print(table)


def _call(folder: Path, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        return read_joined(folder).call(method, path, body)
    except Trouble as trouble:
        _end(str(trouble))


def _read_jwks(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as trouble:
        raise Trouble(f"{file} cannot be read as a JWK set: {trouble}") from None


def _refuse_other_hosts(host: str) -> None:
    """It sends its pushes to itself over http, which goes to this machine only."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        _end(f"--host {host}: expected an IP address, e.g. 127.0.0.1 or 0.0.0.0")
    if not (address.is_loopback or address.is_unspecified):
        _end(f"--host {host}: expected 127.0.0.1, ::1, 0.0.0.0 or ::, since the sandbox calls itself as well")


def _is_local(place: str) -> bool:
    """Whether an IP address, or the host of an address such as https://sandbox.example, is of this machine alone."""
    host = urlsplit(place).hostname or place
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _end(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(2)
