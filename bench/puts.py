"""The ceiling of deliveries: a bare loop of httpx transports that PUTs the same body and keeps nothing.

`python -m bench.puts PORT COUNT CONNECTIONS FILE` prints PUTs a second.
"""

import asyncio
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx
import uvloop


async def main(port: int, count: int, connections: int, body: bytes) -> float:
    left = iter(range(count))
    headers = {"Content-Type": "application/fhir+json", "webhook-id": str(uuid4())}

    async def put_one_after_another() -> None:
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        async with httpx.AsyncHTTPTransport(trust_env=False, limits=one) as line:
            for _ in left:
                request = httpx.Request("PUT", f"http://127.0.0.1:{port}/Task/{uuid4()}", headers=headers, content=body)
                response = await line.handle_async_request(request)
                await response.aread()
                if response.status_code != 200:
                    raise SystemExit("the sink refused")

    started = time.perf_counter()
    await asyncio.gather(*(put_one_after_another() for _ in range(connections)))
    return count / (time.perf_counter() - started)


if __name__ == "__main__":
    print(uvloop.run(main(*map(int, sys.argv[1:4]), Path(sys.argv[4]).read_bytes())))
