"""/_ping: the process answers. /_status: what it works with answers too, and how far behind each destination is."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.heartbeat import Heartbeat, colour_of
from gateway.ids import instant, now
from gateway.security import Caller
from gateway.store.engine import Store
from gateway.store.fetches import fetch_status
from gateway.store.heartbeats import alerts_unsent, heartbeats, lag_of, last_rehearsal, tallies

Json = dict[str, Any]


def add_status_routes(app: FastAPI) -> None:
    app.add_route("/_ping", ping, methods=["GET"])
    app.add_route("/_status", status, methods=["GET"])


async def ping(_request: Request) -> Response:
    return PlainTextResponse("pong")


async def status(request: Request) -> Response:
    """Figures and what is wrong; 503 when this process delivers no more, or when the database does not answer. An
    operator sees all destinations, anybody else those of its own organisation. Holds no patient data."""
    gateway = request.app.state.gateway
    caller = request.state.caller = request.app.state.gatekeeper.caller(request.headers.get("authorization"))
    late = gateway.settings.late_seconds
    beats = await heartbeats(gateway.store, organisation_seen_by(caller))
    worker = _worker(request.app)
    figures = _figures(beats, late)
    reasons = list(_reasons(worker, figures, late))
    verdict = "fail" if worker == "stopped" else "warn" if reasons else "pass"
    figures |= await _more(gateway.store, {one.id for one in beats})
    figures["fetches"] = await fetch_status(gateway.store, caller.organisation if caller.role == "epr" else None)
    shown = {"status": verdict, "reasons": reasons, "database": "pass", "worker": worker}
    return Response(orjson.dumps(shown | figures), 503 if verdict == "fail" else 200, media_type="application/json")


def organisation_seen_by(caller: Caller) -> str | None:
    """Whose destinations a caller sees; None: all there are."""
    return None if caller.role == "operator" else caller.organisation


def show_heartbeat(beat: Heartbeat, late_seconds: float) -> Json:
    colour, words = colour_of(beat, late_seconds)
    told = {name: instant(value) if isinstance(value, datetime) else value for name, value in asdict(beat).items()}
    return told | {"colour": colour, "words": words}


def _figures(beats: Sequence[Heartbeat], late: float) -> Json:
    ages = [one.oldest_undelivered_seconds for one in beats if one.oldest_undelivered_seconds is not None]
    return {
        "due": sum(one.undelivered for one in beats),
        "oldest_due_seconds": max(ages, default=None),
        "dead": sum(one.dead for one in beats),
        "destinations": [show_heartbeat(one, late) for one in beats],
    }


async def _more(store: Store, destinations: set[str]) -> Json:
    """How long changes took to arrive there so far, what nobody has been told yet, and the last rehearsal."""
    buckets, seconds = lag_of([one for one in await tallies(store) if one.destination_id in destinations])
    arrived = buckets[-1][1]
    rehearsed = await last_rehearsal(store)
    return {
        "lag": {
            "deliveries": arrived,
            "mean_seconds": round(seconds / arrived, 3) if arrived else None,
            "within_seconds": dict(buckets),
        },
        "alerts_unsent": await alerts_unsent(store),
        "rehearsal": {
            "at": instant(rehearsed.at),
            "age_seconds": (now() - rehearsed.at).total_seconds(),
            "milliseconds": rehearsed.milliseconds,
            "failure": rehearsed.failure,
        }
        if rehearsed
        else None,
    }


def _worker(app: FastAPI) -> str:
    if not app.state.gateway.settings.worker:
        return "elsewhere"
    running: asyncio.Task[None] | None = app.state.worker
    return "here" if running and not running.done() else "stopped"


def _reasons(worker: str, figures: Json, late: float) -> Iterator[str]:
    if worker == "stopped":
        yield "The worker of this process has stopped: restart the process."
    if figures["dead"]:
        yield f"Updates that are out of retries: {figures['dead']}."
    if (figures["oldest_due_seconds"] or 0) > late:
        yield f"The oldest update that is due has waited longer than {late:g} s."
    for one in figures["destinations"]:
        if one["state"] in {"failing", "disabled"}:
            yield f"{one['id']}: {one['words']}."
