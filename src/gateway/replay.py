"""What people do with deliveries and destinations: send again, pause, resume, give up, retire. Each is audited.

After an EPR was restored from yesterday's backup it lacks what it was told since. So `since` is compared with the time
of delivery, and each version is sent again, not only the last: a record system writes something for each milestone.
The receiver that has one of them already answers so, and changes nothing.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit import audit_row
from gateway.errors import IllegalMove, NotFound
from gateway.health import Health, moved_by_person
from gateway.hearing import SILENT, SUBSCRIPTION
from gateway.ids import now
from gateway.security import Caller
from gateway.store import replay
from gateway.store.destinations import drop_undelivered, load_health, probe_now, save_health
from gateway.store.engine import Store
from gateway.store.listing import find_referral, read_delivery
from gateway.store.referrals import insert
from gateway.store.replay import Batch
from gateway.store.schema import audit
from gateway.telemetry import RequestContext

CLIENTS_OWN = {("healthy", "paused"), ("failing", "paused"), ("paused", "healthy")}  # what a person may do to one
REFERRALS = 500  # of which a destination's updates become due together


async def replay_delivery(store: Store, caller: Caller, context: RequestContext, delivery_id: str) -> int:
    """Sends one delivery again; 0 when it is on its way at this moment. Raises NotFound, IllegalMove."""
    async with store.transaction() as connection:
        found = await read_delivery(connection, delivery_id)
        if found is None:
            raise NotFound("There is no delivery of this id.")
        await _check_listens(connection, found.destination_id)
        count = await replay.send_again(connection, delivery_id)
        await _note(connection, caller, context, "replay delivery", delivery_id, 200)
    return count


async def replay_referral(store: Store, caller: Caller, context: RequestContext, name: str) -> int:
    """Sends again what is undelivered of a referral, by its reference or id. Raises NotFound."""
    async with store.transaction() as connection:
        found = await find_referral(connection, name)
        if found is None:
            raise NotFound("There is no referral of this reference or id.")
        count = await replay.send_referral_again(connection, *found)
        await _note(connection, caller, context, "replay referral", f"Task/{found[1]}", 200)
    return count


async def replay_destination(
    store: Store,
    caller: Caller,
    context: RequestContext,
    destination_id: str,
    since: datetime | None = None,
    after: str = "",
    referrals: int = REFERRALS,
) -> Batch:
    """One step of sending a destination again what is dead and, with `since`, what it was told then or later.

    Go on with `after` = the batch's `last` until that is None. Raises NotFound, IllegalMove.
    """
    async with store.transaction() as connection:
        await _check_listens(connection, destination_id)
        batch = await replay.send_batch_again(connection, destination_id, since, after, referrals)
        await _note(connection, caller, context, "replay destination", f"destination/{destination_id}", 200)
    return batch


async def move_destination(
    store: Store, caller: Caller, context: RequestContext, destination_id: str, to: str, reason: str
) -> str:
    """Takes a destination to paused, disabled, retired, or healthy again; returns the state it has now, which is
    failing when it has still to show that it is well. Raises NotFound, IllegalMove."""
    moment = now()
    async with store.transaction() as connection:
        kind, before = await _check_listens(connection, destination_id)
        if kind == SUBSCRIPTION and (before.state, to) not in CLIENTS_OWN:
            raise IllegalMove(
                "A Subscription is its client's to end and to ask for again. You may pause and resume it."
            )
        after = moved_by_person(before, to, moment)
        await save_health(connection, destination_id, after)
        if to == "healthy":
            await probe_now(connection, destination_id, moment)
        elif to == "retired":
            await drop_undelivered(connection, destination_id)
        told = f"destination/{destination_id} {before.state} to {to}: {reason}"
        await _note(connection, caller, context, "move destination", told, 200)
    return after.state


async def _check_listens(connection: AsyncConnection, destination_id: str) -> tuple[str, Health]:
    """Its kind and health. Raises NotFound, or IllegalMove when it hears nothing any more."""
    found = await load_health(connection, destination_id)
    if found is None:
        raise NotFound("There is no destination of this id.")
    if found[1].state == SILENT:
        raise IllegalMove("This destination is retired, which is final. Register it anew, under another id.")
    return found


async def _note(
    connection: AsyncConnection, caller: Caller, context: RequestContext, action: str, target: str, outcome: int
) -> None:
    await insert(connection, [(audit, [audit_row(caller, context, action, target, outcome)])])
