"""Passes TCP connections on: `python -m crash.relay PORT HOST`, from 127.0.0.1:PORT to HOST:PORT.

In a network of its own, where the EPR's address (this machine's, as http:// is sent nowhere else) leads to nobody.
"""

import asyncio
import sys
from contextlib import suppress


async def main(port: int, host: str) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(host, port)
            await asyncio.wait(
                [asyncio.create_task(copy(reader, there_writer)), asyncio.create_task(copy(there_reader, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            there_writer.close()
        writer.close()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async with await asyncio.start_server(pass_on, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
