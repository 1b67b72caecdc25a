"""A gateway at a real address, with the parties that the contract's story has, for whoever follows its examples."""

import asyncio
import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.app import Running
from tests.cds_hooks.calling import claims, sign
from tests.serving import serving
from tools.contract.stage import set_stage

from gateway.app import build_app
from gateway.demo.parties import demo_parties, private_key
from gateway.parties import register
from gateway.reference.contract import Sent, doors
from gateway.security import Caller, assertion
from gateway.settings import Settings


@dataclass
class Stage:
    """`base` is the gateway's address, `keys` the folder of the clients' private keys."""

    base: str
    keys: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def environment(self, one: Sent) -> dict[str, str]:
        """What a sample takes from its environment: signed now, for such a signature is good once."""
        given = {"BASE": self.base}
        if one.call.secret == "TOKEN":
            given["TOKEN"] = self.tokens[one.client or ""]
        if one.call.secret == "CDS_JWT":
            service = one.call.at["id"]
            given["CDS_JWT"] = sign(claims(service, aud=f"{self.base}/cds-services/{service}"))
        if one.call.signed:
            key = private_key("demo-epr", self.keys)
            given["ASSERTION"] = assertion("demo-epr", key, f"{self.base}/oauth2/token")
        return given


def the_story() -> list[Sent]:
    """All requests of both doors that the contract tells of, in their order."""
    operations = [one for door in doors().values() for one in door.operations.values()]
    return sorted((sent for one in operations for sent in one.sent), key=lambda sent: sent.step)


@contextlib.contextmanager
def stand(folder: Path, migrated: Path) -> Iterator[Stage]:
    """Serves it for the block, from a thread of its own; nothing is delivered."""
    shutil.copy(migrated, folder / "gateway.db")
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        stage = Stage(f"http://127.0.0.1:{door.getsockname()[1]}", folder / "keys")
        ready, stop = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(stage, folder, door, ready, stop)))
        thread.start()
        try:
            assert ready.wait(60)
            yield stage
        finally:
            stop.set()
            thread.join(20)


async def _serve(
    stage: Stage, folder: Path, door: socket.socket, ready: threading.Event, stop: threading.Event
) -> None:
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{folder}/gateway.db",
        base_url=stage.base,
        token_secret_file=folder / "token-secret",
        worker=False,
    )
    app = build_app(settings)
    parties = demo_parties(stage.keys)
    await register(app.state.gateway.store, parties)
    async with httpx.AsyncClient(base_url=stage.base, trust_env=False, timeout=30) as http:
        running = Running(app, http, stage.tokens)
        await set_stage(running, stage.keys)
    for client in parties.clients:
        caller = Caller(client.id, client.organisation, client.role, frozenset(client.scopes), frozenset(client.hubs))
        stage.tokens[client.id] = app.state.gatekeeper.issue(caller)
    async with serving(app, door):
        ready.set()
        while not stop.is_set():  # noqa: ASYNC110 - the event is a thread's
            await asyncio.sleep(0.05)
    await app.state.gateway.store.close()
