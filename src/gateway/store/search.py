"""The searches of FHIR readers as SQL: Task by the state of its referral, any type by id or identifier."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import BadRequest
from gateway.search import token_key
from gateway.store.schema import found_by, referral, resource

Condition = ColumnElement[bool]
Cursor = tuple[datetime, str]  # updated_at and id of the last one seen

MOST_VALUES = 200
DATE = re.compile(r"^(eq|gt|ge|lt|le)?(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$")


async def search(
    connection: AsyncConnection,
    organisation: str,
    type_: str,
    parameters: list[tuple[str, str]],
    after: Cursor | None,
    limit: int,
) -> list[Row[Any]]:
    """Up to `limit` rows (id, updated_at, content) after the cursor, oldest change first.

    `parameters` are of those that `parameters_of` names. Raises BadRequest, saying what a value must look like.
    """
    known = parameters_of(type_)
    query = _query(type_, organisation).where(*(known[name](type_, value) for name, value in parameters))
    source = referral if type_ == "Task" else resource
    order = (source.c.updated_at, source.c.id)
    if after:
        query = query.where(tuple_(*order) > tuple_(*after))
    return list((await connection.execute(query.order_by(*order).limit(limit))).all())


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


def _values(value: str) -> list[str]:
    """The alternatives of a parameter, which commas part."""
    values = [one for one in value.split(",") if one]
    if len(values) > MOST_VALUES:
        raise BadRequest(f"A search parameter takes {MOST_VALUES} values at most.")
    return values


def _id(column: ColumnElement[str]) -> Callable[[str, str], Condition]:
    return lambda _type, value: column.in_([one.split("/")[-1] for one in _values(value)])


def _of_identifier(column: ColumnElement[str], organisation: ColumnElement[str]) -> Callable[[str, str], Condition]:
    def condition(type_: str, value: str) -> Condition:
        if "|" not in value:
            raise BadRequest("Search identifier as system|value: a value alone may be somebody else's number.")
        tokens = [token_key(*one.split("|", 1)) for one in _values(value)]
        named = select(found_by.c.id).where(
            found_by.c.organisation == organisation,
            found_by.c.type == type_,
            found_by.c.parameter == "identifier",
            found_by.c.value.in_(tokens),
        )
        return column.in_(named)

    return condition


def _status(_type: str, value: str) -> Condition:
    return referral.c.task_status.in_(_values(value))


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
    time = found[3] or ""
    span = timedelta(days=1) if not time else timedelta(minutes=1)
    if time.count(":") >= 2 and ":" in time[4:]:
        span = timedelta(seconds=1) if "." not in time else timedelta(milliseconds=1)
    try:
        start = datetime.fromisoformat(found[2] + (time or "T00:00:00Z")).astimezone(UTC)
        return start, start + span
    except (ValueError, OverflowError):
        raise BadRequest("_lastUpdated names a day or time that does not exist.") from None


def parameters_of(type_: str) -> dict[str, Callable[[str, str], Condition]]:
    """The search parameters that are served for a type, with the condition that each makes of a value."""
    return PARAMETERS["Task" if type_ == "Task" else "*"]


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
