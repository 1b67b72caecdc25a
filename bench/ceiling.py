"""The ceiling: a bare ASGI application that parses the JSON and commits one row that holds it. Nothing else."""

import os
from typing import Any
from uuid import uuid4

import asyncpg
import orjson

pool: Any = None


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if body:
        orjson.loads(body)
        await pool.execute("INSERT INTO ceiling (id, body) VALUES ($1, $2)", str(uuid4()), body.decode())
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def _live(receive: Any, send: Any) -> None:
    global pool  # noqa: PLW0603 - the whole application is this module
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            pool = await asyncpg.create_pool(
                host=os.environ["BENCH_PG_HOST"], user="postgres", database="bench", min_size=16, max_size=16
            )
            await send({"type": "lifespan.startup.complete"})
        else:
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
