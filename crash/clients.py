"""The load: an EPR that refers and a platform that works on it, each sure of nothing that was not acknowledged.

What is not answered is asked again with the same X-Request-Id until it is; that is how a sender must behave, and what
must never double.
"""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

REFERRAL = (Path(__file__).parents[1] / "src/gateway/demo/referral.json").read_text("utf-8")
MOVES: list[tuple[str, dict[str, Any]]] = [
    ("transitions", {"to": "received"}),
    ("transitions", {"to": "accepted"}),
    ("transitions", {"to": "allocated", "advisor": {"name": "Priya Nadar"}}),
    ("contacts", {"mechanism": "telephone", "outcome": "no-answer"}),
    ("contacts", {"mechanism": "telephone", "outcome": "spoke"}),
]
PACE = 0.15  # seconds at most between two referrals of a sender
GIVE_UP = 180.0  # seconds: a request that is not acknowledged within this has found a fault


class NotAcknowledged(Exception):
    """The text says what was asked and what came instead."""


@dataclass
class Acknowledged:
    """What the clients hold the gateway to: each request that was answered, and what it was about."""

    referrals: dict[str, str] = field(default_factory=dict)  # request id -> Task id
    changes: dict[str, tuple[str, int]] = field(default_factory=dict)  # request id -> Task id, version
    asked_again: int = 0
    refused_for_now: int = 0
    last_at: float = 0.0  # monotonic: of the last answer
    longest_silence: float = 0.0

    def note(self) -> None:
        at = time.monotonic()
        if self.last_at:
            self.longest_silence = max(self.longest_silence, at - self.last_at)
        self.last_at = at


class Clients:
    def __init__(self, url: str, tokens: dict[str, str], chance: random.Random) -> None:
        self.url, self.tokens, self.chance = url, tokens, chance
        self.acknowledged = Acknowledged()

    async def load(self, seconds: float, senders: int) -> None:
        """Refers and moves for so long, then brings to an end what was begun."""
        until = time.monotonic() + seconds
        limits = httpx.Limits(max_connections=senders, max_keepalive_connections=senders)
        async with httpx.AsyncClient(base_url=self.url, timeout=3, limits=limits, trust_env=False) as http:

            async def send() -> None:
                while time.monotonic() < until:
                    await self._one_referral(http)
                    await asyncio.sleep(self.chance.random() * PACE)

            async with asyncio.TaskGroup() as group:
                for _ in range(senders):
                    group.create_task(send())

    async def _one_referral(self, http: httpx.AsyncClient) -> None:
        body = REFERRAL.replace("REF-2026-000117", self._id())
        request_id, answer = await self._ask(http, "demo-epr", "/FHIR/R4", body, "application/fhir+json")
        tasks = [one["resource"]["id"] for one in answer["entry"] if _is_task(one)]
        self.acknowledged.referrals[request_id] = tasks[0]
        for part, change in MOVES[: self.chance.randint(0, len(MOVES))]:
            path = f"/platform/v1/referrals/{tasks[0]}/{part}"
            request_id, answer = await self._ask(http, "demo-platform", path, json.dumps(change), "application/json")
            self.acknowledged.changes[request_id] = (tasks[0], answer["version"])

    async def _ask(self, http: httpx.AsyncClient, who: str, path: str, body: str, type_: str) -> tuple[str, Any]:
        request_id = self._id()
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": type_, "X-Request-Id": request_id}
        until = time.monotonic() + GIVE_UP
        came = "nothing"
        while time.monotonic() < until:
            try:
                answer = await http.post(path, content=body, headers=headers)
            except httpx.TransportError:
                self.acknowledged.asked_again += 1
                await asyncio.sleep(0.1)
                continue
            if answer.status_code in {200, 201}:
                self.acknowledged.note()
                return request_id, answer.json()
            came = f"{answer.status_code} {answer.text[:300]}"
            if answer.status_code != 503:
                break
            self.acknowledged.refused_for_now += 1
            await asyncio.sleep(0.1)
        raise NotAcknowledged(f"{path}: {came}")

    def _id(self) -> str:
        return str(UUID(int=self.chance.getrandbits(128), version=4))


def _is_task(entry: dict[str, Any]) -> bool:
    return bool(entry.get("resource", {}).get("resourceType") == "Task")
