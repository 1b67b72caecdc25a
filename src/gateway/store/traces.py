"""The SQL of traces: what is kept of a request, and of what became of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.search import token_key
from gateway.store.schema import audit, event, found_by, message, organisation, own_name, referral, resource

MOST_MATCHES = 200  # resources that carry one identifier; more say nothing
READS = ("GET %", "HEAD %", "POST /oauth2/token")  # they change nothing; of interest when they are refused
LOOKS = ("% /app/trace%", "%/platform/v1/traces%")  # what is done to look at traces


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the requests, newest first: from `since` on, up to `until` (times in UTC), after the cursor (at, id)."""

    since: datetime | None = None
    until: datetime | None = None
    after: tuple[datetime, int] | None = None
    limit: int = 50


async def requests_between(connection: AsyncConnection, page: Page) -> Sequence[Row[Any]]:
    """Requests that were to change something, whatever became of them, and others that were refused."""
    changes = and_(*(audit.c.action.not_like(one) for one in READS))
    query = select(audit).where(*(audit.c.action.not_like(one) for one in LOOKS), or_(changes, audit.c.outcome >= 400))
    if page.since:
        query = query.where(audit.c.at >= page.since)
    if page.until:
        query = query.where(audit.c.at <= page.until)
    if page.after:
        query = query.where(audit.c.at <= page.after[0], tuple_(audit.c.at, audit.c.id) < page.after)
    return (await connection.execute(query.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(page.limit))).all()


async def requests_of(
    connection: AsyncConnection, correlation_ids: Collection[str], limit: int, *, first: bool = False
) -> Sequence[Row[Any]]:
    """The requests of these conversations in their order: the last so many of them, or the first."""
    query = select(audit).where(audit.c.correlation_id.in_(correlation_ids))
    order = audit.c.id if first else audit.c.id.desc()
    found = (await connection.execute(query.order_by(order).limit(limit))).all()
    return found if first else found[::-1]


async def referrals_of(connection: AsyncConnection, correlation_id: str, limit: int) -> Sequence[tuple[str, str]]:
    """(sender, id) of each referral of which this conversation speaks."""
    query = select(event.c.organisation, event.c.referral_id).where(event.c.correlation_id == correlation_id)
    found = await connection.execute(query.distinct().order_by(event.c.referral_id).limit(limit))
    return [(row.organisation, row.referral_id) for row in found]


async def rows_of(connection: AsyncConnection, named: Collection[tuple[str, str]]) -> Sequence[Row[Any]]:
    """The referrals of these (sender, id), the newest first."""
    query = select(referral).where(tuple_(referral.c.organisation, referral.c.id).in_(named))
    return (await connection.execute(query.order_by(referral.c.submitted_at.desc()))).all()


async def named_so(connection: AsyncConnection, ids: Collection[str]) -> dict[str, str]:
    """id -> reference of those that are referrals."""
    found = await connection.execute(select(referral.c.id, referral.c.reference).where(referral.c.id.in_(ids)))
    return {row.id: row.reference for row in found}


async def messages_of(
    connection: AsyncConnection, sender: str, message_id: str | None, asked: Collection[tuple[str, str, str]]
) -> Sequence[Row[Any]]:
    """What was received by these (organisation, client, request id), and the sender's message of this id; by time."""
    named = tuple_(message.c.organisation, message.c.client_id, message.c.request_id).in_(asked)
    first = (message.c.organisation == sender) & (message.c.id == message_id)
    query = select(message).where(or_(named, first) if message_id else named)
    return (await connection.execute(query.order_by(message.c.received_at))).all()


async def newest_of(connection: AsyncConnection, sender: str, references: Collection[str]) -> Sequence[Row[Any]]:
    """The newest version of each Type/id that the sender has."""
    keys = [tuple(reference.split("/")) for reference in sorted(references)]
    its = (resource.c.organisation == sender) & tuple_(resource.c.type, resource.c.id).in_(keys)
    newest = select(resource.c.type, resource.c.id, func.max(resource.c.version)).where(its)
    newest = newest.group_by(resource.c.type, resource.c.id)
    query = select(resource).where(its, tuple_(resource.c.type, resource.c.id, resource.c.version).in_(newest))
    return (await connection.execute(query.order_by(resource.c.type, resource.c.id))).all()


async def referrals_identified(connection: AsyncConnection, system: str | None, value: str) -> set[tuple[str, str]]:
    """(sender, id) of referrals that carry the identifier themselves, or whose person or request does; of any system,
    unless one is given."""
    known = select(organisation.c.id)  # so that the keys serve, which the sender leads
    key = token_key(system, value) if system else token_key("", value)
    at = found_by.c.value == key if system else found_by.c.value.between(key, key + "\x7f")
    query = select(found_by.c.organisation, found_by.c.type, found_by.c.id).where(
        found_by.c.organisation.in_(known),
        found_by.c.type.in_(("Patient", "ServiceRequest", "Task")),
        found_by.c.parameter == "identifier",
        at,
    )
    found = (await connection.execute(query.limit(MOST_MATCHES))).all()
    people = [(row.organisation, row.id) for row in found if row.type == "Patient"]
    names = [(row.organisation, f"ServiceRequest/{row.id}") for row in found if row.type == "ServiceRequest"]
    matches = {(row.organisation, row.id) for row in found if row.type == "Task"}
    theirs = select(referral.c.organisation, referral.c.id).where(
        tuple_(referral.c.organisation, referral.c.patient_id).in_(people)
    )
    matches |= {(row.organisation, row.id) for row in (await connection.execute(theirs.limit(MOST_MATCHES)))}
    called: list[ColumnElement[bool]] = [tuple_(own_name.c.organisation, own_name.c.name).in_(names)]
    if system:
        called.append(own_name.c.organisation.in_(known) & (own_name.c.name == f"{system}|{value}"))
    named = await connection.execute(select(own_name.c.organisation, own_name.c.target).where(or_(*called)))
    return matches | {(row.organisation, row.target) for row in named}
