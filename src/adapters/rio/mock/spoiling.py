"""Faults that spoil what an answer says, or the bytes it is made of."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from adapters.rio.mock.contract import NAMESPACE, Values
from adapters.rio.mock.meddling import with_another_nhs_number

LONDON = ZoneInfo("Europe/London")
DATES = ("DateOfBirth", "DateOfDeath", "DocumentDate")
CLIENT_IDS = ("ClientID", "MergedInto")


def spoil_values(fault: str, answer: Values) -> Values:
    """The answer of an operation as the fault leaves it."""
    return VALUES[fault](answer) if fault in VALUES else answer


def spoil_bytes(fault: str, body: bytes) -> bytes:
    """The body of an answer as the fault leaves it."""
    return BYTES[fault](body) if fault in BYTES else body


def shift_day(day: str) -> str:
    """What becomes of a date that is taken for local midnight and cut off in UTC: in summer the day before."""
    given = date.fromisoformat(day)
    return datetime(given.year, given.month, given.day, tzinfo=LONDON).astimezone(UTC).date().isoformat()


def change_each(value: Any, names: tuple[str, ...], change: Callable[[str], str]) -> Any:
    """The value with what stands under the names changed, however deep."""
    if isinstance(value, dict):
        return {
            name: change(one) if name in names and isinstance(one, str) else change_each(one, names, change)
            for name, one in value.items()
        }
    return [change_each(one, names, change) for one in value] if isinstance(value, list) else value


def _shift_days(answer: Values) -> Values:
    shifted: Values = change_each(answer, DATES, shift_day)
    return shifted


def _lose_zeros(answer: Values) -> Values:
    shortened: Values = change_each(answer, CLIENT_IDS, lambda one: one.lstrip("0") or "0")
    return shortened


VALUES: dict[str, Callable[[Values], Values]] = {
    "two-nhs-numbers": with_another_nhs_number,
    "partial-lookups": lambda answer: answer | {"Entry": answer["Entry"][: len(answer["Entry"]) // 2]},
    "day-shift": _shift_days,
    "leading-zeros-lost": _lose_zeros,
}

BYTES: dict[str, Callable[[bytes], bytes]] = {
    "malformed-xml": lambda body: body[: len(body) // 2] + b"<&" + body[len(body) // 2 :],
    "truncated-xml": lambda body: body[: len(body) // 2],
    "wrong-encoding": lambda body: body + "<!-- £ -->".encode("cp1252"),  # it still says that it is UTF-8
    "namespace-change": lambda body: body.replace(NAMESPACE.encode(), NAMESPACE.replace("4.0", "4.1").encode()),
}
