"""What the tests of Subscriptions send, and how they look at what is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.app import Json, Running
from tests.waiting import until

from adapters.subscription.mock import Notified
from gateway.app import work
from gateway.settings import Settings
from mappings.subscription import CONTENT, FILTER, HEARTBEAT, TOPICS

TASK, REQUEST, *_ = TOPICS
FHIR = "/FHIR/R4"
QUICK: dict[str, Any] = {
    "directory_seconds": 0,
    "poll_seconds": 0.02,
    "lease_seconds": 60,
    "send_timeout_seconds": 20,
    "retry_seconds": (0.01, 0.02, 0.04),
}


def subscription(endpoint: str, *filters: str, topic: str = TASK, level: str = "id-only", **channel: Any) -> Json:
    """What a client sends to be told of the topic at the endpoint."""
    payload = channel.pop("payload", "application/fhir+json")
    sent: Json = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "To show in the record how it goes",
        "criteria": topic,
        "contact": [{"system": "phone", "value": "01632 960150"}],
        "channel": {
            "type": "rest-hook",
            "endpoint": endpoint,
            "payload": payload,
            "_payload": {"extension": [{"url": CONTENT, "valueCode": level}]},
        }
        | channel,
    }
    if filters:
        sent["_criteria"] = {"extension": [{"url": FILTER, "valueString": one} for one in filters]}
    return sent


def heartbeat(seconds: int) -> Json:
    """The channel's extension that asks for a heartbeat."""
    return {"extension": [{"url": HEARTBEAT, "valueUnsignedInt": seconds}]}


@dataclass
class Endpoint:
    """The client's server, as it was told."""

    url: str
    notified: Notified

    @property
    def events(self) -> list[Json]:
        """The Bundle of each event that it took."""
        taken = self.notified.of_type("event-notification")
        return [one["bundle"] for one in taken if one["answered"] < 300]

    @property
    def numbers(self) -> list[int]:
        return [int(part(one, "event-number")) for one in self.events]


def value(parameters: Json, name: str) -> Any:
    """The value of one of the status's parameters; None when it is not there."""
    found: Json = next((one for one in parameters["parameter"] if one["name"] == name), {})
    return next((given for key, given in found.items() if key.startswith("value")), None)


def status_in(bundle: Json) -> Json:
    """The status that a notification starts with."""
    first: Json = bundle["entry"][0]["resource"]
    return first


def part(bundle: Json, name: str, event: int = 0) -> Any:
    """The value of a part of one of the events in a notification; None when it is not there."""
    events = [one for one in status_in(bundle)["parameter"] if one["name"] == "notification-event"]
    return value({"parameter": events[event]["part"]}, name)


@dataclass
class Subscribing:
    """A gateway with what its worker does, and a client of its."""

    running: Running
    settings: Settings
    made: list[Json] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None, client: str = "demo-epr", **headers: str) -> Any:
        return await self.running.call(client, method, f"{FHIR}/{path}", body, **headers)

    async def subscribe(self, endpoint: Endpoint, *filters: str, **asked: Any) -> str:
        """The id of a new Subscription, still requested."""
        answer = await self.call("POST", "Subscription", subscription(endpoint.url, *filters, **asked))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def read(self, id_: str) -> Json:
        read: Json = (await self.call("GET", f"Subscription/{id_}")).json()
        return read

    async def status(self, id_: str) -> str:
        return str((await self.read(id_))["status"])

    async def becomes(self, id_: str, status: str) -> None:
        async def holds() -> bool:
            return await self.status(id_) == status

        await until(holds)

    async def ask_again(self, id_: str, **changed: Any) -> Any:
        """Its client has it made active again."""
        return await self.call("PUT", f"Subscription/{id_}", await self.read(id_) | {"status": "requested"} | changed)

    async def move(self, task: Json, *steps: str) -> None:
        """The link worker moves the referral: each step is a version of its Task."""
        for to in steps:
            path = f"/platform/v1/referrals/{task['id']}/transitions"
            answer = await self.running.call("demo-platform", "POST", path, {"to": to})
            assert answer.status_code == 200, answer.text

    async def asked(self, path: str, body: Any = None, method: str = "GET", client: str = "demo-epr") -> Json:
        """What an operation answers."""
        answer = await self.call(method, path, body, client)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """With a worker of its own, which stops gracefully."""
        stop = asyncio.Event()
        worker = asyncio.create_task(work(self.running.app.state.gateway, stop))
        try:
            yield
        finally:
            stop.set()
            await worker


async def until_told(endpoint: Endpoint, events: int) -> None:
    async def holds() -> bool:
        return len(endpoint.events) >= events

    await until(holds)
