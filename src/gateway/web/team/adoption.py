"""GET {session}/adoption: for a team's manager, how teams take the service up; as a page, or as CSV."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from statistics import median, quantiles
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.errors import Forbidden
from gateway.ids import now
from gateway.store.teams import requests_of, taken_up, writing_of
from gateway.web.launched import launch_page
from gateway.web.page import HEADERS, show, uk_time
from gateway.web.team.referrals import admit_team
from mappings.clinician import ENDED, reply_day, uk_day

Row = Mapping[Any, Any]

PERIODS = (30, 90, 365)  # days
UNDECIDED = {"submitted", "received"}
ACCEPTED = {"accepted", "allocated", "contacting", "engaged", "in-support", "on-hold"}


@dataclass(frozen=True, slots=True)
class Uptake:
    """One team in one period. Times are in seconds from the form's opening to its sending, without long pauses; None
    where nothing was measured."""

    team: str
    referrals: int = 0
    referrers: int = 0
    by_form: int = 0
    started: int = 0  # forms that were opened, sent or not
    measured: int = 0  # forms whose time is known
    median_seconds: float | None = None
    p90_seconds: float | None = None
    median_interactions: float | None = None
    accepted: int = 0
    not_accepted: int = 0
    still_open: int = 0
    overdue: int = 0  # not decided, though the days in which the hub has promised to reply have passed
    by_month: dict[str, int] = field(default_factory=dict)


@launch_page
async def show_adoption(request: Request) -> Response:
    session = await admit_team(request)
    if not session.is_manager:
        raise Forbidden("This page is for the managers of a team. Ask yours to show you, or to have you added.")
    gateway: Gateway = request.app.state.gateway
    organisation = gateway.directory.organisation(session.organisation) or {}
    chosen = request.query_params.get("days", "90")
    days = int(chosen) if chosen in map(str, PERIODS) else 90
    at = now()
    since = at - timedelta(days=days)
    async with gateway.store.reading() as connection:
        referrals = await taken_up(connection, session.organisation, since)
        writings = await writing_of(connection, session.organisation, since)
        asked = await requests_of(connection, session.organisation)
    teams = [team for team in organisation.get("teams", []) if team["active"]]
    today = uk_day(at)
    hubs = {one["hub_id"]: gateway.directory.hub(one["hub_id"]) for one in referrals}
    promised = {id_: reply_was_due(hub["response_days"], today) for id_, hub in hubs.items() if hub}
    uptakes = [uptake_of(team, referrals, writings, promised) for team in teams]
    if request.query_params.get("as") == "csv":
        return _csv(uptakes, days, uk_time(at))
    registered = organisation.get("teams", [])
    waiting = [(team["name"], asked.pop(team["code"], 0)) for team in registered if not team["active"]]
    known = {name for team in registered for name in (team["code"], team["name"])}
    waiting += [(name, count) for name, count in sorted(asked.items()) if name not in known]  # not registered yet
    return show(
        "adoption.html",
        framed_by=session.epr["origins"],
        session=session,
        uptakes=uptakes,
        waiting=waiting,
        periods=PERIODS,
        days=days,
        at=at,
    )


def reply_was_due(response_days: int, today: date) -> date:
    """The latest UK day of sending for which the hub should have replied before today."""
    day = today
    while reply_day({"submitted_at": day.isoformat(), "hub": {"response_days": response_days}}) >= today:
        day -= timedelta(days=1)
    return day


def uptake_of(
    team: Row, referrals: Iterable[Row], writings: Iterable[Row], promised: Mapping[str, date] | None = None
) -> Uptake:
    """`promised`: by hub, the latest day of sending whose reply is due."""
    names = {team["code"], team["name"]}
    sent = [one for one in referrals if one["team"] in names and one["status"] != "entered-in-error"]
    written = [one for one in writings if one["team"] in names]
    done = [one for one in written if one["submitted_at"]]
    seconds = sorted(one["seconds"] for one in done if one["seconds"])
    interactions = [one["interactions"] for one in done if one["interactions"]]
    months: dict[str, int] = defaultdict(int)
    overdue = 0
    for one in sent:
        day = uk_day(one["submitted_at"])
        months[f"{day:%Y-%m}"] += 1
        latest = (promised or {}).get(one["hub_id"])
        overdue += latest is not None and one["status"] in UNDECIDED and day <= latest
    statuses = Counter(one["status"] for one in sent)
    return Uptake(
        team=str(team["name"]),
        referrals=len(sent),
        referrers=len({one["referrer"] for one in sent if one["referrer"]}),
        by_form=len(done),
        started=len(written),
        measured=len(seconds),
        median_seconds=median(seconds) if seconds else None,
        p90_seconds=quantiles(seconds, n=10, method="inclusive")[-1] if len(seconds) > 1 else None,
        median_interactions=median(interactions) if interactions else None,
        accepted=sum(statuses[one] for one in statuses if one in ACCEPTED or one.startswith("closed-")),
        not_accepted=statuses["not-accepted"],
        still_open=sum(count for status, count in statuses.items() if status not in ENDED),
        overdue=overdue,
        by_month=dict(sorted(months.items())),
    )


def _csv(uptakes: list[Uptake], days: int, at: str) -> Response:
    columns = [one.name for one in fields(Uptake) if one.name != "by_month"]
    table = io.StringIO()
    writer = csv.writer(table)
    months = sorted({month for one in uptakes for month in one.by_month})
    writer.writerow([*columns, "days", "as_at", *months])
    for one in uptakes:
        counts = [one.by_month.get(month, 0) for month in months]
        writer.writerow([*(_cell(getattr(one, name)) for name in columns), days, at, *counts])
    told = {"Content-Disposition": 'attachment; filename="adoption.csv"'}
    return Response(table.getvalue(), headers=HEADERS | told, media_type="text/csv; charset=utf-8")


def _cell(value: Any) -> Any:
    """Spreadsheets run what begins like a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
