"""A receiver that costs next to nothing: answers each PUT with 200, or, on a second port, never.

`python -m bench.sink PORT [HANGING_PORT]`
"""

import asyncio
import sys

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Answers(asyncio.Protocol):
    """HTTP/1.1 as far as a sender with Content-Length needs it; a HEAD or GET has no body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = self.waiting[:end].lower()
            _, found, after = head.partition(b"content-length:")
            length = int(after.split(b"\r\n", 1)[0]) if found else 0
            if len(self.waiting) < end + 4 + length:
                return
            self.waiting = self.waiting[end + 4 + length :]
            self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def main(port: int, hanging: int | None) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(Answers, "127.0.0.1", port)
    if hanging:
        await loop.create_server(asyncio.Protocol, "127.0.0.1", hanging)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:]), *[None] * (3 - len(sys.argv))))
