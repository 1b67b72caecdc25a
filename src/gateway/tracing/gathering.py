"""Gathers a trace from the store as plain data, in so many queries however much there is of it."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import referrals
from gateway.store.engine import Store
from gateway.store.listing import attempts_of, list_deliveries
from gateway.store.resources import references_in
from gateway.store.traces import messages_of, newest_of, referrals_of, requests_of, rows_of

Json = dict[str, Any]

MOST_REFERRALS = 50  # of one conversation
MOST_REQUESTS = 100  # of one trace, newest and the first
MOST_MESSAGES = 10  # that are shown with their bodies
MOST_DELIVERIES = 2000
MOST_RESOURCES = 60


@dataclass(slots=True)
class Gathered:
    """What is kept, as it is stored: rows of the tables; `resources` the newest version of each that it is about.

    `row`: the referral, when it is about one; `others`: all referrals of the conversation, when they are several.
    """

    row: Any | None
    others: list[Any] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    left_out: int = 0  # messages that are not among them
    events: list[Any] = field(default_factory=list)
    deliveries: list[Any] = field(default_factory=list)
    more_deliveries: bool = False  # newer ones, which are not among them
    attempts: dict[str, list[Any]] = field(default_factory=dict)
    resources: list[Any] = field(default_factory=list)


async def gather_referral(store: Store, named: tuple[str, str]) -> Gathered | None:
    """All about the referral of this (sender, id)."""
    async with store.reading() as connection:
        return await _of_referral(connection, named)


async def gather_conversation(store: Store, correlation_id: str) -> Gathered | None:
    """All about a correlation id: of the one referral that it is about, else what was asked; None: nobody used it."""
    async with store.reading() as connection:
        named = await referrals_of(connection, correlation_id, MOST_REFERRALS)
        if len(named) == 1 and (gathered := await _of_referral(connection, named[0], correlation_id)):
            return gathered
        requests = list(await requests_of(connection, [correlation_id], MOST_REQUESTS))
        if not requests and not named:
            return None
        asked = [(one.organisation, one.client_id, one.request_id) for one in requests if one.outcome < 400]
        received = await messages_of(connection, "", None, asked[-MOST_MESSAGES:])
        return Gathered(
            row=None,
            others=list(await rows_of(connection, named)),
            requests=requests,
            messages=list(received),
            left_out=max(0, len(asked) - MOST_MESSAGES),
        )


async def _of_referral(
    connection: AsyncConnection, named: tuple[str, str], correlation_id: str | None = None
) -> Gathered | None:
    rows = await rows_of(connection, [named])
    if not rows:
        return None
    row, (sender, id_) = rows[0], named
    events = list(await referrals.events(connection, sender, id_))
    conversations = dict.fromkeys([row.correlation_id, *(one["correlation_id"] for one in events)])
    wanted = [*conversations][:1] + [*conversations][1:][-MOST_REQUESTS:]
    wanted += [correlation_id] if correlation_id and correlation_id not in wanted else []
    deliveries = await list_deliveries(connection, of_referral=named, limit=MOST_DELIVERIES + 1)
    more, deliveries = len(deliveries) > MOST_DELIVERIES, deliveries[:MOST_DELIVERIES]
    asked = list(dict.fromkeys(_asked(one) for one in events))
    return Gathered(
        row=row,
        requests=list(await requests_of(connection, wanted, MOST_REQUESTS)),
        messages=list(await messages_of(connection, sender, row.message_id, asked[1:][1 - MOST_MESSAGES :])),
        left_out=max(0, len(asked) - MOST_MESSAGES),
        events=events,
        deliveries=list(deliveries),
        more_deliveries=more,
        attempts=await attempts_of(connection, deliveries),
        resources=await _resources(connection, row),
    )


def _asked(event: Any) -> tuple[str, str, str]:
    actor = orjson.loads(event["actor"])
    return actor.get("organisation") or "", actor.get("client") or "", event["request_id"]


async def _resources(connection: AsyncConnection, row: Any) -> list[Any]:
    """The referral's own resources, and what they refer to."""
    own = {f"Task/{row.id}", f"ServiceRequest/{row.service_request_id}"}
    own |= {f"Patient/{row.patient_id}"} if row.patient_id else set()
    first = list(await newest_of(connection, row.organisation, own))
    near = {name for one in first for name in references_in(orjson.loads(one.content))} - own
    return first + list(await newest_of(connection, row.organisation, sorted(near)[:MOST_RESOURCES]))
