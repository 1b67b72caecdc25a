"""A small EPR that refers when it is told to: it keeps what it sends until there is an answer, as an EPR must."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.app import referral_bundle, resource_of

from gateway.security import token_request

Json = dict[str, Any]
TRIES = 6
PAUSE = 0.2  # seconds between two tries


@dataclass
class Epr:
    """One that does everything right; the broken ones override one of its ways."""

    key: Json
    gateway: str = ""
    token: str = ""
    sent: Json = field(default_factory=dict)
    work: set[asyncio.Task[None]] = field(default_factory=set)
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False, timeout=30))

    async def hear(self, request: Request) -> Response:
        cue = await request.json()
        self.gateway = cue["gateway"]
        task = asyncio.create_task(self.act(cue["do"], cue["with"]))
        self.work.add(task)
        task.add_done_callback(self.work.discard)
        return Response(status_code=202)

    async def act(self, do: str, given: Json) -> None:
        match do:
            case "refer":
                await self.refer(self.referral(given))
            case "refer-with-a-double-click":
                await self.click_twice(self.referral(given))
            case "withdraw":
                await self.withdraw()
            case "look-up":
                await self.look_up()

    def referral(self, given: Json) -> Json:
        bundle = referral_bundle()
        person = resource_of(bundle, "Patient")
        if given.get("person") == "another":
            person["identifier"][0]["value"] = "9990000018"
            person["name"][0]["family"] = "Another"
        for one in person["identifier"]:
            if one["system"] == "https://northdale.example/rio/client-id":
                one["value"] = self.text(given.get("local_number", one["value"]))
        request = resource_of(bundle, "ServiceRequest")
        request["authoredOn"] = self.moment("2026-07-01T00:30:00+01:00")
        return bundle

    def text(self, number: str) -> str:
        return number

    def moment(self, at: str) -> str:
        return at

    async def click_twice(self, bundle: Json) -> None:
        await self.refer(bundle)

    async def refer(self, bundle: Json) -> None:
        for _ in range(TRIES):
            answer = await self.post("/FHIR/R4", bundle)
            if answer is not None and answer.status_code == 401:
                self.token = ""
            elif answer is not None and answer.status_code < 500:
                if answer.status_code == 200:
                    self.sent = resource_of(answer.json(), "ServiceRequest")
                return
            await asyncio.sleep(PAUSE)
            bundle = self.before_the_next_try(bundle)

    def before_the_next_try(self, bundle: Json) -> Json:
        return bundle

    async def post(self, path: str, body: Json) -> httpx.Response | None:
        return await self.call("POST", path, body)

    async def call(self, method: str, path: str, body: Json | None = None) -> httpx.Response | None:
        try:
            headers = {"Authorization": f"Bearer {await self.signed_in()}"} | self.headers()
            content = json.dumps(body).encode() if body is not None else None
            return await self.http.request(method, f"{self.gateway}{path}", content=content, headers=headers)
        except httpx.TransportError:
            return None

    def headers(self) -> dict[str, str]:
        return {"Content-Type": "application/fhir+json", "X-Request-Id": str(uuid4())}

    async def signed_in(self) -> str:
        if not self.token:
            url = f"{self.gateway}/oauth2/token"
            answer = await self.http.post(url, data=token_request("epr-under-test", self.key, url))
            self.token = answer.json()["access_token"]
        return self.token

    async def withdraw(self) -> None:
        await self.call("PUT", f"/FHIR/R4/ServiceRequest/{self.sent['id']}", self.sent | {"status": "revoked"})

    async def look_up(self) -> None:
        await self.call("GET", f"/FHIR/R4/Task?focus=ServiceRequest/{self.sent['id']}")

    async def rest(self) -> None:
        for task in [*self.work]:
            task.cancel()
        await asyncio.gather(*self.work, return_exceptions=True)
        await self.http.aclose()


def app_of(epr: Epr) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await epr.rest()

    return Starlette(routes=[Route("/cues", epr.hear, methods=["POST"])], lifespan=lifespan)
