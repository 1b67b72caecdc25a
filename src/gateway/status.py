"""/_ping: the process answers. /_status: what it works with answers too, and how far behind each destination is."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.store.fetches import fetch_status
from gateway.store.heartbeats import delivery_status

LATE = 300  # seconds an update may be due before somebody should look


def add_status_routes(app: FastAPI) -> None:
    app.add_route("/_ping", ping, methods=["GET"])
    app.add_route("/_status", status, methods=["GET"])


async def ping(_request: Request) -> Response:
    return PlainTextResponse("pong")


async def status(request: Request) -> Response:
    """Figures, an EPR's own ones only, and what is wrong; 503 when this process delivers no more, or when the database
    does not answer. Holds no patient data."""
    gateway = request.app.state.gateway
    caller = request.state.caller = request.app.state.gatekeeper.caller(request.headers.get("authorization"))
    figures = await delivery_status(gateway.store, caller.organisation if caller.role == "epr" else None)
    worker = _worker(request.app)
    reasons = list(_reasons(worker, figures))
    verdict = "fail" if worker == "stopped" else "warn" if reasons else "pass"
    figures["fetches"] = await fetch_status(gateway.store, caller.organisation if caller.role == "epr" else None)
    shown = {"status": verdict, "reasons": reasons, "database": "pass", "worker": worker}
    return Response(orjson.dumps(shown | figures), 503 if verdict == "fail" else 200, media_type="application/json")


def _worker(app: FastAPI) -> str:
    if not app.state.gateway.settings.worker:
        return "elsewhere"
    running: asyncio.Task[None] | None = app.state.worker
    return "here" if running and not running.done() else "stopped"


def _reasons(worker: str, figures: dict[str, Any]) -> Iterator[str]:
    if worker == "stopped":
        yield "The worker of this process has stopped: restart the process."
    if figures["dead"]:
        yield f"Updates that are out of retries: {figures['dead']}."
    if (figures["oldest_due_seconds"] or 0) > LATE:
        yield f"The oldest update that is due has waited longer than {LATE} s."
