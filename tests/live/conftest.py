"""Gateways on real ports, one database under them; pages whose streams are read as a browser reads them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.app import BASE, Running, start
from tests.serving import serving
from tests.web.conftest import Page, Web, with_eprs

from gateway.app import build_app
from gateway.settings import Settings


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    at: float  # time.monotonic()


class Stream:
    """What comes over one stream."""

    def __init__(self, lines: AsyncIterator[str], answer: httpx.Response) -> None:
        self._lines = lines
        self.headers = answer.headers

    async def next(self, *names: str) -> Event:
        """The next event of one of these names; of any, when none is named. Fails when the stream ends before."""
        async with asyncio.timeout(60):
            while True:
                name, id_ = await self._event()
                if not names or name in names:
                    return Event(name, id_, time.monotonic())

    async def rest(self) -> list[str]:
        """The names of all that still comes, once the stream has ended."""
        names = []
        async with asyncio.timeout(60):
            try:
                while True:
                    names.append((await self._event())[0])
            except StopAsyncIteration:
                return names

    async def _event(self) -> tuple[str, str]:
        held: dict[str, str] = {}
        while True:
            line = await anext(self._lines)
            if line:
                name, _, value = line.partition(": ")
                held[name] = value
            elif "data" in held:
                return held.get("event", "message"), held.get("id", "")
            else:
                held = {}


@dataclass
class Served:
    """One server process, as good as: its own app and store."""

    app: FastAPI
    url: str
    http: httpx.AsyncClient

    async def get(self, page: Page, under: str, **headers: str) -> httpx.Response:
        return await self.http.get(f"{page.path}{under}", headers=_cookie(page) | headers)

    @asynccontextmanager
    async def stream(self, page: Page, query: str = "", **headers: str) -> AsyncIterator[Stream]:
        async with self.http.stream("GET", f"{page.path}/events{query}", headers=_cookie(page) | headers) as answer:
            assert answer.status_code == 200, answer.status_code
            yield Stream(answer.aiter_lines(), answer)


def _cookie(page: Page) -> dict[str, str]:
    return {"Cookie": f"session={page.secret}"}


@asynccontextmanager
async def page_server(app: FastAPI) -> AsyncIterator[Served]:
    limits = httpx.Limits(max_connections=1000)
    async with (
        serving(app, lifespan="on", timeout_graceful_shutdown=None) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits) as client,
    ):
        yield Served(app, url, client)
        app.state.open_pages.close()  # as a signal would: without it the end waits for all streams


@dataclass
class Two:
    """Two server processes on one database, and what the trust and the hub do through the first."""

    web: Web
    first: Served
    second: Served


@pytest.fixture
async def two(database_url: str, tmp_path: Path) -> AsyncIterator[Two]:
    running = await start(database_url, tmp_path)
    await with_eprs(running, tmp_path)
    other = build_app(_settings(database_url, tmp_path))
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(page_server(running.app))
        second = await stack.enter_async_context(page_server(other))
        await asyncio.sleep(0.2)  # until both listen
        yield Two(Web(running, tmp_path), first, second)
        await running.http.aclose()


def _settings(database_url: str, folder: Path, **changed: Any) -> Settings:
    given: dict[str, Any] = {"worker": False, "token_secret_file": folder / "token-secret", "base_url": BASE}
    return Settings(database_url=database_url, **(given | changed))


__all__ = ["Event", "Running", "Served", "Stream", "Two"]
