"""GET [base]/[type]?...: Task by the state of its referral, any type by id or identifier (R4 search.html)."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, Issue
from gateway.fhir.exchange import Exchange
from gateway.fhir.read import open_resource
from gateway.ids import instant
from gateway.messages import Answer
from gateway.store import search as store
from gateway.validation import dump, parse

Json = dict[str, Any]
PAGE = 50
MOST = 200


async def search(request: Request) -> Response:
    """A searchset, oldest change first."""
    exchange, type_ = await open_resource(request, "s")
    parameters = _parameters(exchange, type_)
    count = _count(request.query_params.get("_count"))
    if not parameters and type_ != "Task":
        raise BadRequest(f"Search {type_} by _id or identifier.")
    after = request.query_params.get("_after")
    cursor = _read_cursor(after) if after else None
    async with exchange.gateway.store.reading() as connection:
        rows = await store.search(connection, exchange.caller.organisation, type_, parameters, cursor, count + 1)
    links = [_link(exchange, "self", type_, [*parameters, ("_count", str(count))])]
    if len(rows) > count > 0:
        last = _cursor(rows[count - 1].updated_at, rows[count - 1].id)
        links.append(_link(exchange, "next", type_, [*parameters, ("_count", str(count)), ("_after", last)]))
    entries = [
        {
            "fullUrl": f"{exchange.base_url}/{type_}/{row.id}",
            "resource": parse(row.content.encode()),
            "search": {"mode": "match"},
        }
        for row in rows[:count]
    ]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if entries:
        bundle["entry"] = entries
    return exchange.send(Answer(200, dump(bundle)))


def _parameters(exchange: Exchange, type_: str) -> list[tuple[str, str]]:
    """What is understood. The rest is left out, and so is absent from the self link; handling=strict refuses it."""
    known = store.parameters_of(type_)
    given = exchange.request.query_params.multi_items()
    unknown = sorted({name for name, _ in given if name not in known and name not in {"_count", "_after", "_format"}})
    if unknown and exchange.strict:
        issues = [
            Issue("not-supported", f"The search parameter {name[:60]} is not known for {type_}.") for name in unknown
        ]
        raise BadRequest(issues=issues)
    return [(name, value) for name, value in given if name in known]


def _count(value: str | None) -> int:
    if value is None:
        return PAGE
    if not (value.isascii() and value.isdigit()):
        raise BadRequest("_count must be a whole number.")
    return min(int(value[:9]), MOST)


def _cursor(updated_at: datetime, id_: str) -> str:
    return base64.urlsafe_b64encode(f"{instant(updated_at)} {id_}".encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        moment, id_ = base64.urlsafe_b64decode(text).decode().split(" ")
        return datetime.fromisoformat(moment).astimezone(UTC), id_
    except (ValueError, OverflowError, binascii.Error):
        raise BadRequest("_after is not one of this gateway's. Follow the next link as it is.") from None


def _link(exchange: Exchange, relation: str, type_: str, parameters: list[tuple[str, str]]) -> Json:
    return {"relation": relation, "url": f"{exchange.base_url}/{type_}?{urlencode(parameters)}"}
