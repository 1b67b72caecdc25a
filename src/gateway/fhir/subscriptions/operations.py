"""$status and $events: how a Subscription stands, and what its events were (OperationDefinitions
backport-subscription-status and -events)."""

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, Issue, NotFound, Rejected, quoted
from gateway.fhir.exchange import Exchange, open_exchange, read_body
from gateway.ids import instant, new_id, now
from gateway.messages import Answer
from gateway.search.query import SILENT
from gateway.store.events import events_between, number_events
from gateway.store.resources import read
from gateway.store.subscriptions import Kept, subscriptions
from gateway.validation import dump, parse
from mappings.subscription import LEVELS, Event, Subscriber, notification, status_of

Json = dict[str, Any]

MOST = 200  # events told in one answer; their numbers show whether there are more
LAST = 10**15 - 1  # a number that no Subscription reaches
STATUSES = ("requested", "active", "error", "off")
VALUES = {"id": "valueId", "status": "valueCode"} | {
    "eventsSinceNumber": "valueString",
    "eventsUntilNumber": "valueString",
    "content": "valueCode",
}


async def read_status(request: Request) -> Response:
    """GET and POST Subscription/[id]/$status: how this one stands; its parameters are ignored, as defined."""
    exchange, _ = await _open(request, ("id", "status"))
    return await _statuses(exchange, [request.path_params["id"]], None)


async def read_statuses(request: Request) -> Response:
    """GET and POST Subscription/$status: of these ids (all, without), of these statuses (any, without)."""
    exchange, given = await _open(request, ("id", "status"))
    ids = [value for name, text in given if name == "id" for value in text.split(",")]
    statuses = [value for name, text in given if name == "status" for value in text.split(",")]
    if unknown := set(statuses) - set(STATUSES):
        raise BadRequest(f"status is one of {', '.join(STATUSES)}; {len(unknown)} of those given are none.")
    return await _statuses(exchange, ids or None, statuses or None)


async def _statuses(exchange: Exchange, ids: list[str] | None, statuses: list[str] | None) -> Response:
    store, organisation = exchange.gateway.store, exchange.caller.organisation
    async with store.transaction() as connection:
        held = await subscriptions(connection, organisation, ids)
        if ids and "id" in exchange.request.path_params and not held:
            raise NotFound
        chosen = [one for one in held if statuses is None or one.status in statuses]
        told = [await _subscriber(connection, one) for one in chosen]
    entries = [_status_entry(exchange, one) for one in told]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "timestamp": instant(now())}
    return exchange.send(Answer(200, dump(bundle | ({"entry": entries} if entries else {}))))


def _status_entry(exchange: Exchange, about: Subscriber) -> Json:
    id_ = new_id()
    resource = status_of(exchange.base_url, about, "query-status", id_)
    return {"fullUrl": f"urn:uuid:{id_}", "resource": resource, "search": {"mode": "match"}}


async def read_events(request: Request) -> Response:
    """GET and POST Subscription/[id]/$events: those from eventsSinceNumber to eventsUntilNumber, both included, with
    as much `content` as asked, unless told as the Subscription has it; MOST in one answer."""
    exchange, given = await _open(request, ("eventsSinceNumber", "eventsUntilNumber", "content"))
    if len({name for name, _ in given}) < len(given):
        raise BadRequest("Each parameter of $events may stand once.")
    asked = dict(given)
    since, until = _number(asked, "eventsSinceNumber", 1), _number(asked, "eventsUntilNumber", LAST)
    if asked.get("content", LEVELS[0]) not in LEVELS:
        raise BadRequest(f"content is one of {', '.join(LEVELS)}.")
    async with exchange.gateway.store.transaction() as connection:
        held = await subscriptions(connection, exchange.caller.organisation, [request.path_params["id"]])
        if not held:
            raise NotFound
        level = asked.get("content") or held[0].options["level"]
        exchange.require(f"system/{held[0].options['type']}.r")
        about = await _subscriber(connection, held[0], level)
        found = await events_between(connection, held[0].id, since, until, MOST)
    events = [
        Event(one.number, instant(one.at), one.type, one.id, one.version, orjson.Fragment(one.content)) for one in found
    ]
    bundle = notification(exchange.base_url, about, "query-event", new_id(), instant(now()), events)
    return exchange.send(Answer(200, dump(bundle)))


async def _subscriber(connection: Any, one: Kept, level: str | None = None) -> Subscriber:
    """How it stands at this moment, with all that has happened counted."""
    events = await number_events(connection, one.id)
    error = None
    if one.status == "error":
        found = await read(connection, one.organisation, "Subscription", one.id)
        error = parse(found[2].encode()).get("error") if found else None
    return Subscriber(one.id, one.options["topic"], one.status, events, level or one.options["level"], error)


def _number(asked: dict[str, str], name: str, unless: int) -> int:
    text = asked.get(name, str(unless))
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequest(f"{name} must be the number of an event.")
    return int(text)


async def _open(request: Request, names: Iterable[str]) -> tuple[Exchange, list[tuple[str, str]]]:
    """The exchange, and the parameters in the address and in Parameters, as text. Raises BadRequest for any other."""
    exchange = await open_exchange(request)
    exchange.require("system/Subscription.r")
    given = [one for one in request.query_params.multi_items() if one[0] not in SILENT]
    if request.method == "POST" and (await request.body()).strip():
        _, sent = await read_body(exchange, f"POST /FHIR/R4/Subscription/{request.url.path.rpartition('/')[2]}")
        if sent["resourceType"] != "Parameters":
            raise Rejected(issues=[Issue("invalid", "Send Parameters, or nothing.", "resourceType")])
        given += [(part["name"], str(part.get(VALUES.get(part["name"], ""), ""))) for part in sent.get("parameter", [])]
    if unknown := sorted({name for name, _ in given} - set(names)):
        raise BadRequest(f"{quoted(unknown[0])} is no parameter of this operation: {', '.join(names)} are.")
    if any(not value for _, value in given):
        raise BadRequest(f"A parameter here needs its value: {', '.join(f'{one} as {VALUES[one]}' for one in names)}.")
    return exchange, given
