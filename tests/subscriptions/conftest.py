"""A gateway whose clients may subscribe, and an endpoint on a real port to be told at."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.app import start
from tests.serving import serving
from tests.subscriptions.hooks import QUICK, Endpoint, Subscribing

from adapters.subscription.mock import Notified, build_endpoint


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    notified = Notified()
    async with serving(build_endpoint(notified)) as url:
        yield Endpoint(f"{url}/hooks/tasks", notified)


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Subscribing]:
    running = await start(database_url, tmp_path, **QUICK)
    yield Subscribing(running, running.app.state.gateway.settings)
    await running.stop()
