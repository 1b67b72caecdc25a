"""An app on a real port, in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """Its address. `options` are uvicorn's: without lifespan="on" the app is not told of its start and end."""
    chosen: dict[str, Any] = {
        "lifespan": "off",
        "log_level": "critical",
        "ws": "none",
        "timeout_graceful_shutdown": 2,
    } | options
    server = uvicorn.Server(uvicorn.Config(app, port=0, **chosen))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it offers nothing to wait for
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
