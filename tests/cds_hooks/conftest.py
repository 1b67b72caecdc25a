from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.app import start
from tests.cds_hooks.calling import Hooks, set_stage


@pytest.fixture
async def hooks(database_url: str, tmp_path: Path) -> AsyncIterator[Hooks]:
    running = await start(database_url, tmp_path)
    await set_stage(running, tmp_path / "keys")
    yield Hooks(running)
    await running.http.aclose()
    await running.store.close()
