"""A sender with a FHIR server of its own on a real port, and a gateway that may fetch from it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.app import start
from tests.fetch.sender import SECRET, Registered, Sender, build_sender
from tests.serving import serving

from adapters.source.mock import Held, build_mock


@pytest.fixture
async def registered(database_url: str, tmp_path: Path) -> AsyncIterator[Registered]:
    """Makes a sender; what is given is registered of its server otherwise than usual."""
    held = Held()
    running = await start(database_url, tmp_path, poll_seconds=0.05, retry_seconds=(0, 0))
    async with serving(build_mock(held, SECRET)) as url, running.http:

        async def make(**otherwise: Any) -> Sender:
            return await build_sender(running, held, url, **otherwise)

        yield make
    await running.store.close()


@pytest.fixture
async def sender(registered: Registered) -> Sender:
    return await registered()
