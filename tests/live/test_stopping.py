"""A server that is told to stop ends its streams at once: a deployment does not wait for pages that are open."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.app import start
from tests.web.conftest import Web, with_eprs

from gateway.demo.story import free_port


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_stream_holds_nobody_up(database_url: str, tmp_path: Path, how: signal.Signals) -> None:
    running = await start(database_url, tmp_path)
    await with_eprs(running, tmp_path)
    page = await Web(running, tmp_path).open()
    port = free_port()
    environment = os.environ | {
        "GATEWAY_DATABASE_URL": database_url,
        "GATEWAY_TOKEN_SECRET_FILE": str(tmp_path / "token-secret"),
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port)]
    served = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            await _until_it_answers(client)
            cookie = {"Cookie": f"session={page.secret}"}
            async with client.stream("GET", f"{page.path}/events", headers=cookie) as stream:
                lines = stream.aiter_lines()
                while not (await anext(lines)).startswith("event: changed"):
                    pass
                told = time.monotonic()
                served.send_signal(how)
                rest = [line async for line in lines]  # it ends without being cut off, and a browser comes back
            assert await asyncio.wait_for(served.wait(), 30) in {0, -how, 128 + how}
            assert time.monotonic() - told < 60
            assert "event: over" not in rest
    finally:
        if served.returncode is None:
            served.kill()
            await served.wait()
        await running.stop()


async def _until_it_answers(client: httpx.AsyncClient) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            await client.get("/_ping")
        except httpx.TransportError:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        else:
            return
