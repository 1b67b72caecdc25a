"""The addresses of searching: [type], [type]/_search, Patient/[id]/[type] and its _search (R4 http.html#search)."""

import re
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, NotAcceptable, NotFound, UnsupportedMediaType
from gateway.fhir.exchange import Exchange
from gateway.fhir.read import open_resource
from gateway.fhir.search.searchset import searchset
from gateway.messages import Answer
from gateway.search import belongs_by
from gateway.search.query import Given
from gateway.store.resources import read
from gateway.validation import dump

FORM = "application/x-www-form-urlencoded"
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
MOST_PARAMETERS = 200


async def search(request: Request) -> Response:
    """GET [type]?..."""
    return await _search(request, in_body=False)


async def search_by_post(request: Request) -> Response:
    """POST [type]/_search: parameters in the body, and in the address."""
    return await _search(request, in_body=True)


async def search_patient(request: Request) -> Response:
    """GET Patient/[id]/[type]?...: what is about this patient (R4 compartments)."""
    return await _search(request, in_body=False)


async def search_patient_by_post(request: Request) -> Response:
    """POST Patient/[id]/[type]/_search."""
    return await _search(request, in_body=True)


async def _search(request: Request, in_body: bool) -> Response:
    exchange, type_ = await open_resource(request, "s")
    patient_id = request.path_params.get("id")
    if patient_id is not None:
        await check_patient(exchange, patient_id)
        if not belongs_by(type_):
            raise NotFound(f"No {type_} belongs to a patient (R4 compartmentdefinition): search {type_} itself.")
    given = request.query_params.multi_items()
    if in_body:
        given += await read_form(exchange)
    if len(given) > MOST_PARAMETERS:
        raise BadRequest(f"A search has {MOST_PARAMETERS} parameters at most.")
    return exchange.send(Answer(200, dump(await searchset(exchange, type_, given, patient_id))))


async def check_patient(exchange: Exchange, patient_id: str) -> None:
    """Raises NotFound unless it is a Patient of this organisation."""
    async with exchange.gateway.store.reading() as connection:
        if await read(connection, exchange.caller.organisation, "Patient", patient_id) is None:
            raise NotFound


async def read_form(exchange: Exchange) -> Given:
    """The parameters in the body. Raises UnsupportedMediaType, BadRequest, NotAcceptable for another `_format`."""
    media_type = exchange.request.headers.get("content-type", "").lower().partition(";")[0].strip()
    if media_type != FORM:
        raise UnsupportedMediaType(f"Send the parameters of a search as {FORM}.")
    body = await exchange.request.body()
    try:
        given = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise BadRequest("The body is no form: name=value, joined by &, in UTF-8 and percent-encoded.") from None
    if any(CONTROLS.search(name + value) for name, value in given):
        raise BadRequest("A search parameter holds control characters, which nothing here is called by.")
    if any(name == "_format" and "json" not in value for name, value in given):
        raise NotAcceptable
    return given
