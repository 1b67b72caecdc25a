import asyncio

import pytest
from fastapi import FastAPI
from tests.contract.written import Written, read_contract
from tools.contract.story import tell
from tools.contract.telling import Exchange


@pytest.fixture(scope="session")
def written() -> Written:
    return read_contract()


@pytest.fixture(scope="session")
def story() -> tuple[FastAPI, list[Exchange]]:
    """What the contract's examples tell, told now."""
    return asyncio.run(tell())
