"""The SQL of deliveries: which may go out now, and how each attempt went.

A claim takes a lease; whoever holds it sends. When the lease runs out the row is due again for any worker, and since
each claim numbers its attempt, what the former holder reports later no longer touches the row.

Each destination is claimed for by itself: what lies before a slow or a dead one is never in another's way.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Row, Select, and_, bindparam, exists, func, literal_column, or_, select, update
from sqlalchemy.engine import RowMapping

from gateway.hearing import SUBSCRIPTION
from gateway.ids import now
from gateway.store.engine import Store
from gateway.store.moment import Moment
from gateway.store.schema import delivery, destination, event, referral, resource

# Written out in the statements, so that both databases see that the partial index serves.
DUE = delivery.c.state == literal_column("'due'")
CALLED = frozenset({"healthy", "failing"})  # the states of a destination that deliveries go out to


@dataclass(frozen=True, slots=True)
class Ready:
    """A destination with something that may go out at `due_at`, perhaps long since; `unnumbered` when events of a
    Subscription must be numbered first."""

    destination_id: str
    failing: bool
    due_at: datetime
    unnumbered: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send until `leased_until`. `attempt` counts from 1; `body` is the Task as stored;
    `previous` is the newest version that the destination has taken; `content` the JSON registered for its kind."""

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
    content: str
    correlation_id: str
    event_type: str
    at: datetime
    body: bytes
    previous: int | None
    created_at: datetime
    event_number: int | None
    focus: str | None
    replayed_after: int = 0  # attempts before a person had it sent again
    taken_before: bool = False  # it had been delivered, and is sent again


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt that began at `at` went, and what that makes of the delivery.

    `state` is "delivered", "dead", or "due" again at `due_at`. `failure`, unless delivered, says why in a few words,
    and `blames_destination` whether the destination itself is in trouble, not this delivery alone. It asked to be left
    alone for `leave_alone` seconds. `version` is of its software.
    """

    claimed: Claimed
    state: str
    due_at: datetime
    at: datetime
    milliseconds: int
    phase: str
    status: int | None
    answer: str
    failure: str | None = None
    blames_destination: bool = False
    leave_alone: float | None = None
    version: str | None = None

    @property
    def ended_at(self) -> datetime:
        return self.at + timedelta(milliseconds=self.milliseconds)


async def ready(store: Store, busy: Collection[str] = ()) -> list[Ready]:
    """The destinations that have something to be sent, now or later, soonest first; `busy` ones are passed over."""
    async with store.reading() as connection:
        found = await connection.execute(_READY, {"moment": now(), "busy": sorted(busy)})
        waiting = [
            Ready(row.id, row.state == "failing", _soonest(row), row.unnumbered)
            for row in found
            if row.due_at is not None or row.unnumbered
        ]
    return sorted(waiting, key=lambda one: one.due_at)


def _soonest(row: Row[Any]) -> datetime:
    return max(filter(None, (row.due_at, row.not_before, row.probing_until)), default=now())


async def are_on_their_way(store: Store) -> bool:
    """Whether a worker has claimed deliveries and not yet recorded what became of them."""
    async with store.reading() as connection:
        held = select(delivery.c.id).where(DUE, delivery.c.leased_until > now()).limit(1)
        return (await connection.execute(held)).first() is not None


async def claim(
    store: Store, destination_id: str, lease_seconds: float, limit: int, *, least_tried: bool = False
) -> list[Claimed]:
    """Leases up to `limit` deliveries to the destination that may go out now: the oldest, or the least tried ones.

    Of each referral only the first undelivered version may go: that keeps the order, and lets an update that fails
    hold back its own referral and no other. Workers that claim at the same time get different ones.
    """
    moment = now()
    until = moment + timedelta(seconds=lease_seconds)
    async with store.transaction() as connection:
        chosen = {"moment": moment, "limit": limit, "destination": destination_id}
        statement = _LEAST_TRIED if least_tried else _CLAIMABLE
        claimed = [_claimed(row, until) for row in (await connection.execute(statement, chosen)).mappings()]
        for organisation in {each.organisation for each in claimed}:
            ids = [each.id for each in claimed if each.organisation == organisation]
            await connection.execute(_LEASE, {"of": organisation, "deliveries": ids, "lease": until})
    return claimed


async def take_probe(store: Store, destination_id: str, seconds: float) -> bool:
    """Whether the caller may send one delivery to a destination that fails; nobody else may for so many seconds."""
    moment = now()
    mine = (
        update(destination)
        .where(
            destination.c.id == destination_id,
            destination.c.state == "failing",
            *(or_(held.is_(None), held <= moment) for held in (destination.c.not_before, destination.c.probing_until)),
        )
        .values(probing_until=moment + timedelta(seconds=seconds))
    )
    async with store.transaction() as connection:
        return (await connection.execute(mine)).rowcount == 1


async def release(store: Store, unsent: Sequence[Claimed]) -> None:
    """Gives back what was claimed and not tried, as if it had never been claimed."""
    async with store.transaction() as connection:
        await connection.execute(_RELEASE, [key_of(each) for each in unsent])


async def told_beside(store: Store, claimed: Claimed, *, with_referral: bool) -> tuple[str | None, str | None]:
    """What an adapter needs beside the Task, as JSON: the referral, and the resource in focus. None when there is
    none, or it was not asked for."""
    async with store.reading() as connection:
        content = focus = None
        if with_referral:
            query = select(referral.c.content).filter_by(organisation=claimed.organisation, id=claimed.referral_id)
            content = (await connection.execute(query)).scalar_one_or_none()
        if claimed.focus:
            type_, id_, version = claimed.focus.split("/")
            query = select(resource.c.content).filter_by(
                organisation=claimed.organisation, type=type_, id=id_, version=int(version)
            )
            focus = (await connection.execute(query)).scalar_one_or_none()
    return content, focus


def _heads(destination_id: Any) -> Select[Any]:
    """The deliveries to a destination that head the queue of their referral and are nobody's now, soonest due first.

    Its shape lets PostgreSQL walk the index of due rows in order and stop at the limit, even with old statistics: one
    table, and conditions that it checks row by row (as a join, it would first work out all that is due).
    """
    earlier, sooner = delivery.alias("earlier"), delivery.alias("sooner")
    behind_another_version = exists().where(
        earlier.c.organisation == delivery.c.organisation,
        earlier.c.referral_id == delivery.c.referral_id,
        earlier.c.destination_id == delivery.c.destination_id,
        earlier.c.number < delivery.c.number,
        earlier.c.state != literal_column("'delivered'"),
    )
    behind_another_event = exists().where(  # a Subscription hears all of its events in one order
        sooner.c.destination_id == delivery.c.destination_id,
        # By coalesce, SQLite goes through what is due, and not through all events that there ever were.
        func.coalesce(sooner.c.event_number, 0).between(1, delivery.c.event_number - 1),
        sooner.c.state == literal_column("'due'"),
    )
    return (
        select(delivery)
        .where(
            DUE,
            delivery.c.destination_id == destination_id,
            or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= bindparam("moment")),
            or_(delivery.c.number == 1, ~behind_another_version),
            or_(delivery.c.event_number.is_(None), (delivery.c.event_number > 0) & ~behind_another_event),
        )
        .order_by(delivery.c.due_at)
    )


def _ready() -> Select[Any]:
    first = _heads(destination.c.id).with_only_columns(delivery.c.due_at).limit(1)
    unnumbered = exists().where(delivery.c.destination_id == destination.c.id, delivery.c.event_number == 0)
    return select(
        destination.c.id,
        destination.c.state,
        destination.c.not_before,
        destination.c.probing_until,
        first.correlate(destination).scalar_subquery().label("due_at"),
        and_(destination.c.kind == SUBSCRIPTION, unnumbered).label("unnumbered"),
    ).where(
        destination.c.state.in_(sorted(CALLED)),
        destination.c.id.not_in(bindparam("busy", expanding=True)),
    )


def _claimable(*, least_tried: bool = False) -> Select[Any]:
    """The first `limit` of those due (or of the least tried, the newest first), locked, with all that is needed to
    send them."""
    due = _heads(bindparam("destination")).where(delivery.c.due_at <= bindparam("moment"))
    if least_tried:
        due = due.order_by(None).order_by(delivery.c.attempts, delivery.c.due_at.desc())
    head = due.limit(bindparam("limit", type_=Integer)).with_for_update(skip_locked=True).subquery("head")
    its = (event.c.organisation == head.c.organisation) & (event.c.referral_id == head.c.referral_id)
    start = event.alias("start")
    its_start = (
        (start.c.organisation == head.c.organisation)
        & (start.c.referral_id == head.c.referral_id)
        & (start.c.number == 1)
    )  # not the referral: there is none yet while its details are awaited
    its_task = (
        (resource.c.organisation == head.c.organisation)
        & (resource.c.type == "Task")
        & (resource.c.id == head.c.referral_id)
        & (resource.c.version == head.c.number)
    )
    taken = delivery.alias("taken")
    previous = (
        select(func.max(taken.c.number))
        .where(
            taken.c.organisation == head.c.organisation,
            taken.c.referral_id == head.c.referral_id,
            taken.c.destination_id == head.c.destination_id,
            taken.c.number < head.c.number,
            taken.c.state == literal_column("'delivered'"),
        )
        .scalar_subquery()
    )
    return (
        select(
            head,
            destination.c.kind,
            destination.c.url,
            destination.c.secret,
            destination.c.content.label("options"),
            start.c.correlation_id,
            event.c.type.label("event_type"),
            event.c.at,
            resource.c.content,
            previous.label("previous"),
        )
        .join_from(head, destination, destination.c.id == head.c.destination_id)
        .join(start, its_start)
        .join(event, its & (event.c.number == head.c.number))
        .join(resource, its_task)
        .where(
            destination.c.state.in_(sorted(CALLED)),  # it may have been paused since it was ready
            or_(
                destination.c.state == "failing",  # whoever claims for it holds the probe
                destination.c.not_before.is_(None),
                destination.c.not_before <= bindparam("moment"),
            ),
        )
        .order_by(head.c.due_at)
    )


_READY = _ready()
_CLAIMABLE = _claimable()
_LEAST_TRIED = _claimable(least_tried=True)
_row = update(delivery).where(delivery.c.organisation == bindparam("of"), delivery.c.id == bindparam("delivery"))
_ours = _row.where(
    delivery.c.state == "due",  # bound: the index of due rows is no way to one of them
    delivery.c.attempts == bindparam("attempt"),
    delivery.c.leased_until == bindparam("lease"),
)
_LEASE = (
    update(delivery)
    .where(delivery.c.organisation == bindparam("of"), delivery.c.id.in_(bindparam("deliveries", expanding=True)))
    .values(leased_until=bindparam("lease"), attempts=delivery.c.attempts + 1)
)
_RELEASE = _ours.values(leased_until=None, attempts=delivery.c.attempts - 1)
SETTLE = _ours.values(
    state=bindparam("new_state"),
    due_at=bindparam("new_due_at"),
    delivered_at=func.coalesce(bindparam("new_delivered_at", type_=Moment), delivery.c.delivered_at),
    last_failure=bindparam("new_failure"),
    leased_until=None,
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
        content=row["options"],
        correlation_id=row["correlation_id"],
        event_type=row["event_type"],
        at=row["at"],
        body=row["content"].encode(),
        previous=row["previous"],
        created_at=row["created_at"],
        event_number=row["event_number"],
        focus=row["focus"],
        replayed_after=row["replayed_after"] or 0,
        taken_before=row["delivered_at"] is not None,
    )


def key_of(claimed: Claimed) -> dict[str, Any]:
    return {
        "of": claimed.organisation,
        "delivery": claimed.id,
        "attempt": claimed.attempt,
        "lease": claimed.leased_until,
    }
