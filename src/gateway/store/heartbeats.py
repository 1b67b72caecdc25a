"""How far behind the deliveries are, and how each destination is doing."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.engine import RowMapping

from gateway.ids import instant, now
from gateway.store.deliveries import DUE
from gateway.store.engine import Store
from gateway.store.schema import delivery, destination

DEAD = delivery.c.state == literal_column("'dead'")


async def delivery_status(store: Store, organisation: str | None = None) -> dict[str, Any]:
    """For /_status: how many deliveries are due or dead, the oldest one's age (s), each destination's heartbeat.

    Of all senders, or of one organisation's.
    """
    waiting = select(func.count().label("due"), func.min(delivery.c.created_at).label("oldest")).where(DUE)
    dead = select(func.count()).select_from(delivery).where(DEAD)
    beats = select(destination).order_by(destination.c.organisation, destination.c.id)
    if organisation is not None:
        waiting = waiting.where(delivery.c.organisation == organisation)
        dead = dead.where(delivery.c.organisation == organisation)
        beats = beats.where(destination.c.organisation == organisation)
    async with store.reading() as connection:
        due, oldest = (await connection.execute(waiting)).one()
        return {
            "due": due,
            "oldest_due_seconds": (now() - oldest).total_seconds() if oldest else None,
            "dead": (await connection.execute(dead)).scalar_one(),
            "destinations": [_heartbeat_json(row) for row in (await connection.execute(beats)).mappings()],
        }


def _heartbeat_json(row: RowMapping) -> dict[str, Any]:
    def shown(moment: datetime | None) -> str | None:
        return instant(moment) if moment else None

    return {
        "organisation": row["organisation"],
        "id": row["id"],
        "kind": row["kind"],
        "state": row["state"],
        "last_success_at": shown(row["last_success_at"]),
        "last_failure_at": shown(row["last_failure_at"]),
        "last_failure": row["last_failure"],
    }
