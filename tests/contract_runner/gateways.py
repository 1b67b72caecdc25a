"""The real gateway on a real port, with room in front of it for what makes it a broken one."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send
from tests.serving import serving

from gateway.app import build_app
from gateway.contract.config import Account, Config
from gateway.demo.parties import demo_parties
from gateway.parties import register
from gateway.security import Caller, Gatekeeper, token_secret
from gateway.settings import Settings
from gateway.store.migrate import migrate

NAMES = {"demo-epr": "epr", "demo-epr-2": "other-epr", "demo-platform": "platform"}


@dataclass
class Served:
    """`app` answers: the healthy one, or one around it with something wrong."""

    healthy: ASGIApp
    url: str
    config: Config
    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[Served]:
    """With an empty database and the demo's parties; its links name the port that it is served at."""
    line = socket.socket()
    line.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{line.getsockname()[1]}"
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{folder}/gateway.db",
        base_url=url,
        token_secret_file=folder / "token-secret",
        token_seconds=3600,
        worker=False,
    )
    await migrate(settings.database_url)
    app = build_app(settings)
    parties = demo_parties(folder / "keys")
    await register(app.state.gateway.store, parties)
    late = Gatekeeper(token_secret(settings.token_secret_file), url, -60)
    accounts = {}
    for one in parties.clients:
        caller = Caller(one.id, one.organisation, one.role, frozenset(one.scopes), frozenset(one.hubs))
        if one.id in NAMES:
            accounts[NAMES[one.id]] = Account(token=app.state.gatekeeper.issue(caller))
        if one.id == "demo-epr":
            accounts["expired"] = Account(token=late.issue(caller))
    served = Served(app, f"{url}/FHIR/R4", Config(clients=accounts), app)
    try:
        async with serving(served, line):
            yield served
    finally:
        await app.state.gateway.store.close()
