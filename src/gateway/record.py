"""The use case of the way back: what happened to a referral becomes its next version, in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.advance import advance
from gateway.changes import CancellationAnswered, Change, Move, OfPrescription, Recorded
from gateway.errors import NotFound, VersionConflict
from gateway.ids import next_moment
from gateway.lifecycle import Actor
from gateway.messages import Answer, Received
from gateway.once import once
from gateway.security import Caller
from gateway.standing import apply
from gateway.store import referrals
from gateway.store.engine import Store
from gateway.store.referrals import Stored
from gateway.telemetry import RequestContext
from gateway.work import Applied

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
    NotFound, VersionConflict, IllegalMove; Conflict when the X-Request-Id was used for something else.
    """
    by = (change.change if isinstance(change, OfPrescription) else change).by
    caller = replace(caller, person=by or caller.person)

    async def make(connection: AsyncConnection) -> Answer:
        before = await referrals.load(connection, organisation, referral_id, lock=True)
        if before is None or not is_visible(caller, before):
            raise NotFound
        if expected not in {None, before.standing.version}:
            raise VersionConflict
        at = next_moment()
        applied = apply(before.standing, change, ACTORS[caller.role], at)
        after, _ = await advance(connection, caller, context, before, applied, _told(before, applied, change), at)
        return answer(after)

    return await once(store, caller, context, received, make)


def is_visible(caller: Caller, stored: Stored) -> bool:
    """An EPR sees what its own organisation sent, a platform what came to its hubs."""
    if caller.role == "platform":
        return stored.row["hub_id"] in caller.hubs
    return bool(stored.row["organisation"] == caller.organisation)


def _told(before: Stored, applied: Applied, change: Change) -> dict[str, Any]:
    """What the journal says: the change as it was asked for, and the move of the referral that it made, if any."""
    moved = {"from": before.standing.status, "to": applied.standing.status}
    if isinstance(change, Move):
        return _asked(change) | moved
    told: dict[str, Any]
    if isinstance(change, CancellationAnswered):
        told = {"cancellation": _asked(change)}
    elif isinstance(change, OfPrescription):
        told = {"prescription_id": change.prescription_id, applied.event_type: _asked(change.change)}
    else:
        told = {applied.event_type: _asked(change)}
    return told | (moved if moved["from"] != moved["to"] else {})


def _asked(change: Recorded) -> dict[str, Any]:
    return change.model_dump(mode="json", exclude_none=True, exclude={"by"})
