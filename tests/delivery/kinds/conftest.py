"""A receiver on a real socket, a whole gateway, and the adapter of each kind."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.delivery.kinds.told import KINDS, Receiver
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters.ports import Adapter
from gateway.delivery import build_adapters
from gateway.settings import Settings


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def adapter(kind: str, settings: Settings) -> AsyncIterator[Adapter]:
    adapters = build_adapters(settings.model_copy(update={"send_timeout_seconds": 2}))
    yield adapters[kind]
    for each in adapters.values():
        await each.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()

    async def speak(asked: Asked, writer: Any) -> None:
        receiver.asked.append(asked)
        status, body = receiver.answers.pop(0) if receiver.answers else (200, None)
        answer(writer, status, json.dumps(body).encode())

    async with neighbour(speak) as receiver.url:
        yield receiver
