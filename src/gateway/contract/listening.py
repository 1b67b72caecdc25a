"""The runner as a gateway: a real one, with an empty database of its own, that keeps what it was asked and answered.

An EPR or a platform is judged by what it asks; before that the gateway can be told to lose answers, or to be away.
"""

import asyncio
import contextlib
import json
import socket
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from joserfc.jwk import ECKey
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http import KEEP_ALIVE_SECONDS
from gateway.app import build_app
from gateway.contract.asking import CouldNotRun
from gateway.contract.config import Config, ConfigError, read_public_keys
from gateway.contract.exchange import Exchange
from gateway.contract.meaning import Meant
from gateway.contract.suite import UNDER_TEST, Answer
from gateway.demo.parties import demo_parties
from gateway.parties import Parties, PartiesError, read_parties, register
from gateway.security import Caller
from gateway.settings import Settings
from gateway.store.migrate import migrate

SLOW = 3.0  # seconds
MOST_HEARD = 6_000_000  # bytes of a request: more than the gateway takes


class Recorder:
    """Around the gateway: keeps each exchange, and answers the next ones that are meant as `answers` says."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self.app = app
        self.url = url
        self.exchanges: list[Exchange] = []
        self.answers: deque[tuple[Answer, Meant]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        heard, body = await _read(receive)
        asked = Exchange(scope["method"], _address(scope), _headers(scope["headers"]), body)
        answered: list[Message] = []
        spoilt = self.answers.popleft()[0] if self.answers and self.answers[0][1](asked) else None

        async def hear() -> Message:
            return heard.popleft() if heard else await receive()

        async def keep(message: Message) -> None:
            answered.append(message)

        if spoilt and spoilt.isdigit():
            answered += _refusal(int(spoilt))
        else:
            await self.app(scope, hear, keep)
        if spoilt == "slow":
            await asyncio.sleep(SLOW)
        self._keep(asked, answered, lost=spoilt == "lost")
        if spoilt == "lost" and (transport := getattr(getattr(receive, "__self__", None), "transport", None)):
            transport.abort()  # carried out, and the answer never arrives
            return
        for message in answered:
            await send(message)

    def _keep(self, asked: Exchange, answered: list[Message], lost: bool) -> None:
        start = next((one for one in answered if one["type"] == "http.response.start"), None)
        exchange = replace(
            asked,
            phase="answer" if lost else "done",
            status=start["status"] if start else None,
            headers=_headers(start["headers"]) if start else {},
            body=b"".join(one.get("body", b"") for one in answered),
        )
        self.exchanges.append(exchange)


class Listener:
    """The gateway that others reach at `url` and this process at `own_url`, its recorder, and tokens of those who work
    beside the counterpart."""

    def __init__(self, url: str, own_url: str, recorder: Recorder, tokens: dict[str, str]) -> None:
        self.url = url
        self.own_url = own_url
        self.recorder = recorder
        self.tokens = tokens


@contextlib.asynccontextmanager
async def listening(
    role: str, host: str, port: int, base_url: str | None, target: str | None, config: Config
) -> AsyncIterator[Listener]:
    """`base_url`: where the counterpart reaches it, if not at `host` and `port`.

    Raises CouldNotRun when it cannot listen there, or the counterpart's keys cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="contract-") as folder, _bound(host, port) as line:
        bound = line.getsockname()[1]
        own_url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{bound}"  # noqa: S104 - it is no address to call
        url = base_url or own_url
        settings = Settings(
            database_url=f"sqlite+aiosqlite:///{folder}/gateway.db",
            base_url=url,
            token_secret_file=Path(folder) / "token-secret",
            poll_seconds=0.1,
            token_seconds=3600,  # whoever works the counterpart by hand takes their time
            directory_seconds=0.5,
        )
        await migrate(settings.database_url)
        app = build_app(settings)
        parties = _parties(role, Path(folder) / "keys", target, config)
        await register(app.state.gateway.store, parties)
        tokens = {
            one.id: app.state.gatekeeper.issue(
                Caller(one.id, one.organisation, one.role, frozenset(one.scopes), frozenset(one.hubs))
            )
            for one in parties.clients
        }
        recorder = Recorder(app, url)
        server = uvicorn.Server(
            uvicorn.Config(
                recorder,
                log_level="critical",
                ws="none",
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=2,
            )
        )
        running = asyncio.create_task(server.serve(sockets=[line]))
        while not server.started and not running.done():  # noqa: ASYNC110 - it offers nothing to wait for
            await asyncio.sleep(0.01)
        try:
            yield Listener(url, own_url, recorder, tokens)
        finally:
            server.should_exit = True
            await running


def _parties(role: str, keys: Path, target: str | None, config: Config) -> Parties:
    """The demo's, and the counterpart: an EPR of the first trust, or the platform of its hub."""
    known = demo_parties(keys)
    document: dict[str, Any] = json.loads(known.model_dump_json(exclude_defaults=True))
    as_whom = "demo-epr" if role == "epr-sender" else "demo-platform"
    own = next(one for one in document["clients"] if one["id"] == as_whom)
    document["destinations"] = []
    document["clients"].append(own | {"id": UNDER_TEST[role], "jwks": _public_keys(config)})
    if role == "platform":
        document["destinations"] = [
            {
                "kind": "webhook", "organisation": own["organisation"], "id": "platform-under-test",
                "owner": "Whoever runs these tests", "url": target, "private": True, "secret": config.secret,
                "hubs": own["hubs"],
            }
        ]  # fmt: skip
    try:
        return read_parties(document, "the configuration")
    except PartiesError as mistakes:
        raise CouldNotRun(str(mistakes)) from None


def _public_keys(config: Config) -> dict[str, Any]:
    if config.keys_file is None:  # nobody can sign for it: tokens are handed out by the runner alone
        return {"keys": [ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True).as_dict(private=False)]}
    try:
        return read_public_keys(config.keys_file)
    except ConfigError as mistake:
        raise CouldNotRun(str(mistake)) from None


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        line.bind((host, port))
    except (OSError, UnicodeError) as trouble:  # no name of the DNS has such labels
        line.close()
        raise CouldNotRun(f"Cannot listen on {host}:{port}: {getattr(trouble, 'strerror', trouble)}") from None
    try:
        yield line
    finally:
        line.close()


async def _read(receive: Receive) -> tuple[deque[Message], bytes]:
    """All of it; of an endless one the beginning, and the gateway hears the rest itself, and refuses it."""
    messages: deque[Message] = deque()
    read = 0
    while True:
        message = await receive()
        messages.append(message)
        read += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body") or read > MOST_HEARD:
            return messages, b"".join(one.get("body", b"") for one in messages)


def _address(scope: Scope) -> str:
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    return f"{scope['path']}{query}"


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _refusal(status: int) -> list[Message]:
    body = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"transient"}]}'
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"retry-after", b"1")] if status == 503 else []
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
