"""A gateway whose trust has RiO: a mock on a real port, which its pages are launched from."""

import base64
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from tests.app import Running, start
from tests.rio.story import SECRET, running

from adapters.rio.mock import build_mock
from adapters.signed_launch import sign
from gateway.demo.parties import demo_parties
from gateway.parties import register

EPR = "northdale-rio-pages"
OURS = {"Sec-Fetch-Site": "same-origin"}
PERSON = "0012345"
NOBODY = "http://127.0.0.1:1/FHIR/R4"  # the EPR's FHIR server, where nobody listens


@dataclass
class Window:
    """A browser's window that shows a page of the gateway: its address, and the cookies it keeps."""

    http: httpx.AsyncClient
    path: str

    async def get(self, page: str = "", **options: Any) -> httpx.Response:
        return await self.http.get(f"{self.path}{page}", **options)

    async def post(self, page: str, fields: dict[str, Any]) -> httpx.Response:
        return await self.http.post(f"{self.path}{page}", data=fields, headers=OURS)


@dataclass
class Launcher:
    """What an EPR without SMART does: it signs addresses."""

    running: Running
    secret: str

    def address(self, **changed: str | None) -> str:
        given = {
            "epr": EPR,
            "user": "AOSEI",
            "name": "Dr Amara Osei",
            "role": "Care coordinator",
            "team": "RTN",
            "patient": PERSON,
            "issued": str(int(time.time())),
            "nonce": secrets.token_urlsafe(16),
        } | changed
        told = {name: value for name, value in given.items() if value is not None}
        return f"/launch/signed?{urlencode(told | {'signature': sign(self.secret, told)})}"

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.running.app), base_url="http://gateway.example")

    async def open(self, http: httpx.AsyncClient | None = None, **changed: str | None) -> Window:
        """A window of a new browser, unless told."""
        http = http or self.browser()
        answer = await http.get(self.address(**changed))
        assert answer.status_code == 303, answer.text
        return Window(http, answer.headers["location"])


@asynccontextmanager
async def launching(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[Launcher]:
    async with running(build_mock(SECRET)) as rio:
        gateway = await start(database_url, folder, **settings)
        parties = demo_parties(folder / "keys", NOBODY, rio.url)
        await register(gateway.store, parties)
        [epr] = parties.organisations[0].eprs
        yield Launcher(gateway, str(epr.launch_secret))
        await gateway.stop()


def forged(address: str) -> str:
    """The same address, as if somebody else had signed it."""
    return f"{address.rpartition('=')[0]}={base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"
