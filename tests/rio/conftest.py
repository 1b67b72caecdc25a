"""A mock RiO on a real port, the adapter that writes to it, and the referral of a person whom it knows."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.rio.story import CLIENT_ID, CLIENT_IDS, SECRET, Rio, Story, read_example, running

from adapters.rio.adapter import RioRecord
from adapters.rio.mock import build_mock

Json = dict[str, Any]


@pytest.fixture
async def rio() -> AsyncIterator[Rio]:
    async with running(build_mock(SECRET)) as rio:
        yield rio


@pytest.fixture
def options(tmp_path: Path) -> Json:
    password = tmp_path / "password"
    password.write_text("mock-rio-password\n")
    return {
        "platform_type": "Integration",
        "system_name": "SocialPrescribingGateway",
        "user_name": "gateway",
        "password_file": str(password),
        "client_id_system": CLIENT_IDS,
        "alternative_id_system": "SPGATEWAY",
        "referral_source": "INTERNAL",
        "referral_reason": "SOCIAL",
        "service": "SP",
        "team": "SPHUB",
        "urgencies": {"routine": "ROUTINE", "soon": "SOON", "urgent": "URGENT"},
        "note_type": "SOCPRES",
        "document_type": "SPSUM",
        "discharge_reasons": {"closed-completed": "COMPLETE", "entered-in-error": "ERROR"},
        "private": True,
    }


@pytest.fixture
async def adapter() -> AsyncIterator[RioRecord]:
    adapter = RioRecord(seconds=10)  # a healthy answer may come late on a busy machine
    yield adapter
    await adapter.close()


@pytest.fixture
async def impatient() -> AsyncIterator[RioRecord]:
    """For what is to hang: it waits no longer than two seconds."""
    adapter = RioRecord(seconds=2)
    yield adapter
    await adapter.close()


@pytest.fixture
def story(rio: Rio, options: Json) -> Story:
    """The referral of the person who has ClientID 0012345 in the mock, not told of yet."""
    referral = read_example("referral")
    referral["person"] |= {
        "family_name": "Harrow",
        "given_names": ["Margaret", "Anne"],
        "birth_date": "1971-06-14",
        "nhs_number": "9992047186",
        "local_identifiers": [{"system": CLIENT_IDS, "value": CLIENT_ID}],
    }
    standing = {
        "id": "0198f2a4-7c00-7000-8000-000000000001",
        "version": 0,
        "reference": "SP-4821-0937-5564",
        "status": "submitted",
        "submitted_at": "2026-02-02T09:00:00.000Z",
        "hub": {"id": "northdale-wellbeing-hub", "name": "Northdale Wellbeing Hub", "phone": "01632 960100"},
    }
    return Story(rio.url, options, referral, standing)


@pytest.fixture
def closing() -> Json:
    """What a referral has when it is closed: contacts, prescriptions, scores, and the closure itself."""
    done = read_example("standing")
    return {name: done[name] for name in ("advisor", "contacts", "prescriptions", "measures", "closure")}
