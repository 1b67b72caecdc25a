"""TLS, and nothing less, for each kind."""

from pathlib import Path
from typing import Any

import pytest
from tests.certificates import certificate, server_side
from tests.delivery.kinds.told import to
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters.ports import Adapter, Answer


async def take(_: Asked, writer: Any) -> None:
    answer(writer, 200)


@pytest.mark.parametrize(
    ("shown", "trusted"),
    [({"days": -1}, True), ({"host": "other.example"}, True), ({"host": "127.0.0.2"}, True), ({}, False)],
    ids=["expired", "another host", "another address", "unknown authority"],
)
async def test_a_wrong_certificate_is_told_apart_and_nothing_is_sent(
    adapter: Adapter, secret: str, tmp_path: Path, shown: dict[str, Any], trusted: bool
) -> None:
    pem, key = certificate(tmp_path, "epr", **shown)
    tls = {"authority": str(pem)} if trusted else {}

    async with neighbour(take, server_side(pem, key)) as url:
        answered = await adapter.send(to(url, secret, private=True, tls=tls))

    assert (answered.delivered, answered.phase, answered.status) == (False, "tls", None)


async def test_certificate_files_that_are_not_there_fail_the_attempt(adapter: Adapter, secret: str) -> None:
    answered = await adapter.send(to("https://127.0.0.1:9", secret, private=True, tls={"authority": "/nowhere.pem"}))

    assert answered.answer == "The certificate files registered for it cannot be used."


async def test_mutual_tls_and_nothing_less(adapter: Adapter, secret: str, tmp_path: Path) -> None:
    epr, ours = certificate(tmp_path, "epr"), certificate(tmp_path, "gateway")

    async def send(url: str, **tls: Path) -> Answer:
        return await adapter.send(to(url, secret, private=True, tls={name: str(path) for name, path in tls.items()}))

    async with neighbour(take, server_side(*epr, clients=ours[0])) as url:
        known = await send(url, certificate=ours[0], key=ours[1], authority=epr[0])
        nameless = await send(url, authority=epr[0])
        unknown_authority = await send(url, certificate=ours[0], key=ours[1])

    assert known.delivered
    assert not nameless.delivered
    assert (unknown_authority.delivered, unknown_authority.phase) == (False, "tls")
