"""An EPR with SMART that does what a test tells it: each of its answers can be another one."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.app import Json, Running, start
from tests.launch.launcher import Window
from tests.serving import serving

from gateway.demo.parties import demo_parties
from gateway.parties import read_parties, register

PATIENT: Json = {
    "resourceType": "Patient",
    "id": "0012345",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9992047186"}],
    "name": [{"use": "official", "family": "Harrow", "given": ["Margaret", "Anne"]}],
    "telecom": [{"system": "phone", "value": "07700 900417", "use": "mobile"}],
    "gender": "female",
    "birthDate": "1971-06-14",
    "address": [{"line": ["3 Tanner Street"], "city": "Northdale", "postalCode": "ND1 3AB"}],
}
PRACTITIONER: Json = {"resourceType": "Practitioner", "id": "AOSEI", "name": [{"text": "Dr Amara Osei"}]}
ROLE: Json = {
    "resourceType": "PractitionerRole",
    "id": "r1",
    "practitioner": {"reference": "Practitioner/AOSEI"},
    "healthcareService": [{"identifier": {"value": "RTN"}}],
}


@dataclass
class SmartEpr:
    """`says` has, by path below the base, what is answered instead: bytes, or anything that JSON can say.
    `granted` changes what comes with a token, `claims` the id_token (None leaves one out). `slow` has the seconds that
    an answer takes, by path."""

    says: dict[str, Any] = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    granted: Json = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-384", {"kid": "1"}))
    base: str = ""
    nonce: str = ""
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        self.asked.append(path)
        await asyncio.sleep(self.slow.get(path, 0))
        told = self.says.get(path, self.usual().get(path))
        if told is None:
            return Response(b"{}", 404)
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        return Response(body, media_type="application/json")

    def usual(self) -> Json:
        return {
            ".well-known/smart-configuration": {
                "issuer": self.base,
                "authorization_endpoint": f"{self.base}/authorize",
                "token_endpoint": f"{self.base}/token",
                "jwks_uri": f"{self.base}/keys",
                "code_challenge_methods_supported": ["S256"],
            },
            "keys": {"keys": [self.key.as_dict(private=False)]},
            "token": self.token(),
            "Patient/0012345": PATIENT,
            "Practitioner/AOSEI": PRACTITIONER,
            "PractitionerRole": bundle(ROLE),
            **{name: bundle() for name in ("Condition", "Flag", "Observation")},
        }

    def token(self) -> Json:
        told: Json = {
            "access_token": "abc",
            "token_type": "Bearer",
            "scope": "launch patient/*.rs",
            "patient": "0012345",
            "id_token": self.id_token(),
        }
        return told | self.granted

    def id_token(self) -> str:
        claims = {
            "iss": self.base,
            "sub": "AOSEI",
            "aud": "social-prescribing-gateway",
            "exp": int(time.time()) + 60,
            "nonce": self.nonce,
            "fhirUser": "Practitioner/AOSEI",
        } | self.claims
        left = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "ES384", "kid": "1"}, left, self.key, algorithms=["ES384"])


def bundle(*resources: Any) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


@dataclass
class Launched:
    """A gateway whose pages are launched from that EPR."""

    running: Running
    epr: SmartEpr

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.running.app), base_url="http://gateway.example")

    async def begin(self, http: httpx.AsyncClient) -> httpx.Response:
        return await http.get("/launch", params={"iss": self.epr.base, "launch": "x"})

    async def launch(self, http: httpx.AsyncClient | None = None) -> tuple[httpx.AsyncClient, httpx.Response]:
        """As far as it gets: the answer is a page that refuses, or leads (303) to the session's own."""
        http = http or self.browser()
        begun = await self.begin(http)
        if begun.status_code != 303:
            return http, begun
        sent = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
        self.epr.nonce = sent["nonce"]
        return http, await http.get("/launch/callback", params={"state": sent["state"], "code": "c"})

    async def open(self) -> Window:
        http, answer = await self.launch()
        assert answer.status_code == 303, answer.text
        return Window(http, answer.headers["location"])


@asynccontextmanager
async def launched_from(epr: SmartEpr, database_url: str, folder: Path) -> AsyncIterator[Launched]:
    async with serving(epr.app()) as epr.base:
        running = await start(database_url, folder)
        document = orjson.loads(demo_parties(folder / "keys").model_dump_json())
        [registered] = document["organisations"][0]["eprs"]
        registered |= {"issuer": epr.base, "private": True, "cds": None}
        await register(running.store, read_parties(document, "parties of a test"))
        running.app.state.gateway.directory._stale_at = 0  # as ten seconds later
        yield Launched(running, epr)
        await running.stop()
