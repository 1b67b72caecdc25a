"""The mock RiO on a real port, and what its operations take."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from tests.mock_rio.rio import MAGGIE, SECRET, Rio, Serve
from tests.serving import serving

from adapters.rio.mock import build_mock


@pytest.fixture
def serve() -> Serve:
    """Runs a mock with the options of `build_mock` inside the block."""

    @asynccontextmanager
    async def run(**options: Any) -> AsyncIterator[Rio]:
        async with (
            serving(build_mock(SECRET, **options)) as url,
            httpx.AsyncClient(trust_env=False, timeout=30) as client,
        ):
            yield Rio(url, client)

    return run


@pytest.fixture
async def rio(serve: Serve) -> AsyncIterator[Rio]:
    """A mock with nothing but its seed, and an open session."""
    async with serve() as rio:
        await rio.authenticate()
        yield rio


@pytest.fixture
def referral() -> dict[str, Any]:
    """What CreateReferral takes."""
    return {
        "ClientID": MAGGIE,
        "ExternalReferralId": "SP-4821-0937-5564",
        "Source": "COMMUNITY",
        "Reason": "MONEY",
        "Urgency": "ROUTINE",
        "Service": "SP",
        "Team": "SPHUB",
        "HCP": "PNADAR",
        "ReferralDateTime": "2026-01-12T10:12:00Z",
        "Comment": "Behind with rent",
    }


@pytest.fixture
def note() -> dict[str, Any]:
    """What AddProgressNote takes."""
    return {
        "ClientID": MAGGIE,
        "NoteDateTime": "2026-01-13T09:00:00Z",
        "NoteType": "SOCPRES",
        "NoteText": "Received by Northdale Wellbeing Hub. [SP-4821-0937-5564/2]",
    }


@pytest.fixture
def document() -> dict[str, Any]:
    """What AddDocument takes."""
    return {
        "ClientID": MAGGIE,
        "Type": "SPSUM",
        "Title": "Closing summary",
        "DocumentDate": "2026-07-01",
        "Final": True,
        "FileName": "summary.txt",
        "Content": b"Actions for you: none.",
    }


@pytest.fixture
def add_note(rio: Rio, note: dict[str, Any]) -> Callable[[], Any]:
    async def add() -> Any:
        return await rio.call("AddProgressNote", **note)

    return add
