"""A small platform: it takes the gateway's signed events, and moves referrals. An example for who connects one.

What is kept in memory here belongs in a database: the ids of events and the moves to be made, in one transaction.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.security import token_request

Json = dict[str, Any]
TRIES = 8
PAUSE = 0.2  # seconds between two tries, unless the gateway says how long
BY = {"by": "Hub desk"}
ADVISOR = {"name": "Priya Nadar", "phone": "01632 960101"}
SPOKE = {"mechanism": "telephone", "outcome": "spoke"}
DEBT_ADVICE = {
    "kind": "supported-referral",
    "categories": ["debt-advice"],
    "provider": "Northdale Money Advice",
    "service": "Debt advice appointment",
}


@dataclass
class Platform:
    """One that does everything right; the broken ones override one of its ways. `gateway` is its address: tokens are
    sent nowhere else, whatever an event says."""

    secret: str
    key: Json
    gateway: str = ""
    token: str = ""
    had: set[str] = field(default_factory=set)  # ids of events
    referrals: dict[str, str] = field(default_factory=dict)  # reference -> path
    turn: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))  # of a referral
    work: set[asyncio.Task[None]] = field(default_factory=set)
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False, timeout=30))

    async def hear(self, request: Request) -> Response:
        """An event: taken once it is stored, and worked on afterwards."""
        body = await request.body()
        if not self.is_signed(body, request):
            return Response(status_code=401)
        event = json.loads(body)
        if not isinstance(event, dict) or "id" not in event:
            return Response(status_code=400)
        if self.is_new(event["id"]):
            self.begin(self.look_into(event))
        return Response(status_code=202)

    def is_signed(self, body: bytes, request: Request) -> bool:
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return False
        return True

    def is_new(self, event_id: str) -> bool:
        new = event_id not in self.had
        self.had.add(event_id)
        return new

    async def look_into(self, event: Json) -> None:
        if event["type"].endswith(".submitted") and event["dataref"].startswith(self.gateway):
            path = event["dataref"].removeprefix(self.gateway)
            self.referrals[event["subject"]] = path
            async with self.turn[path]:
                await self.go(path, "received")

    async def be_told(self, request: Request) -> Response:
        """What somebody at the hub decides."""
        cue = await request.json()
        self.begin(self.act(cue["do"], self.referrals[cue["with"]["reference"]]))
        return Response(status_code=202)

    async def act(self, do: str, path: str) -> None:
        async with self.turn[path]:
            if do == "accept":
                await self.go(path, "received", "accepted")
            elif do == "not-accept":
                await self.go(path, "received")
                alternative = "Refer to the Eastmere Wellbeing Hub: 01632 960200."
                await self.move(path, {"to": "not-accepted", "reason": "outside-area", "alternative": alternative})
            elif do == "support":
                await self.go(path, "received", "accepted")
                await self.move(path, {"to": "allocated", "advisor": ADVISOR})
                await self.tell(f"{path}/contacts", SPOKE)
                await self.tell(f"{path}/prescriptions", DEBT_ADVICE)

    async def go(self, path: str, *way: str) -> None:
        """Along the way, from where the referral stands now; not at all when this is not its way any more."""
        for status in way:
            read = await self.tell(path)
            if read is not None and status in [move["to"] for move in read.json().get("allowed_moves", [])]:
                await self.move(path, {"to": status})

    async def move(self, path: str, said: Json) -> None:
        await self.tell(f"{path}/transitions", said)

    async def tell(self, path: str, said: Json | None = None) -> httpx.Response | None:
        """Until there is an answer. It is the same request through all tries: the gateway knows it by its id, and what
        it has done before it answers as it did then."""
        request_id = str(uuid4())
        for _ in range(TRIES):
            answer = await self.ask(path, said, request_id)
            if answer is not None and answer.status_code == 401:
                self.token = ""
            elif answer is not None and answer.status_code not in {429, 503}:
                return answer
            wait = answer.headers.get("retry-after") if answer is not None else None
            await asyncio.sleep(float(wait or PAUSE))
        return None

    async def ask(self, path: str, said: Json | None, request_id: str) -> httpx.Response | None:
        try:
            headers = {"Authorization": f"Bearer {await self.signed_in()}", "X-Request-Id": request_id}
            if said is None:
                return await self.http.get(f"{self.gateway}{path}", headers=headers)
            return await self.http.post(f"{self.gateway}{path}", headers=headers, json=said | BY)
        except httpx.TransportError:
            return None

    async def signed_in(self) -> str:
        if not self.token:
            url = f"{self.gateway}/oauth2/token"
            answer = await self.http.post(url, data=token_request("platform-under-test", self.key, url))
            self.token = answer.json()["access_token"]
        return self.token

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.work.add(task)
        task.add_done_callback(self.work.discard)

    async def rest(self) -> None:
        for task in [*self.work]:
            task.cancel()
        await asyncio.gather(*self.work, return_exceptions=True)
        await self.http.aclose()


def app_of(platform: Platform) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await platform.rest()

    ways = {"/events": platform.hear, "/cues": platform.be_told}
    return Starlette(routes=[Route(path, way, methods=["POST"]) for path, way in ways.items()], lifespan=lifespan)
