"""GET [base]/[type]/[id]/_history and [type]/_history: versions, newest first (R4 http.html#history)."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, Issue, NotFound, quoted
from gateway.fhir.answers import version_address
from gateway.fhir.arrivals import ID
from gateway.fhir.exchange import Exchange
from gateway.fhir.read import open_resource
from gateway.fhir.search.pages import next_link, open_page
from gateway.ids import instant
from gateway.messages import Answer
from gateway.search.dates import Span, span_of
from gateway.search.query import MOST, PAGE, SILENT
from gateway.store.history import Chosen, Cursor, count_versions, versions
from gateway.store.polls import close_past
from gateway.store.resources import Resource, read
from gateway.validation import dump, parse

Json = dict[str, Any]

KNOWN = frozenset({"_at", "_count", "_since"})


async def read_history(request: Request) -> Response:
    """The versions of one resource, with how many there are. 404 when it is not here."""
    exchange, type_ = await open_resource(request, "r")
    id_ = request.path_params["id"]
    if not ID.fullmatch(id_):
        raise NotFound
    async with exchange.gateway.store.reading() as connection:
        if await read(connection, exchange.caller.organisation, type_, id_) is None:
            raise NotFound
    return await _history(exchange, type_, id_)


async def read_type_history(request: Request) -> Response:
    """The versions of all resources of the type. Their number is not told: it would cost a look at each of them."""
    exchange, type_ = await open_resource(request, "s")
    return await _history(exchange, type_, None)


async def _history(exchange: Exchange, type_: str, id_: str | None) -> Response:
    """A page of what _since and _at leave (all of it, without them), and the link to the next."""
    where = f"{type_}/{id_}/_history" if id_ else f"{type_}/_history"
    given = exchange.request.query_params.multi_items()
    later = open_page(exchange, where, given)
    given = later["given"] if later else given
    unknown = sorted({name for name, _ in given} - KNOWN - SILENT)
    if unknown and exchange.strict:
        texts = [f"{quoted(name)} is no parameter of _history: {', '.join(sorted(KNOWN))} are." for name in unknown]
        raise BadRequest(issues=[Issue("not-supported", text) for text in texts])
    asked = [one for one in given if one[0] in KNOWN]
    chosen, count = _read(exchange, type_, id_, dict(asked))
    bundle: Json = {"resourceType": "Bundle", "type": "history"}
    if not id_ and not later:  # further pages are older
        until = await close_past(exchange.gateway.store, exchange.caller.organisation, type_)
        chosen = replace(chosen, until=until)
        bundle["meta"] = {"lastUpdated": instant(until)}
    async with exchange.gateway.store.reading() as connection:
        rows = await versions(connection, chosen, _place(later), count + 1)
        if id_:
            bundle["total"] = await count_versions(connection, chosen)
    found = [
        Resource(type_, row.id, row.version, row.updated_at, parse(row.content.encode()), row.method) for row in rows
    ]
    shown = urlencode([("_page", later["word"])] if later else asked)
    bundle["link"] = [{"relation": "self", "url": f"{exchange.base_url}/{where}{'?' if shown else ''}{shown}"}]
    if len(found) > count > 0:
        last = found[count - 1]
        place = [instant(last.updated_at), last.id, last.version]
        bundle["link"].append(next_link(exchange, where, {"given": asked, "place": place}))
    if found[:count]:
        bundle["entry"] = [_entry(exchange, one) for one in found[:count]]
    return exchange.send(Answer(200, dump(bundle)))


def _read(exchange: Exchange, type_: str, id_: str | None, values: dict[str, str]) -> tuple[Chosen, int]:
    """What is asked for, and how many at once. Raises BadRequest for a date or a number that is none."""
    count = values.get("_count", str(PAGE))
    if not (count.isascii() and count.isdigit()):
        raise BadRequest("_count must be a whole number.")
    since, at = _span(values, "_since"), _span(values, "_at")
    chosen = Chosen(exchange.caller.organisation, type_, id_, since[0] if since else None, at=at)
    return chosen, min(int(count[:9]), MOST)


def _span(values: dict[str, str], name: str) -> Span | None:
    if name not in values:
        return None
    span = span_of(values[name].replace(" ", "+"))  # a bare + in an address means a space
    if span is None:
        raise BadRequest(f"{name} takes an instant such as 2026-01-31T09:30:00Z, or a date.")
    return span


def _place(later: Json | None) -> Cursor | None:
    if later is None:
        return None
    moment, id_, version = later["place"]
    return datetime.fromisoformat(moment), id_, version


def _entry(exchange: Exchange, kept: Resource) -> Json:
    return {
        "fullUrl": f"{exchange.base_url}/{kept.reference}",
        "resource": kept.content,
        "request": {"method": kept.method, "url": kept.type if kept.method == "POST" else kept.reference},
        "response": {
            "status": "201 Created" if kept.version == 1 else "200 OK",
            "location": version_address(exchange, kept),
            "etag": kept.etag,
            "lastModified": instant(kept.updated_at),
        },
    }
