"""What became of cards (CDS Hooks 2.0, Feedback). Cards are not kept, so any card's UUID is taken."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gateway.errors import Issue, Rejected
from gateway.telemetry import UUID
from gateway.validation import dump, parse

Json = dict[str, Any]

MOST = 100  # of one request
OUTCOMES = ("accepted", "overridden")


def read_feedback(body: bytes, organisation: str, service: str) -> list[Json]:
    """Rows of table card_feedback, one for each card: of two about the same the later. Raises Unreadable, Rejected."""
    told = parse(body).get("feedback")
    if not isinstance(told, list) or not 1 <= len(told) <= MOST:
        raise Rejected(issues=[Issue("required", f"feedback must be a list of 1 to {MOST} objects.", "feedback")])
    if issues := [issue for index, one in enumerate(told) for issue in _misfits(one, f"feedback[{index}]")]:
        raise Rejected(issues=issues)
    rows: dict[str, Json] = {}
    for one in told:
        row = {
            "organisation": organisation,
            "card": one["card"].lower(),
            "service": service,
            "outcome": one["outcome"],
            "content": dump(one).decode(),
            "at": _moment(one["outcomeTimestamp"]),
        }
        if row["card"] not in rows or rows[row["card"]]["at"] < row["at"]:
            rows[row["card"]] = row
    return list(rows.values())


def _misfits(one: Any, place: str) -> Iterator[Issue]:
    if not isinstance(one, dict):
        yield Issue("structure", f"{place} must be an object.", place)
        return
    if not _is_uuid(one.get("card")):
        yield Issue("value", f"{place}.card must be the uuid of the card.", f"{place}.card")
    outcome = one.get("outcome")
    if outcome not in OUTCOMES:
        yield Issue("value", f"{place}.outcome must be one of {', '.join(OUTCOMES)}.", f"{place}.outcome")
    if _moment(one.get("outcomeTimestamp")) is None:
        text = f"{place}.outcomeTimestamp must be a time with its zone, e.g. 2026-03-02T09:30:00Z."
        yield Issue("value", text, f"{place}.outcomeTimestamp")
    if outcome == "accepted" and not _are_suggestions(one.get("acceptedSuggestions")):
        text = f"{place}.acceptedSuggestions must be a list of objects with the id (uuid) of a suggestion."
        yield Issue("required", text, f"{place}.acceptedSuggestions")
    if "overrideReason" in one and (outcome != "overridden" or not _is_reason(one["overrideReason"])):
        text = (
            f"{place}.overrideReason goes with overridden: an object with reason (code and system of one of the "
            "card's overrideReasons), userComment (text), or both."
        )
        yield Issue("structure", text, f"{place}.overrideReason")


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def _are_suggestions(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and _is_uuid(one.get("id")) for one in value)
    )


def _is_reason(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("userComment", ""), str):
        return False
    reason = value.get("reason")
    return reason is None or (
        isinstance(reason, dict) and all(isinstance(reason.get(name), str) for name in ("code", "system"))
    )


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
