from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.app import Running, start


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    running = await start(database_url, tmp_path)
    yield running
    await running.http.aclose()
    await running.store.close()
