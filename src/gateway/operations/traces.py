"""`/platform/v1/traces`: operators find out why a referral or a request did what it did.

Not for EPRs and platforms: a trace shows what other systems sent and answered. Each has its own side of it elsewhere,
in its OperationOutcomes, its Task, and /platform/v1/referrals/{id}/trace.
"""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from gateway.changes import Moment
from gateway.errors import BadRequest, NotFound
from gateway.operations.exchange import Operation, ToTrace, ToUnmask
from gateway.operations.trace_models import Identified, TracePage, Unmasking, WholeTrace
from gateway.platform.exchange import Bearer
from gateway.platform.routes import REFUSALS
from gateway.store.traces import Page
from gateway.tracing import (
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

LISTED: dict[int | str, dict[str, Any]] = {status: REFUSALS[status] for status in (400, 401, 403, 422)}
NAMED = LISTED | {404: REFUSALS[404]}
NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(prefix="/platform/v1", tags=["operations"], dependencies=[Bearer])


@router.get("/traces", response_model=TracePage, responses=LISTED)
async def find_traces(
    exchange: ToTrace,
    since: Annotated[Moment | None, Query(description="From this time on; with a time zone.")] = None,
    until: Annotated[Moment | None, Query(description="Up to this time; with a time zone.")] = None,
    cursor: Annotated[str | None, Query(description="The `next_cursor` of the page before.", max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Requests on a page.")] = 50,
) -> Response:
    """Lists requests that were to change something, taken or refused, the newest first."""
    after = place_in(cursor) if cursor else None
    if cursor and after is None:
        raise BadRequest("`cursor` must be the next_cursor of the page before.", expression="cursor")
    found = await find_requests(exchange.gateway.store, Page(since, until, after, limit + 1))
    return _json({"traces": found.traces, "next_cursor": found.cursor})


@router.post("/traces/_search", response_model=TracePage, responses=LISTED)
async def find_traces_identified(exchange: ToTrace, asked: Identified) -> Response:
    """Finds the referrals of an identifier: of the person, or of the referral itself. In the body, because what stands
    in an address stands in logs."""
    exchange.request.state.target = "identifier"
    found = await find_identified(exchange.gateway.store, asked.identifier)
    return _json({"traces": found.traces, "next_cursor": None})


@router.get("/traces/{key}", response_model=WholeTrace, responses=NAMED)
async def read_trace_of(exchange: ToTrace, key: str) -> Response:
    """Reads one trace by a referral's reference or id, a delivery's id or a correlation id. People's data is masked."""
    gathered = await _gather(exchange, key)
    return _json(tell(gathered, _name(gathered, key), masked=True))


@router.post("/traces/{key}/unmask", response_model=WholeTrace, responses=NAMED)
async def unmask_trace(exchange: ToUnmask, key: str, asked: Unmasking) -> Response:
    """Reads one trace with nothing hidden, this once. The reason is written into the audit before anything is shown."""
    reason = check_reason(asked.reason)
    gathered = await _gather(exchange, key)
    name = _name(gathered, key)
    await note_unmasking(exchange.gateway.store, exchange.caller, exchange.context, gathered, name, reason)
    exchange.request.state.audited = True
    return _json(tell(gathered, name, masked=False))


async def _gather(exchange: Operation, key: str) -> Gathered:
    """Raises NotFound."""
    if key_of(key) is None:
        raise NotFound(
            "There is no trace of this name. Give a reference such as SP-4821-0937-5564, the id of a referral or of a "
            "delivery, or a correlation id. What else you know of it you can search by."
        )
    gathered = await find_trace(exchange.gateway.store, key)
    if gathered is None:
        raise NotFound("Nothing is kept under this name.")
    return gathered


def _name(gathered: Gathered, key: str) -> str:
    return gathered.row.reference if gathered.row else key.strip()


def _json(shown: dict[str, Any]) -> Response:
    return Response(orjson.dumps(shown), headers=NO_STORE, media_type="application/json")
