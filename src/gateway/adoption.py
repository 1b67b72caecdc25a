"""How an organisation's teams take up the service, in figures that name nobody."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from gateway.ids import instant, now
from gateway.parties import Directory
from gateway.store.adoption import count_referrals, count_requests, forms_sent
from gateway.store.engine import Store
from mappings.clinician import ENDED, UK, reply_day, uk_moment

Json = dict[str, Any]

DAYS = (30, 90, 365)  # what one can look back on
MONTHS = 12
MOST = 20_000  # forms that medians are taken of
TEAMS = 100  # that somebody has asked for
STATUSES = {
    "not_accepted": ("not-accepted",),
    "undecided": ("submitted", "delivery-failed", "received", "info-requested"),
    "accepted_open": ("accepted", "allocated", "contacting", "engaged", "in-support", "on-hold"),
    "ended": tuple(sorted(ENDED - {"not-accepted", "entered-in-error"})),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one team. `sent` by days looked back, `months` by their first day; all else is of the days chosen. Times are
    in seconds; None where no form tells them. `timed` and `counted` are the forms that tell time and interactions."""

    team: str
    sent: dict[int, int]
    months: dict[date, int]
    referrers: int
    by_form: int
    timed: int
    median: float | None
    p90: float | None
    counted: int
    interactions: float | None
    undecided: int
    overdue: int
    accepted_open: int
    not_accepted: int
    ended: int


@dataclass(frozen=True, slots=True)
class Asked:
    team: str
    people: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Adoption:
    """As of `at`. `cut`: more forms were sent than times were taken of; the latest are in."""

    at: datetime
    days: int
    months: list[date]
    teams: list[Figures]
    asked: list[Asked]
    cut: bool


async def read_adoption(store: Store, directory: Directory, organisation: str, days: int) -> Adoption:
    """Of the organisation's active teams, looking back on one of DAYS."""
    at = now()
    today = uk_moment(instant(at)).date()
    registered = (directory.organisation(organisation) or {}).get("teams", [])
    active = [team for team in registered if team["active"]]
    names = sorted({name for team in active for name in (team["name"], team["code"])})
    months = _months(today)
    ends = [_start(month) for month in [*months[1:], today + timedelta(days=1)]]
    spans = {f"m{place}": (_start(month), end) for place, (month, end) in enumerate(zip(months, ends, strict=True))}
    spans |= {f"d{one}": (at - timedelta(days=one), ends[-1]) for one in DAYS}
    since = at - timedelta(days=days)
    promised = {hub["id"]: undecided_since(hub["response_days"], today) for hub in directory.hubs_for(organisation)}
    async with store.reading() as connection:
        rows = await count_referrals(connection, organisation, names, spans, since, STATUSES, promised)
        forms = await forms_sent(connection, organisation, names, since, MOST)
        asked = await count_requests(connection, organisation, TEAMS)
    return Adoption(
        at,
        days,
        months,
        [_figures(team, rows, forms, days, months) for team in active],
        list(_asked(asked, registered)),
        len(forms) == MOST,
    )


def undecided_since(response_days: int, today: date) -> datetime:
    """Of what was sent before this moment and is not decided, the hub's reply is overdue."""
    day = today
    while reply_day({"submitted_at": day.isoformat(), "hub": {"response_days": response_days}}) >= today:
        day -= timedelta(days=1)
    return _start(day + timedelta(days=1))


def _months(today: date) -> list[date]:
    """The first days of the last twelve months, this one the last."""
    count = today.year * 12 + today.month - 1
    return [date(one // 12, one % 12 + 1, 1) for one in range(count - MONTHS + 1, count + 1)]


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UK).astimezone(UTC)


def _figures(
    team: Json, rows: Iterable[Mapping[Any, Any]], forms: Iterable[Mapping[Any, Any]], days: int, months: list[date]
) -> Figures:
    """A team's rows under its name and its code together: a system may send either."""
    own = [row for row in rows if row["team"] in (team["name"], team["code"])]
    sent = [form for form in forms if form["team"] in (team["name"], team["code"])]
    seconds = sorted(form["seconds"] for form in sent if form["seconds"] is not None)
    counted = [form["interactions"] for form in sent if form["interactions"] is not None]

    def total(name: str) -> int:
        return sum(int(row[name] or 0) for row in own)

    return Figures(
        team["name"],
        {one: total(f"d{one}") for one in DAYS},
        {month: total(f"m{place}") for place, month in enumerate(months)},
        total("referrers"),
        len(sent),
        len(seconds),
        statistics.median(seconds) if seconds else None,
        _p90(seconds),
        len(counted),
        statistics.median(counted) if counted else None,
        *(total(name) for name in ("undecided", "overdue", "accepted_open", "not_accepted", "ended")),
    )


def _p90(ordered: Sequence[int]) -> float | None:
    """The smallest that nine in ten are not above (nearest rank)."""
    return ordered[-(-len(ordered) * 9 // 10) - 1] if ordered else None


def _asked(rows: Iterable[Mapping[Any, Any]], teams: list[Json]) -> Iterable[Asked]:
    """The teams that are not active, by name where they are registered."""
    known = {name: team for team in teams for name in (team["code"], team["name"])}
    for row in rows:
        team = known.get(row["team"], {"name": row["team"], "active": False})
        if not team["active"]:
            yield Asked(team["name"], row["people"], row["last"])
