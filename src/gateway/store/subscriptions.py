"""The SQL of Subscriptions. The row of table `destination` says how one stands, and each change of that is a version
of the resource, written in the same transaction: what is read, searched and sent never disagree.

Its state: requested (the handshake is to come), healthy (active), error, retired (off). A person may pause it as any
destination; then it is active, and told later.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.health import Health, Sign, health_after
from gateway.hearing import SUBSCRIPTION
from gateway.ids import next_moment, now
from gateway.store.deliveries import DUE
from gateway.store.engine import Store
from gateway.store.resources import Resource, hold, read, save_version
from gateway.store.schema import delivery, destination
from gateway.validation import parse

Json = dict[str, Any]

REQUESTED, ACTIVE, ERROR, OFF = "requested", "healthy", "error", "retired"
STATUS = {REQUESTED: "requested", ERROR: "error", OFF: "off"}  # all other states are active
GONE = frozenset({404, 410})  # what an endpoint answers that is there no more
COLUMNS = (
    *(destination.c[name] for name in ("id", "organisation", "state", "url", "events")),
    destination.c.content.label("options"),
    *(destination.c[name] for name in ("not_before", "probing_until", "last_success_at", "last_failure_at")),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A Subscription as its destination has it; `options` is what else it asks for."""

    id: str
    organisation: str
    state: str
    url: str
    events: int
    options: Json
    not_before: datetime | None
    probing_until: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None

    @property
    def status(self) -> str:
        """Subscription.status (R4): requested | active | error | off."""
        return STATUS.get(self.state, "active")


async def living(store: Store) -> list[Kept]:
    """All that are requested or active."""
    query = select(*COLUMNS).where(destination.c.kind == SUBSCRIPTION, destination.c.state.in_((REQUESTED, ACTIVE)))
    async with store.reading() as connection:
        return [_kept(row) for row in await connection.execute(query)]


async def subscriptions(connection: AsyncConnection, organisation: str, ids: Iterable[str] | None = None) -> list[Kept]:
    """Those of an organisation; of these ids, when some are given."""
    query = select(*COLUMNS).where(destination.c.organisation == organisation, destination.c.kind == SUBSCRIPTION)
    if ids is not None:
        query = query.where(destination.c.id.in_(sorted(set(ids))))
    return [_kept(row) for row in await connection.execute(query.order_by(destination.c.id))]


def _kept(row: Row[Any]) -> Kept:
    return Kept(**row._asdict() | {"options": json.loads(row.options)})


async def subscribe(connection: AsyncConnection, organisation: str, id_: str, columns: Json) -> None:
    """Stores the destination of a new Subscription, or what has changed of it. The resource is stored by the caller."""
    known = select(destination.c.id).where(destination.c.id == id_, destination.c.organisation == organisation)
    if (await connection.execute(known.with_for_update())).one_or_none():
        await connection.execute(update(destination).where(destination.c.id == id_).values(columns))
    else:
        new = {"organisation": organisation, "id": id_, "kind": SUBSCRIPTION, "secret": "", "failures": 0, "events": 0}
        await connection.execute(destination.insert(), new | columns)


async def take(store: Store, one: Kept, seconds: float) -> datetime | None:
    """Until when the caller, and nobody else, may tell it something that is no event; None: somebody else does."""
    moment = now()
    until = moment + timedelta(seconds=seconds)
    mine = (
        update(destination)
        .where(
            destination.c.id == one.id,
            destination.c.state == one.state,
            *(or_(held.is_(None), held <= moment) for held in (destination.c.not_before, destination.c.probing_until)),
        )
        .values(probing_until=until)
    )
    async with store.transaction() as connection:
        return until if (await connection.execute(mine)).rowcount else None


async def shaken_hands(store: Store, one: Kept, until: datetime, sign: Sign) -> None:
    """Makes it active, or puts it in error, by how its handshake went; unless it was changed meanwhile.

    What waited for it, each for its own while, may go now.
    """
    async with store.transaction() as connection:
        held = await _hold(connection, one)
        if held is None or (held.state, held.probing_until) != (REQUESTED, until):
            return
        moment = now()
        if sign.failure:
            told = {"state": ERROR, "last_failure_at": sign.ended_at, "last_failure": sign.failure}
            await say_status(connection, one.organisation, one.id, "error", f"The handshake failed: {sign.failure}.")
        else:
            told = {"state": ACTIVE, "failures": 0, "failing_since": None, "last_success_at": sign.ended_at}
            await say_status(connection, one.organisation, one.id, "active")
            waiting = update(delivery).where(DUE, delivery.c.destination_id == one.id, delivery.c.due_at > moment)
            await connection.execute(waiting.values(due_at=moment))
        told |= {"probing_until": None, "not_before": None}
        await connection.execute(update(destination).where(destination.c.id == one.id).values(told))


async def heart_beaten(store: Store, one: Kept, until: datetime, sign: Sign) -> None:
    """Records how a heartbeat went: it counts for the Subscription's health as an event does."""
    async with store.transaction() as connection:
        held = await _hold(connection, one)
        if held is None or held.state != ACTIVE:
            return
        columns = [destination.c[name] for name in Health.__dataclass_fields__]
        row = (await connection.execute(select(*columns).where(destination.c.id == one.id))).one()
        health = health_after(Health(*row), [sign], 0)
        if health.probing_until == until:
            health = replace(health, probing_until=None)
        health = await in_error_when_failing(connection, one.organisation, one.id, health)
        await connection.execute(update(destination).where(destination.c.id == one.id).values(asdict(health)))


async def switch_off(store: Store, one: Kept) -> None:
    """Its `end` has come."""
    async with store.transaction() as connection:
        held = await _hold(connection, one)
        if held is None or held.state == OFF:
            return
        await say_status(connection, one.organisation, one.id, "off")
        await connection.execute(update(destination).where(destination.c.id == one.id).values(state=OFF))


async def in_error_when_failing(
    connection: AsyncConnection, organisation: str, id_: str, health: Health, *, gone: bool = False
) -> Health:
    """What its health comes to: where another destination is tried again and again, a Subscription is in error until
    its client asks for it anew (backport errors.html). `gone`: its endpoint says that it is there no more."""
    if health.state != "failing" and not (gone and health.state == ACTIVE):
        return health
    await say_status(connection, organisation, id_, "error", f"Notifications fail: {health.last_failure}.")
    return replace(health, state=ERROR, not_before=None)


async def say_status(
    connection: AsyncConnection, organisation: str, id_: str, status: str, error: str | None = None
) -> None:
    """Stores the version of the resource that says so. Whoever calls holds it (`resources.hold`)."""
    found = await read(connection, organisation, "Subscription", id_)
    assert found is not None  # stored with its destination
    before = parse(found[2].encode())
    content = {name: value for name, value in before.items() if name != "error"} | {"status": status}
    if error:
        content["error"] = error
    kept = Resource("Subscription", id_, found[0] + 1, max(next_moment(), found[1]), content, "PUT")
    kept.stamp()
    await save_version(connection, organisation, kept, before)


async def _hold(connection: AsyncConnection, one: Kept) -> Kept | None:
    """Resource first, then destination: the order in which a client's update takes them, too."""
    await hold(connection, one.organisation, [f"Subscription/{one.id}"], changing=True)
    row = (await connection.execute(select(*COLUMNS).where(destination.c.id == one.id).with_for_update())).one_or_none()
    return _kept(row) if row else None
