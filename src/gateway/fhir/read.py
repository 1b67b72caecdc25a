"""GET [base]/[type]/[id] and its versions (R4 http.html#read, #vread, #cread)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import NotFound, quoted
from gateway.fhir.answers import version_headers
from gateway.fhir.arrivals import ID, SERVED
from gateway.fhir.conditions import is_known, names_version
from gateway.fhir.exchange import Exchange, open_exchange
from gateway.messages import Answer
from gateway.search.query import read_query
from gateway.search.subset import subset
from gateway.store.resources import Resource, read
from gateway.validation import dump, parse
from mappings.terminology import published

Json = dict[str, Any]

SUBSETS = frozenset({"_elements", "_summary"})  # they ask for a part of it (R4 search.html#summary)


async def open_resource(request: Request, permission: str) -> tuple[Exchange, str]:
    """Raises NotFound for a type that is not stored here."""
    exchange = await open_exchange(request)
    type_ = request.path_params["type"]
    if type_ not in SERVED:
        raise NotFound(f"{quoted(type_)} is not a resource type that this gateway stores. See metadata.")
    exchange.require(f"system/{type_}.{permission}")
    return exchange, type_


async def read_resource(request: Request) -> Response:
    """The current version; 304 when the caller has it already."""
    return await _version(request, None)


async def read_version(request: Request) -> Response:
    version = request.path_params["version"]
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
    return await _version(request, number)


async def _version(request: Request, version: int | None) -> Response:
    exchange, type_ = await open_resource(request, "r")
    id_ = request.path_params["id"]
    if not ID.fullmatch(id_):
        raise NotFound
    if version is None and (own := published(type_).get(id_)):  # no id that the gateway gives is a word
        return show_published(exchange, own)
    before = None
    async with exchange.gateway.store.reading() as connection:
        found = await read(connection, exchange.caller.organisation, type_, id_, version)
        if found and "if-modified-since" in request.headers:
            before = await read(connection, exchange.caller.organisation, type_, id_, found[0] - 1)
    if found is None:
        raise NotFound  # the same whether it does not exist or is another organisation's
    kept = Resource(type_, id_, found[0], found[1], {})
    if is_known(exchange, kept, before[1] if before else None):
        return Response(status_code=304, headers=version_headers(kept))
    body = found[2].encode()
    if request.scope["query_string"]:
        query = read_query(type_, [one for one in request.query_params.multi_items() if one[0] in SUBSETS], "")
        body = dump(subset(parse(body), query.summary, query.elements))
    return exchange.send(Answer(200, body, version_headers(kept)))


def show_published(exchange: Exchange, content: Json, row: Json | None = None) -> Response:
    """A resource of the gateway's own, which all may read: 200 with ETag, or 304. `row` is as in `subset`."""
    version = content["meta"]["versionId"]
    headers = {"ETag": f'W/"{version}"'}
    if names_version(exchange.request.headers.get("if-none-match", ""), version):
        return Response(status_code=304, headers=headers)
    asked = [one for one in exchange.request.query_params.multi_items() if one[0] in SUBSETS]
    query = read_query(content["resourceType"], asked, "")
    return exchange.send(Answer(200, dump(subset(content, query.summary, query.elements, row)), headers))
