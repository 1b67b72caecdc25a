"""`/platform/v1/deliveries` and `/platform/v1/destinations`: operators see what did not arrive, and send it again."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from gateway.errors import BadRequest, NotFound
from gateway.operations.exchange import Operation, ToOperate, ToWatch
from gateway.operations.models import (
    DeliveryPage,
    DeliveryState,
    Destinations,
    Moved,
    Replayed,
    ReplaySince,
    Transition,
    WatchedDelivery,
)
from gateway.operations.view import show_delivery
from gateway.platform.exchange import ID, Bearer
from gateway.platform.routes import REFUSALS
from gateway.replay import move_destination, replay_delivery, replay_destination, replay_referral
from gateway.status import show_heartbeat
from gateway.store.heartbeats import heartbeats
from gateway.store.listing import attempts_of, find_referral, list_deliveries, read_delivery

LISTED: dict[int | str, dict[str, Any]] = {status: REFUSALS[status] for status in (400, 401, 403, 422)}
NAMED = LISTED | {404: REFUSALS[404]}

router = APIRouter(prefix="/platform/v1", tags=["operations"], dependencies=[Bearer])


@router.get("/deliveries", response_model=DeliveryPage, responses=LISTED)
async def watch_deliveries(
    exchange: ToWatch,
    state: Annotated[DeliveryState | None, Query(description="Only those that stand so.")] = None,
    destination: Annotated[str | None, Query(description="Only those to this destination.", max_length=64)] = None,
    referral: Annotated[str | None, Query(description="Only of this referral: reference or id.", max_length=36)] = None,
    cursor: Annotated[str | None, Query(description="The `next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Deliveries on a page.")] = 50,
) -> Response:
    """Lists deliveries to all destinations, without what they say of a person."""
    after = _read_cursor(cursor) if cursor else None
    async with exchange.gateway.store.reading() as connection:
        of_referral = await find_referral(connection, referral) if referral else None
        found = (
            []
            if referral and of_referral is None
            else await list_deliveries(
                connection,
                states=[state] if state else [],
                destination_id=destination,
                of_referral=of_referral,
                after=after,
                limit=limit + 1,
            )
        )
    page = found[:limit]
    more = f"{page[-1].organisation}~{page[-1].id}" if len(found) > limit else None
    return _json({"deliveries": [show_delivery(one) for one in page], "next_cursor": more})


@router.get("/deliveries/{delivery_id}", response_model=WatchedDelivery, responses=NAMED)
async def watch_delivery(exchange: ToWatch, delivery_id: str) -> Response:
    """Reads one delivery with each attempt: how far it got, and what was answered."""
    return _json(await _shown(exchange, delivery_id))


@router.post("/deliveries/{delivery_id}/replay", response_model=WatchedDelivery, responses=NAMED)
async def send_delivery_again(exchange: ToOperate, delivery_id: str) -> Response:
    """Makes one delivery due now, with its retries starting anew. It keeps its `webhook-id`."""
    if not ID.fullmatch(delivery_id):
        raise NotFound("There is no delivery of this id.")
    await replay_delivery(exchange.gateway.store, exchange.caller, exchange.context, delivery_id)
    exchange.request.state.audited = True
    return _json(await _shown(exchange, delivery_id))


@router.post("/referrals/{referral_id}/replay", response_model=Replayed, responses=NAMED)
async def send_referral_again(exchange: ToOperate, referral_id: str) -> Response:
    """Makes due now what is undelivered of a referral, named by its reference or id."""
    count = await replay_referral(exchange.gateway.store, exchange.caller, exchange.context, referral_id[:64])
    exchange.request.state.audited = True
    return _json({"replayed": count, "remaining": 0, "last": None})


@router.get("/destinations", response_model=Destinations, responses=LISTED)
async def watch_destinations(exchange: ToWatch) -> Response:
    """Says how each destination is doing."""
    late = exchange.gateway.settings.late_seconds
    beats = await heartbeats(exchange.gateway.store)
    return _json({"destinations": [show_heartbeat(one, late) for one in beats]})


@router.post("/destinations/{destination_id}/transitions", response_model=Moved, responses=NAMED)
async def take_destination(exchange: ToOperate, destination_id: str, change: Transition) -> Response:
    """Pauses a destination, gives it up, retires it for good, or resumes it. What it misses meanwhile is kept for it,
    unless it is retired."""
    store, caller, context = exchange.gateway.store, exchange.caller, exchange.context
    state = await move_destination(store, caller, context, destination_id, change.to, change.reason)
    exchange.request.state.audited = True
    return _json({"id": destination_id, "state": state})


@router.post("/destinations/{destination_id}/replay", response_model=Replayed, responses=NAMED)
async def send_destination_again(exchange: ToOperate, destination_id: str, asked: ReplaySince) -> Response:
    """Sends a destination again what it lacks, of some hundred referrals at a time. Each keeps its `webhook-id`."""
    store, caller, context = exchange.gateway.store, exchange.caller, exchange.context
    batch = await replay_destination(store, caller, context, destination_id, asked.since, asked.after)
    exchange.request.state.audited = True
    return _json({"replayed": batch.replayed, "remaining": batch.remaining, "last": batch.last})


async def _shown(exchange: Operation, delivery_id: str) -> dict[str, Any]:
    if not ID.fullmatch(delivery_id):
        raise NotFound("There is no delivery of this id.")
    async with exchange.gateway.store.reading() as connection:
        found = await read_delivery(connection, delivery_id)
        if found is None:
            raise NotFound("There is no delivery of this id.")
        attempts = await attempts_of(connection, [found])
    return show_delivery(found, attempts[delivery_id])


def _read_cursor(cursor: str) -> tuple[str, str]:
    sender, _, id_ = cursor.partition("~")
    if not (sender.isalnum() and sender.isascii() and ID.fullmatch(id_)):
        raise BadRequest("`cursor` must be the next_cursor of the page before.", expression="cursor")
    return sender, id_


def _json(shown: dict[str, Any]) -> Response:
    return Response(orjson.dumps(shown), media_type="application/json")
