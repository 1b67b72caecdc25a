"""/app/deliveries: what did not arrive, where, why and whose it is; and sending it again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, NotFound
from gateway.heartbeat import Heartbeat, colour_of
from gateway.ids import now
from gateway.operations.exchange import READ, TRACE, WRITE
from gateway.platform.exchange import ID
from gateway.prefix import here
from gateway.replay import replay_delivery, replay_destination
from gateway.store.engine import Store
from gateway.store.heartbeats import heartbeats, last_rehearsal
from gateway.store.listing import attempts_of, find_referral, list_deliveries
from gateway.tracing import key_of
from gateway.web.assets import send_asset
from gateway.web.page import go, show
from gateway.web.session import admit_session, ask_token, page, proof_of, read_our_form, sign_in, sign_out
from mappings.clinician import UK

SHOWN = 50  # deliveries of each kind; the API has them all
PATIENCE = 3.0  # seconds that one press of a button may take; what is left is offered again


def add_pages(app: FastAPI) -> None:
    app.add_route("/app/assets/{name}", send_asset, methods=["GET"])
    app.add_route("/app/sign-in", ask_token, methods=["GET"])
    app.add_route("/app/sign-in", sign_in, methods=["POST"])
    app.add_route("/app/sign-out", sign_out, methods=["POST"])
    app.add_route("/app/deliveries", show_deliveries, methods=["GET"])
    app.add_route("/app/deliveries/{delivery_id}/replay", send_one_again, methods=["POST"])
    app.add_route("/app/destinations/{destination_id}/replay", send_all_again, methods=["POST"])


@dataclass(frozen=True, slots=True)
class Listed:
    """Deliveries under one heading, each with its attempts; `more` when there are further ones."""

    rows: list[Any]
    attempts: dict[str, list[Any]]
    more: bool


@page
async def show_deliveries(request: Request) -> Response:
    operation = admit_session(request, READ)
    store, late = operation.gateway.store, operation.gateway.settings.late_seconds
    beats = await heartbeats(store)
    sought = request.query_params.get("reference", "").strip()[:64]
    found = await _of_referral(store, sought) if sought else None
    older = now() - timedelta(seconds=late)
    return show(
        "deliveries.html",
        beats=[(beat, *colour_of(beat, late)) for beat in beats],
        dead=None if sought else await _listed(store, states=["dead"]),
        late=None if sought else await _listed(store, states=["due"], created_before=older),
        found=found,
        sought=sought,
        rehearsed=await last_rehearsal(store),
        progress=_progress(request.query_params, beats),
        proof=proof_of(request),
        may_send=operation.caller.allows(WRITE),
        may_trace=operation.caller.allows(TRACE),
        late_seconds=late,
        moment=now(),
    )


async def _of_referral(store: Store, name: str) -> Listed | None:
    async with store.reading() as connection:
        referral = await find_referral(connection, name.upper() if name[:3].upper() == "SP-" else name)
    return await _listed(store, of_referral=referral) if referral else None


async def _listed(store: Store, **which: Any) -> Listed:
    async with store.reading() as connection:
        rows = await list_deliveries(connection, limit=SHOWN + 1, **which)
        return Listed(list(rows[:SHOWN]), await attempts_of(connection, rows[:SHOWN]), len(rows) > SHOWN)


def _progress(given: Mapping[str, str], beats: list[Heartbeat]) -> dict[str, Any] | None:
    """What the last press of a button did, as the address says; only numbers and known names are taken from there."""
    numbers = {name: int(given[name]) for name in ("done", "left") if given.get(name, "").isdecimal()}
    if "done" not in numbers:
        return None
    destination = next((one.id for one in beats if one.id == given.get("to")), None)
    after = given.get("after", "")
    return {
        "done": numbers["done"],
        "left": numbers.get("left", 0),
        "to": destination,
        "after": after if ID.fullmatch(after) else "",
        "since": given.get("since", "")[:25],
    }


@page
async def send_one_again(request: Request) -> Response:
    operation = admit_session(request, WRITE)
    form = await read_our_form(request)
    delivery_id = request.path_params["delivery_id"]
    if not ID.fullmatch(delivery_id):
        raise NotFound("There is no delivery of this id.")
    done = await replay_delivery(operation.gateway.store, operation.caller, operation.context, delivery_id)
    request.state.audited = True
    if trace := key_of(form.get("trace", "")):
        return go(here(f"/app/trace/{trace}{'?sent=1' if done else ''}#deliveries"))
    told = {"done": done} | ({"reference": form["reference"]} if form.get("reference") else {})
    return go(here(f"/app/deliveries?{urlencode(told)}"))


@page
async def send_all_again(request: Request) -> Response:
    """In steps, for as long as somebody waits for a page; how far it has come stands in the address."""
    operation = admit_session(request, WRITE)
    form = await read_our_form(request)
    id_, after = request.path_params["destination_id"], form.get("after", "")
    since = _moment(form["since"]) if form.get("since") else None
    if after and not ID.fullmatch(after):
        raise BadRequest("This form cannot be read. Go back and send it again.")
    done, left = int(form["done"]) if form.get("done", "").isdecimal() else 0, 0
    until = time.monotonic() + PATIENCE
    last: str | None = after
    while last is not None and time.monotonic() < until:
        batch = await replay_destination(operation.gateway.store, operation.caller, operation.context, id_, since, last)
        done, left, last = done + batch.replayed, batch.remaining, batch.last
    request.state.audited = True
    told = {"done": done, "left": left, "to": id_, "after": last or "", "since": form.get("since", "")}
    return go(here(f"/app/deliveries?{urlencode(told)}"))


def _moment(text: str) -> datetime:
    """What a date-time field gives: UK time, without its zone."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UK).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest("Enter the day and time of the backup, such as 2 March 2026, 9:30am.") from None
