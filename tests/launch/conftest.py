"""A gateway whose trust has RiO: a mock on a real port, which its pages are launched from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.launch.launcher import Launcher, launching


@pytest.fixture
async def launcher(database_url: str, tmp_path: Path) -> AsyncIterator[Launcher]:
    async with launching(database_url, tmp_path) as launcher:
        yield launcher
