"""The social-prescribing door, `/platform/v1`: link workers' systems read referrals and tell what happened to them."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from gateway.changes import (
    CancellationAnswered,
    Change,
    ContactMade,
    MeasureTaken,
    Moment,
    Move,
    OfPrescription,
    PrescriptionIssued,
    PrescriptionMove,
    SessionHeld,
)
from gateway.messages import Answer, Received
from gateway.platform.exchange import ID, Bearer, Exchange, ToRead, ToReadDeliveries, ToWrite
from gateway.platform.models import Deliveries, Events, ReferralPage, ReferralStatus, ReferralView, Trace
from gateway.platform.view import (
    cursor_after,
    read_cursor,
    show_delivery,
    show_event,
    show_referral,
    show_summary,
    show_trace,
)
from gateway.record import ACTORS, record
from gateway.store import referrals
from gateway.store.referrals import Stored
from gateway.telemetry import template

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {
            "application/fhir+json": {"schema": {"type": "object", "description": "OperationOutcome (FHIR R4)"}}
        },
    }
    for status, text in {
        400: "It cannot be read.",
        401: "No valid token.",
        403: "The token lacks the scope.",
        404: "There is nothing of this name that you may see.",
        422: "It breaks a rule; the text says what is allowed now.",
    }.items()
}
WRITE_REFUSALS = REFUSALS | {
    409: REFUSALS[404] | {"description": "The X-Request-Id was used before, for something else."},
}
CHANGE_REFUSALS = WRITE_REFUSALS | {
    412: REFUSALS[404] | {"description": "The referral has changed since the version in If-Match."},
}

router = APIRouter(prefix="/platform/v1", tags=["referrals"], dependencies=[Bearer])


@router.get("/referrals", response_model=ReferralPage, responses=REFUSALS)
async def list_referrals(
    exchange: ToRead,
    status: Annotated[ReferralStatus | None, Query(description="Only those that stand so.")] = None,
    hub: Annotated[str | None, Query(description="The id of one of your hubs: only its referrals.")] = None,
    person: Annotated[
        str | None, Query(description="A `person_id`, joined since or not: only theirs.", pattern=ID.pattern)
    ] = None,
    updated_since: Annotated[
        Moment | None, Query(description="Only those changed at this time or later; with a time zone.")
    ] = None,
    cursor: Annotated[
        str | None, Query(description="The `next_cursor` of the page before; the filters as before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Referrals on a page.")] = 50,
) -> Response:
    """Lists the referrals of your hubs, those longest without a change first."""
    hubs = exchange.caller.hubs if hub is None else exchange.caller.hubs & {hub}
    async with exchange.gateway.store.reading() as connection:
        rows = await referrals.list_at_hubs(
            connection,
            hubs,
            status=status,
            person_id=person,
            updated_since=updated_since,
            after=read_cursor(cursor) if cursor else None,
            limit=limit + 1,
        )
    more = len(rows) > limit
    page = rows[:limit]
    return _json(
        {"referrals": [show_summary(row) for row in page], "next_cursor": cursor_after(page[-1]) if more else None}
    )


@router.get("/referrals/{referral_id}", response_model=ReferralView, responses=REFUSALS)
async def read_referral(exchange: ToRead, referral_id: str) -> Response:
    """Reads a whole referral, with the moves that you may make now. Its ETag goes into If-Match of a change."""
    stored = await exchange.stored(referral_id)
    return _json(show_referral(stored, ACTORS[exchange.caller.role]), _headers(stored))


@router.get("/referrals/{referral_id}/events", response_model=Events, responses=REFUSALS)
async def list_events(exchange: ToRead, referral_id: str) -> Response:
    """Reads the journal: each change, who made it and which version it made."""
    organisation = await exchange.sender(referral_id)
    async with exchange.gateway.store.reading() as connection:
        rows = await referrals.events(connection, organisation, referral_id)
    return _json({"events": [show_event(row) for row in rows]})


@router.get("/referrals/{referral_id}/deliveries", response_model=Deliveries, responses=REFUSALS)
async def list_deliveries(exchange: ToReadDeliveries, referral_id: str) -> Response:
    """Shows for each event which destination has heard of it, with each attempt."""
    organisation = await exchange.sender(referral_id)
    async with exchange.gateway.store.reading() as connection:
        rows = await referrals.deliveries(connection, organisation, referral_id)
    return _json({"deliveries": [show_delivery(row, attempts) for row, attempts in rows]})


@router.get("/referrals/{referral_id}/trace", response_model=Trace, responses=REFUSALS)
async def read_trace(exchange: ToRead, referral_id: str) -> Response:
    """Says why: for each field of the referral the element received and the row of the map; and each unknown code."""
    stored = await exchange.stored(referral_id)
    return _json(show_trace(stored, exchange.gateway.settings.dialects_folder))


@router.post("/referrals/{referral_id}/transitions", response_model=ReferralView, responses=CHANGE_REFUSALS)
async def move_referral(exchange: ToWrite, referral_id: str, change: Move) -> Response:
    """Takes the referral to another status."""
    return await _record(exchange, referral_id, change, 200)


@router.post(
    "/referrals/{referral_id}/contacts", status_code=201, response_model=ReferralView, responses=CHANGE_REFUSALS
)
async def record_contact(exchange: ToWrite, referral_id: str, change: ContactMade) -> Response:
    """Records an attempt to reach the person, or a conversation."""
    return await _record(exchange, referral_id, change, 201)


@router.post(
    "/referrals/{referral_id}/prescriptions", status_code=201, response_model=ReferralView, responses=CHANGE_REFUSALS
)
async def issue_prescription(exchange: ToWrite, referral_id: str, change: PrescriptionIssued) -> Response:
    """Issues a social prescription."""
    return await _record(exchange, referral_id, change, 201)


@router.post(
    "/referrals/{referral_id}/prescriptions/{prescription_id}/transitions",
    response_model=ReferralView,
    responses=CHANGE_REFUSALS,
)
async def move_prescription(
    exchange: ToWrite, referral_id: str, prescription_id: str, change: PrescriptionMove
) -> Response:
    """Takes a prescription to another status."""
    return await _record(exchange, referral_id, OfPrescription(prescription_id, change), 200)


@router.post(
    "/referrals/{referral_id}/prescriptions/{prescription_id}/sessions",
    status_code=201,
    response_model=ReferralView,
    responses=CHANGE_REFUSALS,
)
async def record_session(exchange: ToWrite, referral_id: str, prescription_id: str, change: SessionHeld) -> Response:
    """Records a session, attended or not."""
    return await _record(exchange, referral_id, OfPrescription(prescription_id, change), 201)


@router.post(
    "/referrals/{referral_id}/measures", status_code=201, response_model=ReferralView, responses=CHANGE_REFUSALS
)
async def record_measure(exchange: ToWrite, referral_id: str, change: MeasureTaken) -> Response:
    """Records the answers to an outcome measure, and scores them."""
    return await _record(exchange, referral_id, change, 201)


@router.post("/referrals/{referral_id}/cancellation", response_model=ReferralView, responses=CHANGE_REFUSALS)
async def answer_cancellation(exchange: ToWrite, referral_id: str, change: CancellationAnswered) -> Response:
    """Answers a referrer who asks to cancel after work began: agreed ends the referral, declined goes on."""
    return await _record(exchange, referral_id, change, 200)


async def _record(exchange: Exchange, referral_id: str, change: Change, status: int) -> Response:
    request = exchange.request
    organisation = await exchange.sender(referral_id)
    body = await request.body()

    def answer(stored: Stored) -> Answer:
        shown = show_referral(stored, ACTORS[exchange.caller.role])
        return Answer(status, orjson.dumps(shown), _headers(stored), target=f"Task/{referral_id}")

    given = await record(
        exchange.gateway.store,
        exchange.caller,
        exchange.context,
        organisation,
        referral_id,
        change,
        Received(f"{request.method} {template(request.scope)}", request.url.path, body),
        answer,
        exchange.expected,
    )
    request.state.audited = given.audited
    return Response(given.body, given.status, given.headers, "application/json")


def _headers(stored: Stored) -> dict[str, str]:
    return {"ETag": f'W/"{stored.standing.version}"'}


def _json(shown: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(shown), headers=headers, media_type="application/json")
