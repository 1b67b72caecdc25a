"""The SQL of what attempts came to: the deliveries settled, the attempts kept, their destinations' health, tallies."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.health import FAILING_AFTER, Health, health_after
from gateway.hearing import SUBSCRIPTION
from gateway.ids import new_id, now
from gateway.store.deliveries import DUE, SETTLE, Outcome, key_of
from gateway.store.dialect import insert_into_either
from gateway.store.engine import Store
from gateway.store.resources import hold
from gateway.store.schema import alert, attempt, delivery, destination, tally
from gateway.store.subscriptions import GONE, in_error_when_failing

FRESH = timedelta(seconds=1)  # so old may a healthy destination's last success be: its row is not locked more often
LAGS = (0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600, 86_400)  # seconds: the buckets of the time from change to arrival
HEALTH = [destination.c[field.name] for field in fields(Health)]


# All that `finish` stores where nothing failed, in one journey to PostgreSQL instead of seven. The lease alone says
# whose a delivery is: it ends with the state "due".
_FINISH = """
WITH settled AS (
  UPDATE delivery
  SET state = its.state, due_at = its.due_at, delivered_at = its.delivered_at, last_failure = NULL, leased_until = NULL
  FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::timestamptz[])
    its (organisation, id, attempt, lease, state, due_at, delivered_at)
  WHERE delivery.organisation = its.organisation AND delivery.id = its.id
    AND delivery.attempts = its.attempt AND delivery.leased_until = its.lease
), kept AS (
  INSERT INTO attempt (organisation, delivery_id, number, at, milliseconds, phase, status, answer)
  SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $8::timestamptz[], $9::int[], $10::text[], $11::int[],
    $12::text[]) ON CONFLICT DO NOTHING
), counted AS (
  INSERT INTO tally (destination_id, measure, label, count, seconds)
  SELECT * FROM unnest($13::text[], $14::text[], $15::text[], $16::bigint[], $17::float[])
  ON CONFLICT (destination_id, measure, label)
  DO UPDATE SET count = tally.count + excluded.count, seconds = tally.seconds + excluded.seconds
)
SELECT * FROM destination WHERE id = ANY($13::text[])
"""


async def finish(store: Store, outcomes: Sequence[Outcome]) -> list[str]:
    """Records attempts in one transaction. A delivery that another worker has claimed since stays as it is.

    Returns the destinations that have recovered by this: what waits for them may go at once.
    """
    if store.is_postgresql and not any(outcome.failure or outcome.leave_alone for outcome in outcomes):
        return await _finish_well(store, outcomes)
    async with store.transaction() as connection:
        await connection.execute(SETTLE, [_settled(outcome) for outcome in outcomes])
        # Again the same when the commit before went through and only its answer was lost.
        keep = insert_into_either(connection, attempt).on_conflict_do_nothing()
        await connection.execute(keep, [_attempt_row(outcome) for outcome in outcomes])
        recovered = await _mark_health(connection, outcomes)
        await _count(connection, outcomes)
    return recovered


async def _finish_well(store: Store, outcomes: Sequence[Outcome]) -> list[str]:
    """As `finish`, for attempts that all succeeded, on PostgreSQL. The health of a destination that was not at its
    best comes in a second transaction: should that one fail, the next success says the same again."""
    settled = [_settled(outcome) for outcome in outcomes]
    kept = [_attempt_row(outcome) for outcome in outcomes]
    columns = [[row[name] for row in settled] for name in ("of", "delivery", "attempt", "lease")]
    columns += [[row[name] for row in settled] for name in ("new_state", "new_due_at", "new_delivered_at")]
    columns += [[row[name] for row in kept] for name in ("at", "milliseconds", "phase", "status", "answer")]
    counts = _counts(outcomes)
    columns += [[row[name] for row in counts] for name in ("destination_id", "measure", "label", "count", "seconds")]
    known = {
        row["id"]: Health(**{one.name: row[one.name] for one in HEALTH})
        for row in await store.at_once(_FINISH, columns)
    }
    signs = _signs(outcomes)
    if all(_goes_on_well(health, signs[id_]) for id_, health in known.items()):
        return []
    async with store.transaction() as connection:
        return await _mark_health(connection, outcomes)


async def _mark_health(connection: AsyncConnection, outcomes: Sequence[Outcome]) -> list[str]:
    signs = _signs(outcomes)
    query = select(destination.c.id, destination.c.organisation, destination.c.kind, *HEALTH).where(
        destination.c.id.in_(sorted(signs))
    )
    rows = (await connection.execute(query)).all()
    restless = [row.id for row in rows if not _goes_on_well(_health(row), signs[row.id])]
    if not restless:
        return []
    await _hold_subscriptions(connection, [row for row in rows if row.id in restless])
    # In the order of their ids, so that two workers never wait for each other in a circle.
    held = query.where(destination.c.id.in_(restless)).order_by(destination.c.id).with_for_update()
    recovered = []
    for row in (await connection.execute(held)).all():
        before = _health(row)
        after = health_after(before, signs[row.id], random.random())  # noqa: S311 - jitter
        if before.state == "failing" and after.state == "healthy":
            recovered.append(row.id)
            after = await _tell_of_recovery(connection, row.id, before, after)
        if row.kind == SUBSCRIPTION:
            gone = any(sign.status in GONE for sign in signs[row.id])
            after = await in_error_when_failing(connection, row.organisation, row.id, after, gone=gone)
        await connection.execute(update(destination).where(destination.c.id == row.id).values(asdict(after)))
    return recovered


async def _hold_subscriptions(connection: AsyncConnection, restless: Sequence[Any]) -> None:
    """Before their destinations are locked: that is the order in which a client's update takes them, too."""
    for row in sorted(restless, key=lambda one: str(one.id)):
        if row.kind == SUBSCRIPTION:
            await hold(connection, row.organisation, [f"Subscription/{row.id}"], changing=True)


def _signs(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """What the attempts say of each destination, in the order of time."""
    signs: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in sorted(outcomes, key=lambda one: one.ended_at):
        signs[outcome.claimed.destination_id].append(outcome)
    return signs


def _health(row: Any) -> Health:
    return Health(**{column.name: getattr(row, column.name) for column in HEALTH})


def _goes_on_well(health: Health, signs: Iterable[Outcome]) -> bool:
    fresh = health.last_success_at is not None and health.last_success_at > now() - FRESH
    well = health.state == "healthy" and not health.failures and fresh
    return well and not any(sign.failure or sign.leave_alone for sign in signs)


async def _tell_of_recovery(connection: AsyncConnection, id_: str, before: Health, after: Health) -> Health:
    """What waited for it, each for its own while, may go now; whoever was told that it fails is told. What was tried
    more often than it takes to tell an outage may be the trouble itself, and keeps its own wait."""
    moment = now()
    waiting = update(delivery).where(
        DUE, delivery.c.destination_id == id_, delivery.c.due_at > moment, delivery.c.attempts <= FAILING_AFTER
    )
    await connection.execute(waiting.values(due_at=moment))
    if before.alerted_at is None:
        return after
    since = min(before.failing_since or before.alerted_at, before.alerted_at)
    minutes = round((moment - since).total_seconds() / 60)
    reason = f"It takes updates again, after {minutes} min. It had failed with: {before.last_failure}."
    await connection.execute(alert.insert(), alert_row(id_, "recovered", reason, moment))
    return Health(**(asdict(after) | {"alerted_at": None}))


def alert_row(destination_id: str, kind: str, reason: str, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "destination_id": destination_id,
        "kind": kind,
        "at": at,
        "reason": reason,
        "attempts": 0,
        "due_at": at,
    }


def _settled(outcome: Outcome) -> dict[str, Any]:
    delivered_at = outcome.ended_at if outcome.state == "delivered" else None
    return key_of(outcome.claimed) | {
        "new_state": outcome.state,
        "new_due_at": outcome.due_at,
        "new_delivered_at": delivered_at,
        "new_failure": outcome.failure,
    }


def _attempt_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "organisation": outcome.claimed.organisation,
        "delivery_id": outcome.claimed.id,
        "number": outcome.claimed.attempt,
        "at": outcome.at,
        "milliseconds": outcome.milliseconds,
        "phase": outcome.phase,
        "status": outcome.status,
        "answer": outcome.answer,
    }


async def _count(connection: AsyncConnection, outcomes: Sequence[Outcome]) -> None:
    more = insert_into_either(connection, tally)
    more = more.on_conflict_do_update(
        index_elements=list(tally.primary_key),
        set_={name: tally.c[name] + more.excluded[name] for name in ("count", "seconds")},
    )
    await connection.execute(more, _counts(outcomes))


def _counts(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The rows to add to the tally, in the order of its key: so two workers never wait for each other in a circle."""
    counts: dict[tuple[str, str, str], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for outcome in outcomes:
        to = outcome.claimed.destination_id
        seen = [("attempt", _label(outcome), outcome.milliseconds / 1000)]
        if outcome.state == "delivered":
            lag = max(0.0, (outcome.ended_at - outcome.claimed.created_at).total_seconds())
            seen.append(("lag", str(next((most for most in LAGS if lag <= most), "+Inf")), lag))
        for measure, label, seconds in seen:
            count, total = counts[to, measure, label]
            counts[to, measure, label] = count + 1, total + seconds
    return [
        {"destination_id": to, "measure": measure, "label": label, "count": count, "seconds": seconds}
        for (to, measure, label), (count, seconds) in sorted(counts.items())
    ]


def _label(outcome: Outcome) -> str:
    """The outcome as /metrics names it: delivered, refused-409, or how far it got before it failed."""
    if outcome.state == "delivered":
        return "delivered"
    return f"refused-{outcome.status}" if outcome.phase == "done" else outcome.phase
