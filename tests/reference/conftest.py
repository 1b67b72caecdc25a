from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.app import build_app
from gateway.settings import Settings


@pytest.fixture
async def docs(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway's pages. It has no database yet: these need none."""
    base = "http://gateway.example"
    app = build_app(Settings(base_url=base, token_secret_file=tmp_path / "token-secret", worker=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as client:
        yield client
