"""A gateway whose trust has RiO: a mock on a real port, which its pages are launched from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.launch.launcher import Launcher, launching
from tests.launch.smart_epr import Launched, SmartEpr, launched_from


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time: the record would open without a card."""
    monkeypatch.setattr("adapters.rio.mock.cards.SECONDS", 20)


@pytest.fixture
async def launcher(database_url: str, tmp_path: Path) -> AsyncIterator[Launcher]:
    async with launching(database_url, tmp_path) as launcher:
        yield launcher


@pytest.fixture
async def launched(database_url: str, tmp_path: Path) -> AsyncIterator[Launched]:
    async with launched_from(SmartEpr(), database_url, tmp_path) as launched:
        yield launched
