"""GET [base]/[type]?...: Task by the state of its referral, any type by id or identifier (R4 search.html)."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, and_, select, tuple_
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, Issue
from gateway.fhir.exchange import Exchange
from gateway.fhir.read import open_resource
from gateway.ids import instant
from gateway.messages import Answer
from gateway.store.schema import identifier, referral, resource
from gateway.validation import dump, parse

Json = dict[str, Any]
Condition = ColumnElement[bool]

PAGE = 50
MOST = 200
DATE = re.compile(r"^(eq|gt|ge|lt|le)?(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$")


async def search(request: Request) -> Response:
    """A searchset, oldest change first, so that reading on from the last one seen misses nothing."""
    exchange, type_ = await open_resource(request, "s")
    parameters = _parameters(exchange, type_)
    conditions = [PARAMETERS[type_ if type_ == "Task" else "*"][name](type_, value) for name, value in parameters]
    count = _count(request.query_params.get("_count"))
    if not conditions and type_ != "Task":
        raise BadRequest(f"Search {type_} by _id or identifier.")
    query = _query(type_, exchange.caller.organisation).where(*conditions)
    after = request.query_params.get("_after")
    order = (referral.c.updated_at, referral.c.id) if type_ == "Task" else (resource.c.updated_at, resource.c.id)
    if after:
        query = query.where(tuple_(*order) > tuple_(*_read_cursor(after)))
    async with exchange.gateway.store.reading() as connection:
        rows = (await connection.execute(query.order_by(*order).limit(count + 1))).all()
    links = [_link(exchange, "self", type_, [*parameters, ("_count", str(count))])]
    if len(rows) > count > 0:
        cursor = _cursor(rows[count - 1].updated_at, rows[count - 1].id)
        links.append(_link(exchange, "next", type_, [*parameters, ("_count", str(count)), ("_after", cursor)]))
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
    known = PARAMETERS["Task" if type_ == "Task" else "*"]
    given = exchange.request.query_params.multi_items()
    unknown = sorted({name for name, _ in given if name not in known and name not in {"_count", "_after", "_format"}})
    if unknown and exchange.strict:
        issues = [
            Issue("not-supported", f"The search parameter {name[:60]} is not known for {type_}.") for name in unknown
        ]
        raise BadRequest(issues=issues)
    return [(name, value) for name, value in given if name in known]


def _query(type_: str, organisation: str) -> Select[Any]:
    if type_ == "Task":
        return (
            select(referral.c.id, referral.c.updated_at, resource.c.content)
            .join(
                resource,
                (resource.c.organisation == referral.c.organisation)
                & (resource.c.type == "Task")
                & (resource.c.id == referral.c.id)
                & (resource.c.version == referral.c.version),
            )
            .where(referral.c.organisation == organisation)
        )
    newer = resource.alias()
    return select(resource.c.id, resource.c.updated_at, resource.c.content).where(
        resource.c.organisation == organisation,
        resource.c.type == type_,
        ~select(newer.c.id)
        .where(
            newer.c.organisation == resource.c.organisation,
            newer.c.type == resource.c.type,
            newer.c.id == resource.c.id,
            newer.c.version > resource.c.version,
        )
        .exists(),
    )


def _id(column: ColumnElement[str]) -> Callable[[str, str], Condition]:
    return lambda _type, value: column.in_([one.split("/")[-1] for one in value.split(",")])


def _of_identifier(column: ColumnElement[str], organisation: ColumnElement[str]) -> Callable[[str, str], Condition]:
    def condition(type_: str, value: str) -> Condition:
        if "|" not in value:
            raise BadRequest("Search identifier as system|value: a value alone may be somebody else's number.")
        named = select(identifier.c.id).where(
            identifier.c.organisation == organisation,
            identifier.c.type == type_,
            identifier.c.identifier.in_(value.split(",")),
        )
        return column.in_(named)

    return condition


def _status(_type: str, value: str) -> Condition:
    return referral.c.task_status.in_(value.split(","))


def _changed(_type: str, value: str) -> Condition:
    column = referral.c.updated_at
    start, end = _period(value)
    comparisons: dict[str, Condition] = {
        "eq": and_(column >= start, column < end),
        "gt": column >= end,
        "ge": column >= start,
        "lt": column < start,
        "le": column < end,
    }
    return comparisons[value[:2] if value[:2].isalpha() else "eq"]


def _period(value: str) -> tuple[datetime, datetime]:
    """The span that a date or instant of that precision stands for (search.html#date)."""
    found = DATE.match(value.replace(" ", "+"))  # a bare + in an address means a space
    if not found:
        raise BadRequest("_lastUpdated takes a date or an instant with a time zone, e.g. gt2026-01-31T09:30:00Z.")
    try:
        start = datetime.fromisoformat(found[2] + (found[3] or "T00:00:00Z")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest("_lastUpdated names a day or time that does not exist.") from None
    time = found[3] or ""
    span = timedelta(days=1) if not time else timedelta(minutes=1)
    if time.count(":") >= 2 and ":" in time[4:]:
        span = timedelta(seconds=1) if "." not in time else timedelta(milliseconds=1)
    return start, start + span


def _count(value: str | None) -> int:
    if value is None:
        return PAGE
    if not value.isdigit():
        raise BadRequest("_count must be a whole number.")
    return min(int(value[:9]), MOST)


def _cursor(updated_at: datetime, id_: str) -> str:
    return base64.urlsafe_b64encode(f"{instant(updated_at)} {id_}".encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        moment, id_ = base64.urlsafe_b64decode(text).decode().split(" ")
        return datetime.fromisoformat(moment), id_
    except (ValueError, binascii.Error):
        raise BadRequest("_after is not one of this gateway's. Follow the next link as it is.") from None


def _link(exchange: Exchange, relation: str, type_: str, parameters: list[tuple[str, str]]) -> Json:
    return {"relation": relation, "url": f"{exchange.base_url}/{type_}?{urlencode(parameters)}"}


PARAMETERS: dict[str, dict[str, Callable[[str, str], Condition]]] = {
    "Task": {
        "_id": _id(referral.c.id),
        "_lastUpdated": _changed,
        "status": _status,
        "identifier": _of_identifier(referral.c.id, referral.c.organisation),
        "focus": _id(referral.c.service_request_id),
        "patient": _id(referral.c.patient_id),
        "subject": _id(referral.c.patient_id),
    },
    "*": {
        "_id": _id(resource.c.id),
        "identifier": _of_identifier(resource.c.id, resource.c.organisation),
    },
}
