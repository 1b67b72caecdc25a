"""/_ping: the process answers. /_status: what it works with answers too, and how far behind each destination is."""

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.store.heartbeats import delivery_status


def add_status_routes(app: FastAPI) -> None:
    app.add_route("/_ping", ping, methods=["GET"])
    app.add_route("/_status", status, methods=["GET"])


async def ping(_request: Request) -> Response:
    return PlainTextResponse("pong")


async def status(request: Request) -> Response:
    """200 with figures, an EPR's own ones only; 503 when the database does not answer. Holds no patient data."""
    gateway = request.app.state.gateway
    caller = request.state.caller = request.app.state.gatekeeper.caller(request.headers.get("authorization"))
    figures = await delivery_status(gateway.store, caller.organisation if caller.role == "epr" else None)
    shown = {"status": "pass", "database": "pass", "worker": "here" if gateway.settings.worker else "elsewhere"}
    return Response(orjson.dumps(shown | figures), media_type="application/json")
