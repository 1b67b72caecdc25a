"""Stored rows as the platform API shows them (the shapes of `gateway.platform.models`)."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.dialects import explain_trace
from gateway.errors import BadRequest
from gateway.ids import instant
from gateway.lifecycle import Actor, moves_from, needs_of
from gateway.store.referrals import Stored

Json = dict[str, Any]
Row = Mapping[Any, Any]  # of the store, by column


def show_referral(stored: Stored, actor: Actor) -> Json:
    standing = stored.standing
    return standing.model_dump(exclude_none=True) | {
        "sender": stored.row["organisation"],
        "person_id": stored.row["person_id"],
        "referral": orjson.loads(stored.row["content"]),
        "allowed_moves": [
            {"to": to, "needs": needs_of(standing.status, to)}
            for to, actors in moves_from("referral", standing.status, standing.resumes_as).items()
            if actor in actors
        ],
    }


def show_summary(row: Row) -> Json:
    content, standing = orjson.loads(row["content"]), orjson.loads(row["standing"])
    return {
        "id": row["id"],
        "version": row["version"],
        "reference": row["reference"],
        "sender": row["organisation"],
        "hub": row["hub_id"],
        "status": row["status"],
        "urgency": row["urgency"],
        "submitted_at": instant(row["submitted_at"]),
        "updated_at": instant(row["updated_at"]),
        "person": show_name(content["person"]),
        "person_id": row["person_id"],
        "reasons": [reason["label"] for reason in content["reasons"]],
        "advisor": standing.get("advisor"),
    }


def show_name(person: Json) -> Json:
    """Who a referral is about, as its line in a list says it."""
    return {
        "given_names": person.get("given_names", []),
        "family_name": person.get("family_name"),
        "birth_date": person.get("birth_date"),
    }


def show_event(row: Row) -> Json:
    return _columns(row, "number", "at", "type", "request_id", "correlation_id") | {
        "actor": orjson.loads(row["actor"]),
        "change": orjson.loads(row["change"]),
    }


def show_delivery(row: Row, attempts: Iterable[Row]) -> Json:
    return _columns(row, "id", "number", "state", "due_at", "delivered_at") | {
        "destination": row["destination_id"],
        "attempts": [_columns(one, "number", "at", "milliseconds", "phase", "status", "answer") for one in attempts],
    }


def show_trace(stored: Stored, dialects: Path | None) -> Json:
    """`dialects` is the folder of GATEWAY_DIALECTS_FOLDER."""
    trace = orjson.loads(stored.row["trace"])
    return {"fields": explain_trace(trace, dialects), "unknown": trace["unknown"]}


def _columns(row: Mapping[Any, Any], *names: str) -> Json:
    return {name: instant(row[name]) if isinstance(row[name], datetime) else row[name] for name in names}


def cursor_after(row: Row) -> str:
    """Where the next page goes on: opaque to the client."""
    return base64.urlsafe_b64encode(f"{row['updated_at'].isoformat()}|{row['id']}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """Raises BadRequest unless it came from `cursor_after`."""
    try:
        at, _, referral_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").partition("|")
        if not referral_id.isprintable():  # PostgreSQL takes no NUL
            raise ValueError
        return datetime.fromisoformat(at).astimezone(UTC), referral_id
    except (binascii.Error, ValueError, OverflowError):
        raise BadRequest("`cursor` must be the next_cursor of the page before.", expression="cursor") from None
