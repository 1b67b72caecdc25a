"""/_ping: the process answers. /_status: what it works with answers too, and how far behind each destination is."""

import orjson
from fastapi import FastAPI
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.store.heartbeats import delivery_status


def add_status_routes(app: FastAPI) -> None:
    app.add_route("/_ping", ping, methods=["GET"])
    app.add_route("/_status", status, methods=["GET"])


async def ping(_request: Request) -> Response:
    return PlainTextResponse("pong")


async def status(request: Request) -> Response:
    """200 with figures; 503 when the database does not answer. Holds no patient data, and needs a token."""
    gateway = request.app.state.gateway
    request.state.caller = request.app.state.gatekeeper.caller(request.headers.get("authorization"))
    async with gateway.store.reading() as connection:
        await connection.execute(text("SELECT 1"))
    shown = {"status": "pass", "database": "pass", "worker": "here" if gateway.settings.worker else "elsewhere"}
    return Response(orjson.dumps(shown | await delivery_status(gateway.store)), media_type="application/json")
