"""Neighbours on real sockets that do as they like."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Asked:
    """One HTTP request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Speak = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def neighbour(speak: Speak, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[str]:
    """A server that reads request after request and lets `speak` answer as it likes; yields its address."""

    open_ones: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            while not writer.is_closing():
                await speak(await _read(reader), writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in open_ones:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def answer(writer: asyncio.StreamWriter, status: int, body: bytes = b"", **headers: str) -> None:
    given = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n{given}\r\n".encode() + body)


def reset(writer: asyncio.StreamWriter) -> None:
    """Cuts the connection with a RST, as a firewall or a process that dies does."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
