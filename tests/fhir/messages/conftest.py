from pathlib import Path

import pytest
from tests.app import Running

from gateway.demo.parties import demo_parties
from gateway.parties import register


@pytest.fixture
async def strict(gateway: Running, tmp_path: Path) -> Running:
    """A gateway whose senders have agreed to send all that BaRS asks for."""
    parties = demo_parties(tmp_path / "keys")
    senders = [one.model_copy(update={"bars": "strict"}) for one in parties.organisations]
    await register(gateway.store, parties.model_copy(update={"organisations": senders}))
    return gateway
