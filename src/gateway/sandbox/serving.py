"""The sandbox on a port of its own, which its tenants send to as well."""

import asyncio
import contextlib
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI

from gateway.sandbox.tenants import Tenants

HUSH = 5.0  # seconds that a send may still take


class Server(uvicorn.Server):
    """`options` are uvicorn's. Told to stop, it stops what the tenants send before it closes the port: an update that
    finds it closed would be counted as a failure of the engineer's receiver."""

    def __init__(self, sandbox: FastAPI, **options: Any) -> None:
        super().__init__(uvicorn.Config(sandbox, access_log=False, **options))
        self._tenants: Tenants = sandbox.state.tenants

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HUSH):
                await self._tenants.hush()
        await super().shutdown(sockets)
