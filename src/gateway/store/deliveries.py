"""The SQL of deliveries: which may go out now, and how each attempt went.

A claim takes a lease; whoever holds it sends. When the lease runs out the row is due again for any worker, and since
each claim numbers its attempt, what the former holder reports later no longer touches the row.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Select, bindparam, case, exists, func, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RowMapping

from gateway.ids import now
from gateway.store.engine import Store
from gateway.store.schema import attempt, delivery, destination, event, resource

Destination = tuple[str, str]  # organisation, id

# Written out in the statements, so that both databases see that the partial index serves.
DUE = delivery.c.state == literal_column("'due'")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send until `leased_until`. `attempt` counts from 1; `body` is the Task as stored."""

    organisation: str
    id: str
    referral_id: str
    number: int
    attempt: int
    leased_until: datetime
    destination_id: str
    kind: str
    url: str
    secret: str
    correlation_id: str
    body: bytes

    @property
    def destination(self) -> Destination:
        return self.organisation, self.destination_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt that began at `at` went, and what that makes of the delivery.

    `state` is "delivered", "dead", or "due" again at `due_at`. `failure`, unless delivered, says why in a few words.
    """

    claimed: Claimed
    state: str
    due_at: datetime
    at: datetime
    milliseconds: int
    phase: str
    status: int | None
    answer: str
    failure: str | None

    @property
    def ended_at(self) -> datetime:
        return self.at + timedelta(milliseconds=self.milliseconds)


async def claim(store: Store, lease_seconds: float, limit: int, busy: Collection[Destination] = ()) -> list[Claimed]:
    """Leases up to `limit` deliveries that may go out now, oldest first, passing over `busy` destinations.

    Of each referral and destination only the first undelivered version may go: that keeps the order, and lets an
    update that fails hold back its own referral and no other. Workers that claim at the same time get different ones.
    """
    moment = now()
    until = moment + timedelta(seconds=lease_seconds)
    async with store.transaction() as connection:
        found = await connection.execute(_CLAIMABLE, {"moment": moment, "limit": limit, "busy": sorted(busy)})
        claimed = [_claimed(row, until) for row in found.mappings()]
        if claimed:
            await connection.execute(_LEASE, [_key(each) for each in claimed])
    return claimed


async def next_due(store: Store, busy: Collection[Destination] = ()) -> datetime | None:
    """When the next delivery that nobody has claimed may go out, perhaps long since; None when there is none."""
    async with store.reading() as connection:
        first: datetime | None = await connection.scalar(_NEXT_DUE, {"moment": now(), "busy": sorted(busy)})
    return first


async def release(store: Store, unsent: Sequence[Claimed]) -> None:
    """Gives back what was claimed and not tried, as if it had never been claimed."""
    async with store.transaction() as connection:
        await connection.execute(_RELEASE, [_key(each) for each in unsent])


async def finish(store: Store, outcomes: Sequence[Outcome]) -> None:
    """Records attempts in one transaction. A delivery that another worker has claimed since stays as it is."""
    async with store.transaction() as connection:
        await connection.execute(_SETTLE, [_settled(outcome) for outcome in outcomes])
        # Again the same when the commit before went through and only its answer was lost.
        insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(attempt)
        await connection.execute(insert.on_conflict_do_nothing(), [_attempt_row(outcome) for outcome in outcomes])
        await connection.execute(_BEAT, _heartbeats(outcomes))


def _heads() -> Select[Any]:
    """The deliveries that head the queue of their referral and are nobody's at the moment, soonest due first.

    Its shape lets PostgreSQL walk the index of due rows in order and stop at the limit, even with old statistics: one
    table, and conditions that it checks row by row (as a join, it would first work out all that is due).
    """
    earlier = delivery.alias("earlier")
    blocked = exists().where(
        earlier.c.organisation == delivery.c.organisation,
        earlier.c.referral_id == delivery.c.referral_id,
        earlier.c.destination_id == delivery.c.destination_id,
        earlier.c.number < delivery.c.number,
        earlier.c.state != literal_column("'delivered'"),
    )
    to = tuple_(delivery.c.organisation, delivery.c.destination_id)
    disabled = select(destination.c.organisation, destination.c.id).where(destination.c.state == "disabled")
    return (
        select(delivery)
        .where(
            DUE,
            or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= bindparam("moment")),
            or_(delivery.c.number == 1, ~blocked),
            to.not_in(disabled),
            to.not_in(bindparam("busy", expanding=True)),
        )
        .order_by(delivery.c.due_at)
    )


def _claimable() -> Select[Any]:
    """The first `limit` of those due, locked, with all that is needed to send them."""
    due = _heads().where(delivery.c.due_at <= bindparam("moment")).limit(bindparam("limit", type_=Integer))
    head = due.with_for_update(skip_locked=True).subquery("head")
    its_destination = (destination.c.organisation == head.c.organisation) & (destination.c.id == head.c.destination_id)
    its_start = (
        (event.c.organisation == head.c.organisation)
        & (event.c.referral_id == head.c.referral_id)
        & (event.c.number == 1)
    )  # not the referral: there is none yet while its details are awaited
    its_task = (
        (resource.c.organisation == head.c.organisation)
        & (resource.c.type == "Task")
        & (resource.c.id == head.c.referral_id)
        & (resource.c.version == head.c.number)
    )
    return (
        select(
            head,
            destination.c.kind,
            destination.c.url,
            destination.c.secret,
            event.c.correlation_id,
            resource.c.content,
        )
        .join_from(head, destination, its_destination)
        .join(event, its_start)
        .join(resource, its_task)
        .order_by(head.c.due_at)
    )


_NEXT_DUE = _heads().with_only_columns(delivery.c.due_at).limit(1)
_CLAIMABLE = _claimable()
_row = update(delivery).where(delivery.c.organisation == bindparam("of"), delivery.c.id == bindparam("delivery"))
_ours = _row.where(
    delivery.c.state == "due",  # bound: the index of due rows is no way to one of them
    delivery.c.attempts == bindparam("attempt"),
    delivery.c.leased_until == bindparam("lease"),
)
_LEASE = _row.values(leased_until=bindparam("lease"), attempts=bindparam("attempt"))
_RELEASE = _ours.values(leased_until=None, attempts=delivery.c.attempts - 1)
_SETTLE = _ours.values(
    state=bindparam("new_state"),
    due_at=bindparam("new_due_at"),
    delivered_at=bindparam("new_delivered_at"),
    leased_until=None,
)
_BEAT = (
    update(destination)
    .where(destination.c.organisation == bindparam("of"), destination.c.id == bindparam("destination"))
    .values(
        state=case(
            (destination.c.state == "disabled", destination.c.state),
            else_=bindparam("new_state", type_=destination.c.state.type),
        ),
        **{
            name: func.coalesce(bindparam(f"new_{name}", type_=destination.c[name].type), destination.c[name])
            for name in ("last_success_at", "last_failure_at", "last_failure")
        },
    )
)


def _claimed(row: RowMapping, until: datetime) -> Claimed:
    return Claimed(
        organisation=row["organisation"],
        id=row["id"],
        referral_id=row["referral_id"],
        number=row["number"],
        attempt=row["attempts"] + 1,
        leased_until=until,
        destination_id=row["destination_id"],
        kind=row["kind"],
        url=row["url"],
        secret=row["secret"],
        correlation_id=row["correlation_id"],
        body=row["content"].encode(),
    )


def _key(claimed: Claimed) -> dict[str, Any]:
    return {
        "of": claimed.organisation,
        "delivery": claimed.id,
        "attempt": claimed.attempt,
        "lease": claimed.leased_until,
    }


def _settled(outcome: Outcome) -> dict[str, Any]:
    delivered_at = outcome.ended_at if outcome.state == "delivered" else None
    return _key(outcome.claimed) | {
        "new_state": outcome.state,
        "new_due_at": outcome.due_at,
        "new_delivered_at": delivered_at,
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


def _heartbeats(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row a destination; sorted, so that two workers lock them in the same order and never wait in a circle."""
    beats: dict[Destination, dict[str, Any]] = {}
    for outcome in sorted(outcomes, key=lambda one: (one.claimed.destination, one.ended_at)):
        organisation, name = outcome.claimed.destination
        beat = beats.setdefault(
            (organisation, name),
            {
                "of": organisation,
                "destination": name,
                "new_last_success_at": None,
                "new_last_failure_at": None,
                "new_last_failure": None,
            },
        )
        if outcome.failure:
            beat |= {
                "new_state": "failing",
                "new_last_failure_at": outcome.ended_at,
                "new_last_failure": outcome.failure,
            }
        else:
            beat |= {"new_state": "healthy", "new_last_success_at": outcome.ended_at}
    return list(beats.values())
