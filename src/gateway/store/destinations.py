"""The SQL of what people do with destinations: pause, resume, give up, retire."""

from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.health import Health
from gateway.store.deliveries import DUE
from gateway.store.replay import DEAD
from gateway.store.schema import delivery, destination


async def load_health(connection: AsyncConnection, destination_id: str) -> tuple[str, Health] | None:
    """The kind and the health of a destination, locked until the end of the transaction."""
    columns = [destination.c[field.name] for field in fields(Health)]
    query = select(destination.c.kind, *columns).where(destination.c.id == destination_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return (row[0], Health(*row[1:])) if row else None


async def save_health(connection: AsyncConnection, destination_id: str, health: Health) -> None:
    statement = update(destination).where(destination.c.id == destination_id)
    await connection.execute(statement.values(asdict(health)))


async def drop_undelivered(connection: AsyncConnection, destination_id: str) -> int:
    """Nothing that waits for the destination is sent any more; returns how many deliveries that were."""
    statement = update(delivery).where(delivery.c.destination_id == destination_id, or_(DUE, DEAD))
    dropped = await connection.execute(statement.values(state="dropped", leased_until=None))
    return dropped.rowcount


async def probe_now(connection: AsyncConnection, destination_id: str, moment: datetime) -> None:
    """The next of its deliveries goes out at once, whenever its next probe or its own retry would have been."""
    statement = update(delivery).where(DUE, delivery.c.destination_id == destination_id, delivery.c.due_at > moment)
    await connection.execute(statement.values(due_at=moment))
