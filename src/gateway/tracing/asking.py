"""Which trace somebody asks for: by a key, or by what they know of it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.ids import MILLISECOND, instant, is_reference
from gateway.store.engine import Store
from gateway.store.listing import find_referral, read_delivery
from gateway.store.traces import Page, named_so, referrals_identified, requests_between, rows_of
from gateway.tracing.gathering import Gathered, gather_conversation, gather_referral

Json = dict[str, Any]

UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
REFERENCE = re.compile(r"SP-?\d{4}-?\d{4}-?\d{4}", re.IGNORECASE)
IDENTIFIER = re.compile(r"[^\x00-\x1f\x7f]{1,300}")
MOST_FOUND = 200
EPOCH = datetime.fromtimestamp(0, UTC)


def key_of(text: str) -> str | None:
    """The key in what somebody typed: a reference, or a UUID; None when it is neither."""
    text = text.strip()
    if REFERENCE.fullmatch(text):
        digits = re.sub(r"\D", "", text)
        reference = f"SP-{digits[:4]}-{digits[4:8]}-{digits[8:]}"
        return reference if is_reference(reference) else None
    return text.lower() if UUID.fullmatch(text) else None


async def find_trace(store: Store, key: str) -> Gathered | None:
    """By a referral's reference or id, a delivery's id, or a correlation id; None when nothing is called so."""
    known = key_of(key)
    if known is None:
        return None
    async with store.reading() as connection:
        named = await find_referral(connection, known)
        if named is None and not known.startswith("SP-"):
            delivery = await read_delivery(connection, known)
            named = (delivery.organisation, delivery.referral_id) if delivery else None
    if named:
        return await gather_referral(store, named)
    return None if known.startswith("SP-") else await gather_conversation(store, key.strip())


@dataclass(frozen=True, slots=True)
class Found:
    """What a search leads to: requests, or referrals; `cursor` goes on from here when there are more."""

    traces: list[Json]
    cursor: str | None = None


async def find_requests(store: Store, page: Page) -> Found:
    """Requests that were to change something, the newest first, each with the key of its trace. Times in UTC."""
    async with store.reading() as connection:
        rows = await requests_between(connection, page)
        shown = rows[: page.limit - 1]
        ids = {one.target.removeprefix("Task/") for one in shown if (one.target or "").startswith("Task/")}
        references = await named_so(connection, ids) if ids else {}
    last = shown[-1] if len(rows) == page.limit else None
    return Found(
        [_request(one, references) for one in shown],
        f"{(last.at - EPOCH) // MILLISECOND}-{last.id}" if last else None,
    )


async def find_identified(store: Store, identifier: str) -> Found:
    """Referrals of this identifier, `system|value` or a value alone, the newest first."""
    system, bar, value = identifier.strip().rpartition("|")
    if not IDENTIFIER.fullmatch(identifier.strip()) or not value:
        return Found([])
    async with store.reading() as connection:
        named = await referrals_identified(connection, system if bar else None, value)
        rows = await rows_of(connection, sorted(named)[:MOST_FOUND]) if named else []
    return Found([_referral(one) for one in rows])


def _request(row: Any, references: dict[str, str]) -> Json:
    reference = references.get((row.target or "").removeprefix("Task/"))
    return {
        "key": reference or row.correlation_id,
        "at": instant(row.at),
        "organisation": row.organisation,
        "client": row.client_id,
        "action": row.action,
        "outcome": row.outcome,
        "reference": reference,
        "status": None,
        "correlation_id": row.correlation_id,
    }


def _referral(row: Any) -> Json:
    return {
        "key": row.reference,
        "at": instant(row.submitted_at),
        "organisation": row.organisation,
        "client": None,
        "action": None,
        "outcome": None,
        "reference": row.reference,
        "status": row.status,
        "correlation_id": row.correlation_id,
    }


def place_in(cursor: str) -> tuple[datetime, int] | None:
    """Where the requests go on after a cursor; None when it is none of ours."""
    given = re.fullmatch(r"(\d{12,14})-(\d{1,18})", cursor, re.ASCII)
    return (EPOCH + timedelta(milliseconds=int(given[1])), int(given[2])) if given else None
