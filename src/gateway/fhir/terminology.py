"""CodeSystem, ConceptMap and ValueSet: the vocabularies and maps that this gateway translates by, to be read.

They are the gateway's own and belong to no organisation: whoever has the scope of the type may read them, nobody may
write them (R4 http.html#read, #search; 405 for the rest).
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, Issue, MethodNotAllowed, NotFound, quoted
from gateway.fhir.exchange import Exchange, open_exchange
from gateway.fhir.read import show_published
from gateway.fhir.search.door import read_form
from gateway.fhir.search.pages import next_link, open_page
from gateway.fhir.translate import translate
from gateway.messages import Answer
from gateway.search.query import SILENT, read_query
from gateway.search.subset import subset
from gateway.validation import dump
from mappings.terminology import published

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

TYPES = ("CodeSystem", "ConceptMap", "ValueSet")
SEARCHED = {"_id": "token", "name": "string", "status": "token", "url": "uri", "version": "token"}
SYSTEMS = {"status": "http://hl7.org/fhir/publication-status"}  # the others are no codes
RESULT = frozenset({"_count", "_elements", "_summary"})
DETAILS = frozenset({"compose", "concept", "description", "group"})  # of what is published, all else is in a summary
ROW = {  # as in gateway.search.table
    "kept": ["content", "status"],
    "choices": {"sourceCanonical": "source", "targetCanonical": "target"},
    "summary": {key for type_ in TYPES for one in published(type_).values() for key in one} - DETAILS,
}
WRITING = ("DELETE", "PATCH", "POST", "PUT")
READ_ONLY = "The vocabularies and maps here are this gateway's own: they can be read, not written."


def terminology_routes(base: str) -> list[tuple[str, Endpoint, str]]:
    """(path, endpoint, method), to stand before the addresses of all other types."""
    routes: list[tuple[str, Endpoint, str]] = [
        (f"{base}/ConceptMap{at}/$translate", translate, method) for at in ("", "/{id}") for method in ("GET", "POST")
    ]
    for type_ in TYPES:
        routes.append((f"{base}/{type_}/_search", _search(type_), "POST"))
        for path, endpoint in ((f"{base}/{type_}", _search(type_)), (f"{base}/{type_}/{{id}}", _read(type_))):
            routes += [(path, endpoint, "GET"), *((path, refuse, method) for method in WRITING)]
    return routes


async def refuse(_request: Request) -> Response:
    raise MethodNotAllowed(READ_ONLY, headers={"Allow": "GET, HEAD"})


def _read(type_: str) -> Endpoint:
    async def read_published(request: Request) -> Response:
        """200 with ETag; 304 when it is the version named in If-None-Match."""
        exchange = await open_exchange(request)
        exchange.require(f"system/{type_}.r")
        content = published(type_).get(request.path_params["id"])
        if content is None:
            raise NotFound(f"No {type_} here has this id. Search {type_} to see those there are.")
        request.state.target = f"{type_}/{content['id']}"
        return show_published(exchange, content, ROW)

    return read_published


def _search(type_: str) -> Endpoint:
    async def search_published(request: Request) -> Response:
        """A searchset of all that match: they are few."""
        exchange = await open_exchange(request)
        exchange.require(f"system/{type_}.s")
        given = [*request.query_params.multi_items(), *(await read_form(exchange) if request.method == "POST" else [])]
        later = open_page(exchange, type_, given)
        understood = _understood(exchange, later["given"] if later else given, type_)
        query = read_query(type_, [one for one in understood if one[0] in RESULT], "")
        wanted = [one for one in understood if one[0] not in RESULT]
        found = [one for one in published(type_).values() if all(_matches(one, *each) for each in wanted)]
        first = later["place"] if later else 0
        shown = urlencode([("_page", later["word"])] if later else understood)
        links = [{"relation": "self", "url": f"{exchange.base_url}/{type_}{'?' if shown else ''}{shown}"}]
        if 0 < query.count < len(found) - first:
            links.append(next_link(exchange, type_, {"given": understood, "place": first + query.count}))
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
        if page := found[first : first + query.count]:
            bundle["entry"] = [
                {
                    "fullUrl": f"{exchange.base_url}/{type_}/{one['id']}",
                    "resource": subset(one, query.summary, query.elements, ROW),
                    "search": {"mode": "match"},
                }
                for one in page
            ]
        return exchange.send(Answer(200, dump(bundle)))

    return search_published


def _understood(exchange: Exchange, given: list[tuple[str, str]], type_: str) -> list[tuple[str, str]]:
    """What is understood; handling=strict refuses the rest (R4 search.html#errors)."""
    known = {"name:exact", "name:contains", *SEARCHED, *RESULT}
    unknown = sorted({name for name, _ in given if name not in known | SILENT})
    if unknown and exchange.strict:
        texts = [f"The search parameter {quoted(name)} is not known for {type_}." for name in unknown]
        raise BadRequest(issues=[Issue("not-supported", text) for text in texts])
    return [(name, value) for name, value in given if name in known and value]


def _matches(content: Json, name: str, value: str) -> bool:
    """Whether one of the values, parted by commas, is what the element says (R4 search.html#string, #token, #uri)."""
    element, _, modifier = name.partition(":")
    said = content[element.removeprefix("_")]
    if SEARCHED[element] == "token":
        return any(_is_token(said, each, SYSTEMS.get(element, "")) for each in value.split(","))
    if element == "url" or modifier == "exact":
        return said in value.split(",")
    parts = [each.casefold() for each in value.split(",")]
    if modifier == "contains":
        return any(each in said.casefold() for each in parts)
    return any(said.casefold().startswith(each) for each in parts)


def _is_token(said: str, token: str, system: str) -> bool:
    """Whether code, system|code, |code or system| means what the element says."""
    named, _, code = token.rpartition("|")
    return named in ("", system) and (said == code or (named != "" and code == ""))
