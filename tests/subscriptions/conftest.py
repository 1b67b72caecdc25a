"""A gateway whose clients may subscribe, and an endpoint on a real port to be told at."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from tests.app import start
from tests.subscriptions.hooks import QUICK, Endpoint, Subscribing

from adapters.subscription.mock import Notified, build_endpoint


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    notified = Notified()
    config = uvicorn.Config(build_endpoint(notified), port=0, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it offers nothing to wait for
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Endpoint(f"http://127.0.0.1:{port}/hooks/tasks", notified)
    server.should_exit = True
    await serving


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Subscribing]:
    running = await start(database_url, tmp_path, **QUICK)
    yield Subscribing(running, running.app.state.gateway.settings)
    await running.stop()
