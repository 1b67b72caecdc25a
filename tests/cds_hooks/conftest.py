from pathlib import Path

import pytest
from tests.app import Running
from tests.cds_hooks.calling import Hooks, set_stage


@pytest.fixture
async def hooks(gateway: Running, tmp_path: Path) -> Hooks:
    await set_stage(gateway, tmp_path / "keys")
    return Hooks(gateway)
