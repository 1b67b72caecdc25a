"""A load generator that costs little itself: plain HTTP/1.1 over kept-alive sockets, one request at a time on each."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Load:
    """What a run saw: seconds each request took, and how often each status came."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, part: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000


async def drive(port: int, connections: int, seconds: float, request: Callable[[], bytes]) -> Load:
    """Sends requests made by `request` over so many connections for so long."""
    load = Load()
    until = time.perf_counter() + seconds
    started = time.perf_counter()
    await asyncio.gather(*(_one_connection(port, until, request, load) for _ in range(connections)))
    load.seconds = time.perf_counter() - started
    return load


async def _one_connection(port: int, until: float, request: Callable[[], bytes], load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while time.perf_counter() < until:
            sent = request()
            started = time.perf_counter()
            status = await exchange(reader, writer, sent)
            load.latencies.append(time.perf_counter() - started)
            load.statuses[status] += 1
    finally:
        writer.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> int:
    """One request and its whole answer; the status."""
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    position = lowered.find(b"content-length:")
    if position >= 0:
        length = int(lowered[position + 15 : lowered.index(b"\r\n", position)])
        if length:
            await reader.readexactly(length)
    return int(head[9:12])


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as bytes."""
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def get(path: str, headers: dict[str, str]) -> bytes:
    """A GET as bytes."""
    head = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(head).encode() + b"\r\n\r\n"
