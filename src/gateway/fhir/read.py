"""GET [base]/[type]/[id] and its versions (R4 http.html#read, #vread, #history)."""

import re
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import NotFound
from gateway.fhir.arrivals import KEPT
from gateway.fhir.exchange import Exchange, open_exchange
from gateway.ids import instant
from gateway.messages import Answer
from gateway.store.resources import Resource, history, read
from gateway.validation import dump, parse

Json = dict[str, Any]

ID = re.compile(r"^[A-Za-z0-9\-.]{1,64}$")


async def open_resource(request: Request, permission: str) -> tuple[Exchange, str]:
    """Raises NotFound for a type that is not stored here."""
    exchange = await open_exchange(request)
    type_ = request.path_params["type"]
    if type_ not in KEPT:
        raise NotFound(f"{type_[:40]} is not a resource type that this gateway stores. See metadata.")
    exchange.require(f"system/{type_}.{permission}")
    return exchange, type_


async def read_resource(request: Request) -> Response:
    """The current version; 304 when it is the one named in If-None-Match."""
    return await _version(request, None)


async def read_version(request: Request) -> Response:
    version = request.path_params["version"]
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
    return await _version(request, number)


async def _version(request: Request, version: int | None) -> Response:
    exchange, type_ = await open_resource(request, "r")
    id_ = request.path_params["id"]
    if not ID.match(id_):
        raise NotFound
    async with exchange.gateway.store.reading() as connection:
        found = await read(connection, exchange.caller.organisation, type_, id_, version)
    if found is None:
        raise NotFound  # the same whether it does not exist or is another organisation's
    kept = Resource(type_, id_, found[0], found[1], {})
    headers = {"ETag": kept.etag, "Last-Modified": format_datetime(kept.updated_at, usegmt=True)}
    if version is None and request.headers.get("if-none-match") == kept.etag:
        return Response(status_code=304, headers=headers)
    return exchange.send(Answer(200, found[2].encode(), headers))


async def read_history(request: Request) -> Response:
    """All versions, newest first."""
    exchange, type_ = await open_resource(request, "r")
    id_ = request.path_params["id"]
    async with exchange.gateway.store.reading() as connection:
        versions = await history(connection, exchange.caller.organisation, type_, id_)
    if not versions:
        raise NotFound
    entries = [_history_entry(exchange, Resource(type_, id_, *one[:2], parse(one[2].encode()))) for one in versions]
    address = f"{exchange.base_url}/{type_}/{id_}/_history"
    bundle = {
        "resourceType": "Bundle",
        "type": "history",
        "total": len(entries),
        "link": [{"relation": "self", "url": address}],
        "entry": entries,
    }
    return exchange.send(Answer(200, dump(bundle)))


def _history_entry(exchange: Exchange, kept: Resource) -> Json:
    first = kept.version == 1
    return {
        "fullUrl": f"{exchange.base_url}/{kept.reference}",
        "resource": kept.content,
        "request": {"method": "POST", "url": kept.type} if first else {"method": "PUT", "url": kept.reference},
        "response": {
            "status": "201 Created" if first else "200 OK",
            "etag": kept.etag,
            "lastModified": instant(kept.updated_at),
        },
    }
