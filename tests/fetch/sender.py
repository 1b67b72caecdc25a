"""A sender with a FHIR server of its own on a real port, and a gateway that may fetch from it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from tests.app import Running, example

from adapters.http import tls_context
from adapters.source.mock import Held
from gateway.arrival import Gateway
from gateway.demo.parties import demo_parties
from gateway.fetching import fetch
from gateway.parties import register
from gateway.parties.shapes import FhirServer
from gateway.store.fetches import Claimed, claim

Json = dict[str, Any]

SECRET = "Bearer let-me-in"
TRUST = "XND01"
TLS = tls_context()


def record(sent_by: Json) -> list[Json]:
    """The resources of a transaction as a sender's server holds them: with ids, and with relative references."""
    text = json.dumps(sent_by)
    for number, entry in enumerate(sent_by["entry"]):
        text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/r{number}")
    resources = [entry["resource"] for entry in json.loads(text)["entry"]]
    return [one | {"id": f"r{number}"} for number, one in enumerate(resources)]


@dataclass
class Sender:
    """The sender's server, and the gateway that fetches from it."""

    running: Running
    held: Held
    base: str
    task: Json = field(default_factory=dict)

    @property
    def gateway(self) -> Gateway:
        gateway: Gateway = self.running.app.state.gateway
        return gateway

    def of(self, type_: str) -> Json:
        """The first resource of the type on the sender's server."""
        return next(one for name, one in self.held.resources.items() if name.startswith(f"{type_}/"))

    async def post(self, task: Json | None = None, client: str = "demo-epr", **headers: str) -> httpx.Response:
        return await self.running.call(client, "POST", "/FHIR/R4/Task", task or self.task, **headers)

    async def send(self) -> str:
        """Sends the Task; its id here."""
        answer = await self.post()
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def claim(self, lease_seconds: float = 60) -> Claimed:
        [claimed] = await claim(self.running.store, lease_seconds, 10)
        return claimed

    async def fetch(self) -> None:
        """One try of the one fetch that is due."""
        await fetch(self.gateway, await self.claim(), TLS)

    async def read(self, task_id: str) -> Json:
        shown: Json = (await self.running.call("demo-epr", "GET", f"/FHIR/R4/Task/{task_id}")).json()
        return shown

    async def referrals(self) -> list[Json]:
        """As the platform sees them."""
        answer = await self.running.call("demo-platform", "GET", "/platform/v1/referrals")
        found: list[Json] = answer.json()["referrals"]
        return found


async def build_sender(running: Running, held: Held, url: str, **registered: Any) -> Sender:
    usual = {"base_url": f"{url}/FHIR/R4", "authorization": SECRET, "private": True}
    server = FhirServer.model_validate(usual | registered)
    base = server.base_url
    parties = demo_parties(running.app.state.gateway.settings.token_secret_file.parent / "keys")
    organisations = [
        one.model_copy(update={"fhir_servers": [server]}) if one.ods_code == TRUST else one
        for one in parties.organisations
    ]
    await register(running.store, parties.model_copy(update={"organisations": organisations}))
    *resources, task = record(example("referral.json"))
    assert task["resourceType"] == "Task"
    held.keep(*resources)
    del task["id"]
    for element in ("focus", "for", "requester"):
        if element in task:
            task[element] = {"reference": f"{base}/{task[element]['reference']}"}
    sender = Sender(running, held, base, task)
    sender.of("ServiceRequest")["identifier"][0]["value"] = uuid4().hex
    return sender


Registered = Callable[..., Awaitable[Sender]]
