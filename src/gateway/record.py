"""The use case of the way back: what happened to a referral becomes its next version, in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit import audit_row
from gateway.changes import Change, Move, OfPrescription, Recorded
from gateway.errors import GatewayError, NotFound, VersionConflict
from gateway.ids import instant, now
from gateway.journal import journal_rows
from gateway.lifecycle import Actor
from gateway.messages import Answer, Received, first_answer, message_row
from gateway.security import Caller
from gateway.standing import Applied, apply
from gateway.store import referrals, resources
from gateway.store.engine import Rows, Store
from gateway.store.referrals import Stored
from gateway.store.resources import Resource
from gateway.store.schema import audit, message
from gateway.telemetry import RequestContext
from gateway.validation import dump, parse
from mappings.to_task import task_from

ACTORS: dict[str, Actor] = {"epr": "referrer", "platform": "referral_handler"}


async def record(
    store: Store,
    caller: Caller,
    context: RequestContext,
    organisation: str,
    referral_id: str,
    change: Change,
    received: Received,
    answer: Callable[[Stored], Answer],
    expected: int | None = None,
) -> Answer:
    """Stores the change, its event, the Task version that shows it and the deliveries, and gives the answer made by
    `answer` once all of it is durable. The same request again gets the first answer and stores nothing.

    `organisation` is the referral's sender; `expected` the version that the caller has seen (If-Match). Raises
    NotFound, VersionConflict, IllegalMove; Duplicate when the X-Request-Id was used for something else.
    """
    first = await first_answer(store, caller, context, received)
    if first:
        return first
    by = (change.change if isinstance(change, OfPrescription) else change).by
    caller = replace(caller, person=by or caller.person)
    try:
        async with store.transaction() as connection:
            before = await referrals.load(connection, organisation, referral_id, lock=True)
            if before is None or not is_visible(caller, before):
                raise NotFound
            if expected not in {None, before.standing.version}:
                raise VersionConflict
            return await _record(connection, caller, context, before, change, received, answer)
    except (IntegrityError, GatewayError):
        first = await first_answer(store, caller, context, received)  # this very request may have come twice at once
        if first is None:
            raise
        return first


def is_visible(caller: Caller, stored: Stored) -> bool:
    """An EPR sees what its own organisation sent, a platform what came to its hubs."""
    if caller.role == "platform":
        return stored.row["hub_id"] in caller.hubs
    return bool(stored.row["organisation"] == caller.organisation)


async def _record(
    connection: AsyncConnection,
    caller: Caller,
    context: RequestContext,
    before: Stored,
    change: Change,
    received: Received,
    answer: Callable[[Stored], Answer],
) -> Answer:
    at = now()
    applied = apply(before.standing, change, ACTORS[caller.role], at)
    version = before.standing.version + 1
    standing = applied.standing.model_copy(update={"version": version, "updated_at": instant(at)})
    organisation, referral_id = before.row["organisation"], before.row["id"]
    stored = await resources.read(connection, organisation, "Task", referral_id)
    assert stored is not None  # each event has stored one
    shown = parse(stored[2].encode())
    task = task_from(
        shown,
        before.row["service_request_id"],
        before.row["patient_id"],
        standing.model_dump(),
    )
    row = before.row | {
        "status": standing.status,
        "task_status": task["status"],
        "version": version,
        "updated_at": at,
        "standing": referrals.standing_column(standing),
    }
    after = Stored(row, standing)
    given = answer(after)
    told = _told(before, applied, change)
    heard = await referrals.destinations(connection, organisation)
    await referrals.save(connection, before, after)
    await resources.save_keys(connection, organisation, Resource("Task", referral_id, version, at, task), shown)
    await referrals.insert(
        connection,
        [
            *_part_rows(row, applied, at),
            *journal_rows(row, dump(task), applied.event_type, told, caller, context, heard, at),
            (message, [message_row(caller, context, received, given)]),
            (audit, [audit_row(caller, context, received.action, given.target, given.status)]),
        ],
    )
    return replace(given, audited=True)


def _part_rows(row: dict[str, Any], applied: Applied, at: datetime) -> list[Rows]:
    if applied.row is None:
        return []
    table, part = applied.row
    keys = {"organisation": row["organisation"], "referral_id": row["id"], "recorded_at": at}
    return [(table, [keys | part])]


def _told(before: Stored, applied: Applied, change: Change) -> dict[str, Any]:
    """What the journal says: the change as it was asked for, and the move of the referral that it made, if any."""
    moved = {"from": before.standing.status, "to": applied.standing.status}
    if isinstance(change, Move):
        return _asked(change) | moved
    told: dict[str, Any]
    if isinstance(change, OfPrescription):
        told = {"prescription_id": change.prescription_id, applied.event_type: _asked(change.change)}
    else:
        told = {applied.event_type: _asked(change)}
    return told | (moved if moved["from"] != moved["to"] else {})


def _asked(change: Recorded) -> dict[str, Any]:
    return change.model_dump(mode="json", exclude_none=True, exclude={"by"})
