"""Without its database the gateway stores nothing and says so: 503, and when to come back."""

import asyncio
import threading
from pathlib import Path

import httpx
import pytest
from tests.app import BASE, referral_bundle

from gateway.app import build_app
from gateway.security import Caller
from gateway.settings import Settings


@pytest.mark.parametrize(
    "url", ["postgresql+asyncpg://nobody@/none?host=/nowhere/at/all", "sqlite+aiosqlite:////nowhere/at/all/gateway.db"]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/FHIR/R4"), ("GET", "/FHIR/R4/Task"), ("GET", "/_status")])
async def test_it_says_503_and_when_to_come_back(url: str, method: str, path: str, tmp_path: Path) -> None:
    others = threading.enumerate()
    app = build_app(Settings(database_url=url, base_url=BASE, token_secret_file=tmp_path / "secret", worker=False))
    caller = Caller("demo-epr", "XND01", "epr", frozenset({"system/*.crus"}))
    headers = {"Authorization": f"Bearer {app.state.gatekeeper.issue(caller)}", "Content-Type": "application/fhir+json"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        answer = await http.request(method, path, json=referral_bundle() if method == "POST" else None, headers=headers)
    await app.state.gateway.store.close()
    await the_driver_has_given_up(others)

    assert answer.status_code == 503
    assert answer.json()["issue"][0]["code"] == "transient"
    assert int(answer.headers["retry-after"]) > 0


async def the_driver_has_given_up(others: list[threading.Thread]) -> None:
    """aiosqlite reports the end of a connection that never opened to this loop, from a thread nobody waits for."""
    for thread in threading.enumerate():
        if thread not in others and "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)
