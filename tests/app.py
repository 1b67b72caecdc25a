"""The whole gateway for a test: real app, real database, two trusts and a platform, each with a token."""

import copy
import json
import re
import shutil
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import Table, func, select

from gateway.app import build_app
from gateway.demo.parties import demo_parties
from gateway.parties import register
from gateway.security import Caller, token_secret
from gateway.settings import Settings
from gateway.store.engine import Store

Json = dict[str, Any]
BASE = "http://gateway.example"


@dataclass
class Running:
    """A gateway in this process, called as its clients call it."""

    app: FastAPI
    http: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        store: Store = self.app.state.gateway.store
        return store

    async def call(
        self, client: str | None, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """`headers` are written with underscores: X_Request_Id="..."."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Content-Type", "application/fhir+json" if path.startswith("/FHIR") else "application/json")
        if client:
            sent["Authorization"] = f"Bearer {self.tokens[client]}"
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        return await self.http.request(method, path, content=content, headers=sent)

    async def refer(self, **headers: str) -> Json:
        """Sends the demo's referral; the Task of the answer."""
        answer = await self.call("demo-epr", "POST", "/FHIR/R4", referral_bundle(), **headers)
        assert answer.status_code == 200, answer.text
        return task_in(answer.json())

    async def stop(self) -> None:
        """Closes what it holds open, as its lifespan would."""
        await self.http.aclose()
        await self.app.state.eprs.close()
        await self.app.state.rio_reader.close()
        await self.store.close()

    async def count(self, table: Table) -> int:
        async with self.store.reading() as connection:
            return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


@cache
def _secrets() -> TemporaryDirectory[str]:
    """What the demo's parties sign with: to make it anew for each test would be a tenth of all its work."""
    kept = TemporaryDirectory(prefix="gateway-secrets-")
    token_secret(Path(kept.name) / "token-secret")
    demo_parties(Path(kept.name) / "keys")
    return kept


async def start(database_url: str, folder: Path, **settings: Any) -> Running:
    if not (folder / "keys").exists():
        shutil.copytree(_secrets().name, folder, dirs_exist_ok=True)
    given: dict[str, Any] = {"base_url": BASE, "worker": False} | settings
    chosen = Settings(database_url=database_url, token_secret_file=folder / "token-secret", **given)
    app = build_app(chosen)
    parties = demo_parties(folder / "keys")
    await register(app.state.gateway.store, parties)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)
    running = Running(app, http)
    for client in parties.clients:
        caller = Caller(client.id, client.organisation, client.role, frozenset(client.scopes), frozenset(client.hubs))
        running.tokens[client.id] = app.state.gatekeeper.issue(caller)
    return running


def without_ids(text: str) -> str:
    """Without the UUIDs in it, whose random signs may read like a year, or like a part of a number."""
    return re.sub("[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", "", text)


def example(name: str) -> Json:
    shown: Json = json.loads(files("gateway.demo").joinpath(name).read_text("utf-8"))
    return shown


def referral_bundle() -> Json:
    """The demo's transaction Bundle, with a name of the sender's own that was not used before."""
    bundle = copy.deepcopy(example("referral.json"))
    resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] = uuid4().hex
    return bundle


def message_bundle() -> Json:
    """The demo's BaRS-shaped message, with an id that was not used before."""
    return example("message.json") | {"id": str(uuid4())}


def resource_of(bundle: Json, type_: str) -> Json:
    found: Json = next(
        entry["resource"] for entry in bundle["entry"] if entry.get("resource", {}).get("resourceType") == type_
    )
    return found


def task_in(bundle: Json) -> Json:
    return resource_of(bundle, "Task")


def reference_in(resource: Json) -> str:
    """The referral reference that a resource carries."""
    found: str = next(one["value"] for one in resource["identifier"] if one["value"].startswith("SP-"))
    return found


def issues_of(answer: httpx.Response) -> list[tuple[str, str | None]]:
    """(issue code, expression) of each finding of an OperationOutcome."""
    return [(issue["code"], issue.get("expression", [None])[0]) for issue in answer.json()["issue"]]
