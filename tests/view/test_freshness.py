"""How far the record systems have come."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mappings.view import Copy, copies_of

NOW = datetime(2026, 7, 3, 9, 42, tzinfo=UTC)
BEFORE = NOW - timedelta(minutes=5)


def row(number: int, state: str, minutes: int, to: str = "rio", delivered: int | None = None) -> dict[str, Any]:
    at = NOW - timedelta(minutes=delivered) if delivered is not None else None
    created = NOW - timedelta(minutes=minutes)
    return {"destination_id": to, "number": number, "state": state, "created_at": created, "delivered_at": at}


def test_the_last_version_that_came_is_told() -> None:
    rows = [row(1, "delivered", 60, delivered=59), row(2, "delivered", 30, delivered=29)]

    assert copies_of(rows, {"rio": "rio"}, BEFORE) == [Copy("RiO", NOW - timedelta(minutes=29), 2, None, False)]


def test_what_is_on_its_way_is_not_late_yet_and_late_after_a_while() -> None:
    for minutes, late in ((1, False), (6, True)):
        [copy] = copies_of([row(1, "delivered", 60, delivered=59), row(2, "due", minutes)], {"rio": "rio"}, BEFORE)
        assert (copy.version, copy.behind_since, copy.is_late) == (1, NOW - timedelta(minutes=minutes), late)


def test_what_is_out_of_retries_is_late_at_once() -> None:
    [copy] = copies_of([row(1, "dead", 1)], {"rio": "rio"}, BEFORE)

    assert (copy.at, copy.is_late) == (None, True)


def test_two_systems_of_one_kind_are_told_apart_and_others_rows_are_left_out() -> None:
    rows = [row(1, "delivered", 9, "a", 8), row(1, "dead", 9, "b"), row(1, "dead", 9, "hub")]
    copies = copies_of(rows, {"a": "rio", "b": "rio"}, BEFORE)

    assert [(one.name, one.is_late) for one in copies] == [("RiO (a)", False), ("RiO (b)", True)]
