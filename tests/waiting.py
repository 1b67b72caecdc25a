"""Waiting for what others do: a worker, another process, a page."""

import asyncio
from collections.abc import Awaitable, Callable

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits until something holds; fails when it never does."""
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - what holds is in a database or another server
            await asyncio.sleep(0.01)
