"""Neighbours that do as they like cannot hurt an adapter: the same for each kind."""

import asyncio
from typing import Any

import pytest
from tests.delivery.kinds.told import to
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters import http
from adapters.http import Neighbours
from adapters.ports import Adapter


async def test_a_redirect_is_not_followed(adapter: Adapter, secret: str) -> None:
    visitors = []

    async def elsewhere(asked: Asked, writer: Any) -> None:
        visitors.append(asked)
        answer(writer, 200)

    async with neighbour(elsewhere) as other:

        async def redirect(_: Asked, writer: Any) -> None:
            answer(writer, 307, Location=f"{other}/")

        async with neighbour(redirect) as url:
            answered = await adapter.send(to(url, secret, private=True))

    assert (answered.status, answered.delivered, visitors) == (307, False, [])


async def test_an_answer_of_a_gigabyte_is_not_read(adapter: Adapter, secret: str) -> None:
    written = 0

    async def flood(_: Asked, writer: Any) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while written < 1_000_000_000:
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536

    async with neighbour(flood) as url:
        answered = await adapter.send(to(url, secret, private=True))

    assert answered.delivered  # its status had come
    assert len(answered.answer) < 100
    assert written < 50_000_000  # what fits in the buffers between us


async def test_an_answer_that_drips_is_cut_off(adapter: Adapter, secret: str) -> None:
    async def drip(_: Asked, writer: Any) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Patience: much\r\n" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with neighbour(drip) as url:
        answered = await adapter.send(to(url, secret, private=True))

    assert (answered.phase, answered.status, answered.delivered) == ("answer", None, False)


@pytest.mark.parametrize(
    "noise", [b"", b"not HTTP at all\r\n\r\n", b"HTTP/1.1 999999 ?\r\n\r\n", b"\x16\x03\x01\x00" * 50]
)
async def test_what_is_no_http_is_no_answer(adapter: Adapter, secret: str, noise: bytes) -> None:
    async def speak(_: Asked, writer: Any) -> None:
        writer.write(noise)
        writer.close()

    async with neighbour(speak) as url:
        answered = await adapter.send(to(url, secret, private=True))

    assert (answered.phase, answered.delivered) == ("answer", False)


async def test_an_answer_that_comes_twice_does_not_answer_the_next_request() -> None:
    """A second 200 to the first request would pass for the answer to the second, which nobody has taken."""
    taken = 0

    async def twice(_: Asked, writer: Any) -> None:
        nonlocal taken
        taken += 1
        for _each in range(2):
            answer(writer, 200 if taken == 1 else 503)

    neighbours = Neighbours(seconds=10, connections=1)
    async with neighbour(twice) as url:
        replies = [await neighbours.exchange(url, {"private": True}, "PUT", "Task/1", {}, b"{}") for _ in range(3)]
        await neighbours.close()

    assert [one.status for one in replies] == [200, 503, 503]


@pytest.mark.parametrize(("idle", "connections"), [(60, 1), (0.01, 2)])
async def test_a_connection_that_lay_idle_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch, idle: float, connections: int
) -> None:
    """Its server may be closing it at that very moment, and then nobody knows what became of the request."""
    monkeypatch.setattr(http, "IDLE_SECONDS", idle)
    seen = set()

    async def count(_: Asked, writer: Any) -> None:
        seen.add(writer)
        answer(writer, 200)

    neighbours = Neighbours(seconds=10, connections=1)
    async with neighbour(count) as url:
        for _ in range(2):
            reply = await neighbours.exchange(url, {"private": True}, "GET", "Task/1", {})
            assert reply.status == 200
            await asyncio.sleep(0.05)
        await neighbours.close()

    assert len(seen) == connections
