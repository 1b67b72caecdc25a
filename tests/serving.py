"""An app on a real port, in this process."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from adapters.http import KEEP_ALIVE_SECONDS


@asynccontextmanager
async def serving(app: ASGIApp, *doors: socket.socket, **options: Any) -> AsyncIterator[str]:
    """Its address: at `doors`, or at a free port. `options` are uvicorn's: without lifespan="on" the app is not told of
    its start and end."""
    chosen: dict[str, Any] = {
        "lifespan": "off",
        "log_level": "critical",
        "ws": "none",
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": 2,
    } | options
    config = uvicorn.Config(app, port=0, **chosen)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([*doors] or None)  # and no `serve`, which looks ten times a second whether it should stop
    await server.on_tick(0)
    try:
        scheme = "https" if config.is_ssl else "http"
        yield f"{scheme}://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:  # a test that fails leaves no open socket behind, which the next ones would be blamed for
        await server.shutdown([*doors])
