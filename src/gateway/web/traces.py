"""/app/trace: why a referral or a request did what it did, on one page; and finding it.

What is searched by comes in the body of a form and never stands in an address: it may be somebody's NHS number.
"""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import NotFound, Rejected
from gateway.operations.exchange import TRACE, UNMASK, WRITE, Operation
from gateway.prefix import here
from gateway.store.traces import Page
from gateway.tracing import (
    Found,
    Gathered,
    check_reason,
    find_identified,
    find_requests,
    find_trace,
    key_of,
    note_unmasking,
    place_in,
    tell,
)
from gateway.web.page import go, show
from gateway.web.session import admit_session, page, proof_of, read_our_form
from mappings.clinician import UK

SHOWN = 25  # requests on a page
NEWEST = 20  # delivered ones of a destination that are shown besides all that did not arrive
NOTHING = {"what": "", "since": "", "until": ""}

Json = dict[str, Any]


def add_trace_pages(app: FastAPI) -> None:
    app.add_route("/app/trace", show_newest, methods=["GET"])
    app.add_route("/app/trace", find, methods=["POST"])
    app.add_route("/app/trace/{key}", show_trace, methods=["GET"])
    app.add_route("/app/trace/{key}/unmask", show_unmasked, methods=["POST"])


@page
async def show_newest(request: Request) -> Response:
    operation = admit_session(request, TRACE)
    found = await find_requests(operation.gateway.store, Page(limit=SHOWN + 1))
    return _search_page(request, "What came in last", found)


@page
async def find(request: Request) -> Response:
    """A key leads to its trace; anything else is an identifier, and without one it is a time."""
    operation = admit_session(request, TRACE)
    form = await read_our_form(request)
    store, asked = operation.gateway.store, {name: form.get(name, "")[:300] for name in NOTHING}
    if what := asked["what"].strip():
        if key := key_of(what):
            if await find_trace(store, what) is None:
                return _search_page(request, "Nothing found", Found([]), asked)
            return go(here(f"/app/trace/{key if key.startswith('SP-') else what}"))
        found = await find_identified(store, what)
        return _search_page(request, f"Referrals of this identifier: {len(found.traces)}", found, asked)
    moments: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        try:
            moments[name] = _moment(asked[name]) if asked[name] else None
        except ValueError:
            problem = "Enter a day and time, such as 2 March 2026, 9:30am"
            return _search_page(request, "Nothing found", Found([]), asked, problem, name)
    after = place_in(form.get("cursor", "")[:64])
    found = await find_requests(store, Page(moments["since"], moments["until"], after, SHOWN + 1))
    return _search_page(request, "Requests of this time" if any(moments.values()) else "What came in", found, asked)


@page
async def show_trace(request: Request) -> Response:
    operation = admit_session(request, TRACE)
    key, gathered = await _gather(request, operation)
    return _trace_page(request, operation, tell(gathered, key, masked=True))


@page
async def show_unmasked(request: Request) -> Response:
    """With nothing hidden, this once; the reason is in the audit before anything is shown."""
    admit_session(request, TRACE)
    operation = admit_session(request, UNMASK)
    form = await read_our_form(request)
    key, gathered = await _gather(request, operation)
    try:
        reason = check_reason(form.get("reason", ""))
    except Rejected:
        problem = "Say in 10 to 200 characters, in plain words, why you must see it"
        shown = tell(gathered, key, masked=True)
        return _trace_page(request, operation, shown, 422, problem=problem, reason=form.get("reason", "")[:200])
    await note_unmasking(operation.gateway.store, operation.caller, operation.context, gathered, key, reason)
    request.state.audited = True
    return _trace_page(request, operation, tell(gathered, key, masked=False), reason=reason)


async def _gather(request: Request, operation: Operation) -> tuple[str, Gathered]:
    """The name of the trace, and what is kept. Raises NotFound."""
    given = request.path_params["key"]
    gathered = await find_trace(operation.gateway.store, given)
    if gathered is None:
        raise NotFound("There is no trace of this name. Go back and search for it by what you know of it.")
    return gathered.row.reference if gathered.row else given, gathered


def _search_page(
    request: Request, heading: str, found: Found, asked: Json | None = None, problem: str = "", wrong: str = ""
) -> Response:
    return show(
        "traces.html",
        422 if problem else 200,
        heading=heading,
        found=found,
        asked=asked or NOTHING,
        problem=problem,
        wrong=wrong,
        proof=proof_of(request),
    )


def _trace_page(
    request: Request, operation: Operation, trace: Json, status: int = 200, *, problem: str = "", reason: str = ""
) -> Response:
    return show(
        "trace.html",
        status,
        trace=trace,
        told=_by_destination(trace["deliveries"]),
        proof=proof_of(request),
        may_send=operation.caller.allows(WRITE),
        may_unmask=operation.caller.allows(UNMASK),
        sent="sent" in request.query_params,
        problem=problem,
        reason=reason,
    )


def _by_destination(deliveries: list[Json]) -> list[Json]:
    """Of each destination all that did not arrive, and the newest that did; the newest first."""
    by_place: dict[str, list[Json]] = defaultdict(list)
    for one in sorted(deliveries, key=lambda one: -one["number"]):
        by_place[one["destination"]].append(one)
    told = []
    for place, theirs in sorted(by_place.items()):
        arrived = [one for one in theirs if one["state"] == "delivered"]
        old = {one["id"] for one in arrived[NEWEST:]}
        told.append(
            {
                "destination": place,
                "kind": theirs[0]["kind"],
                "owner": theirs[0]["owner"],
                "total": len(theirs),
                "delivered": len(arrived),
                "left_out": len(old),
                "shown": [one for one in theirs if one["id"] not in old],
            }
        )
    return told


def _moment(text: str) -> datetime:
    """What a date-time field gives: UK time, without its zone. Raises ValueError."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UK).astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None
