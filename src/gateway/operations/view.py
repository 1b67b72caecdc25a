"""Stored rows as the operators' door shows them."""

from collections.abc import Iterable
from typing import Any

from gateway.ids import instant

Json = dict[str, Any]


def show_delivery(row: Any, attempts: Iterable[Any] = ()) -> Json:
    return {
        "id": row.id,
        "organisation": row.organisation,
        "referral_id": row.referral_id,
        "reference": row.reference,
        "number": row.number,
        "event": row.event,
        "changed_at": instant(row.changed_at),
        "destination": row.destination_id,
        "owner": row.owner,
        "state": row.state,
        "due_at": instant(row.due_at),
        "delivered_at": instant(row.delivered_at) if row.delivered_at else None,
        "attempts_made": row.attempts,
        "last_failure": row.last_failure,
        "attempts": [_show_attempt(one) for one in attempts],
    }


def _show_attempt(row: Any) -> Json:
    told = {name: getattr(row, name) for name in ("number", "milliseconds", "phase", "status", "answer")}
    return told | {"at": instant(row.at)}
