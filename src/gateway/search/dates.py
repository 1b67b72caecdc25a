"""Dates in searches (R4 search.html#date): a date is the span of time that its precision leaves open."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.errors import BadRequest

Span = tuple[datetime, datetime]  # from the first moment of it to the first moment after it
Test = Callable[[Span], bool]

HERE = ZoneInfo("Europe/London")  # a date without a zone is a day as people here lived it (search.html#date)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)"
    r"(\.(?P<fraction>\d+))?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)


def date_test(value: str, now: datetime) -> Test:
    """Whether a span found in a resource fits the value, e.g. ge2026-01. Raises BadRequest for what is no date."""
    prefix, text = split_prefix(value)
    span = span_of(text.replace(" ", "+"))  # a bare + in an address means a space
    if span is None:
        raise BadRequest("A date is searched as 2026, 2026-01, 2026-01-31 or 2026-01-31T09:30:00Z, after eq gt le ...")
    start, end = span
    if prefix == "ap":  # roughly: a tenth of how long ago it is, either way
        leeway = abs(now - start) / 10
        start, end = _shifted(start, -leeway), _shifted(end, leeway)
    tests: dict[str, Test] = {
        "eq": lambda found: start <= found[0] and found[1] <= end,
        "ne": lambda found: not (start <= found[0] and found[1] <= end),
        "gt": lambda found: found[1] > end,
        "lt": lambda found: found[0] < start,
        "ge": lambda found: found[1] > end or (start <= found[0] and found[1] <= end),
        "le": lambda found: found[0] < start or (start <= found[0] and found[1] <= end),
        "sa": lambda found: found[0] >= end,
        "eb": lambda found: found[1] <= start,
        "ap": lambda found: found[0] < end and start < found[1],
    }
    return tests[prefix]


def split_prefix(value: str) -> tuple[str, str]:
    """("ge", "2026-01") of ge2026-01; eq where none is given."""
    found = PREFIX.fullmatch(value)
    assert found  # it fits any text
    return found[1] or "eq", found[2]


def span_of(text: str) -> Span | None:
    """The span of a FHIR date, dateTime or instant; None when it is none, or there is no such day."""
    parts = DATE.fullmatch(text)
    if parts is None:
        return None
    year, month, day = (int(parts[name] or 1) for name in ("year", "month", "day"))
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    fraction = int(f"{parts['fraction'] or ''}000000"[:6])
    try:
        zone = datetime.fromisoformat(f"2000-01-01T00:00{parts['zone']}").tzinfo if parts["zone"] else HERE
        start = datetime(year, month, day, hour, minute, second % 60, fraction, zone)  # :60 is a leap second
        start += timedelta(seconds=second // 60 * 60)
        return (start.astimezone(UTC), _next(start, parts)) if second <= 60 else None
    except (ValueError, OverflowError):
        return None


def _next(start: datetime, parts: re.Match[str]) -> datetime:
    """The first moment after the span that starts there, in UTC."""
    try:
        if parts["second"]:
            end = start + timedelta(microseconds=10 ** max(0, 6 - len(parts["fraction"] or "")))
        elif parts["hour"]:
            end = start + timedelta(minutes=1)
        elif parts["day"]:
            end = start + timedelta(days=1)  # by the calendar: the day that clocks change has 23 or 25 hours
        elif parts["month"] and start.month < 12:
            end = start.replace(month=start.month + 1)
        else:
            end = start.replace(year=start.year + 1, month=1)
        return end.astimezone(UTC)
    except (ValueError, OverflowError):  # 9999, which some write for never
        return LATEST


def spans_of(value: Any) -> list[Span]:
    """The spans in a date, dateTime, instant, Period or Timing; an open end of a Period reaches for ever."""
    if isinstance(value, str):
        span = span_of(value)
        return [span] if span else []
    if not isinstance(value, dict):
        return []
    if "start" in value or "end" in value:
        start, end = span_of(value.get("start", "")), span_of(value.get("end", ""))
        return [(start[0] if start else EARLIEST, end[1] if end else LATEST)]
    events = [span for each in value.get("event", []) for span in spans_of(each)]
    return events + spans_of(value.get("repeat", {}).get("boundsPeriod"))


def hull(value: str) -> Span:
    """A span that holds every moment which fits the value; used to narrow _lastUpdated before it is judged."""
    prefix, text = split_prefix(value)
    start, end = span_of(text.replace(" ", "+")) or (EARLIEST, LATEST)
    spans = {"eq": (start, end), "gt": (start, LATEST), "ge": (start, LATEST), "sa": (start, LATEST)}
    return spans.get(prefix) or ((EARLIEST, end) if prefix in ("lt", "le", "eb") else (EARLIEST, LATEST))


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return LATEST if by > timedelta(0) else EARLIEST
