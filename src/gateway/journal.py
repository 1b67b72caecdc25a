"""The tail that every change of a referral has: its event, the Task version that shows it, and who must hear of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.hearing import Heard
from gateway.ids import new_id, now
from gateway.security import Caller
from gateway.store.engine import Rows
from gateway.store.schema import delivery, event, resource
from gateway.telemetry import RequestContext


def journal_rows(
    referral_row: dict[str, Any],
    task: bytes,
    event_type: str,
    change: dict[str, Any],
    caller: Caller,
    context: RequestContext,
    heard: Sequence[Heard],
    at: datetime,
) -> list[Rows]:
    """The rows to store in the transaction that changes the referral.

    `referral_row` is the referral after the change: its `version` numbers the event and the Task. `task` is that
    Task version as it will be read and sent, byte for byte; `heard` who must hear of it; `change` what
    changed, as JSON.
    """
    organisation, referral_id, number = (referral_row[key] for key in ("organisation", "id", "version"))
    rows: list[Rows] = [
        (
            resource,
            [
                {
                    "organisation": organisation,
                    "type": "Task",
                    "id": referral_id,
                    "version": number,
                    "updated_at": at,
                    "method": "POST" if number == 1 else "PUT",
                    "content": task.decode(),
                }
            ],
        ),
        (
            event,
            [
                {
                    "organisation": organisation,
                    "referral_id": referral_id,
                    "number": number,
                    "at": at,
                    "type": event_type,
                    "actor": actor_of(caller),
                    "change": orjson.dumps(change).decode(),
                    "request_id": context.request_id,
                    "correlation_id": context.correlation_id,
                }
            ],
        ),
    ]
    if heard:
        rows.append((delivery, [_due(organisation, referral_id, number, each, at) for each in heard]))
    return rows


def actor_of(caller: Caller) -> str:
    """Who did something, as JSON."""
    actor = {
        "client": caller.client_id,
        "organisation": caller.organisation,
        "role": caller.role,
        "person": caller.person,
    }
    return orjson.dumps(actor).decode()


def _due(organisation: str, referral_id: str, number: int, heard: Heard, at: datetime) -> dict[str, Any]:
    return {
        "organisation": organisation,
        "id": new_id(),
        "referral_id": referral_id,
        "number": number,
        "destination_id": heard.destination_id,
        "focus": heard.focus,
        "event_number": heard.event_number,
        "state": "due",
        "due_at": min(at, now()),  # a change may be dated ahead of the clock, where another machine's is ahead
        "attempts": 0,
        "created_at": at,
    }
