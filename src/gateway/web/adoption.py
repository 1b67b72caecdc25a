"""GET {session}/adoption and adoption.csv: how teams take up the service, for managers. Nobody is named."""

import csv
import io
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from gateway.adoption import DAYS, Adoption, Figures, read_adoption
from gateway.arrival import Gateway
from gateway.errors import BadRequest, Forbidden
from gateway.ids import instant
from gateway.launch.session import LaunchSession, admit
from gateway.web.launched import launch_page
from gateway.web.page import HEADERS, show

USUAL_DAYS = 90
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for one


@launch_page
async def show_adoption(request: Request) -> Response:
    session, adoption = await _read(request)
    return show(
        "adoption.html",
        framed_by=session.epr["origins"],
        session=session,
        adoption=adoption,
        choices=DAYS,
        rows=list(rows_of(adoption)),
    )


@launch_page
async def send_adoption_table(request: Request) -> Response:
    _, adoption = await _read(request)
    table = io.StringIO()
    writer = csv.writer(table)
    for row in rows_of(adoption):
        writer.writerow([_plain(cell) for cell in row])
    name = f"social-prescribing-teams-{adoption.days}-days.csv"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + table.getvalue(), 200, headers, "text/csv; charset=utf-8")


async def _read(request: Request) -> tuple[LaunchSession, Adoption]:
    """Raises Forbidden for whoever is no manager, BadRequest for days that cannot be chosen."""
    session = await admit(request)
    if not session.is_manager:
        raise Forbidden(
            "This page is for managers of a team. Ask whoever looks after social prescribing in your organisation to "
            "register you as one."
        )
    asked = request.query_params.get("days", str(USUAL_DAYS))
    if asked not in map(str, DAYS):
        raise BadRequest(f"Choose how far to look back: {', '.join(map(str, DAYS))} days.")
    gateway: Gateway = request.app.state.gateway
    return session, await read_adoption(gateway.store, gateway.directory, session.organisation, int(asked))


def rows_of(adoption: Adoption) -> Iterator[list[str]]:
    """The table, its heading first: as the page shows it and as it is downloaded."""
    yield [
        "Team",
        *(f"Sent in {days} days" for days in DAYS),
        f"In {adoption.days} days: referrers",
        "By the form",
        "By other systems",
        "Median time to refer",
        "90% within",
        "Forms timed (n)",
        "Median interactions",
        "Forms counted (n)",
        "Not decided",
        "Of these overdue",
        "Accepted and open",
        "Not accepted",
        "Ended",
        *(f"{month:%B %Y}" for month in adoption.months),
        "As at",
    ]
    for one in adoption.teams:
        yield [*_row(one, adoption.days), instant(adoption.at)]


def _row(one: Figures, days: int) -> Iterator[str]:
    yield one.team
    for sent in one.sent.values():
        yield str(sent)
    by_form = min(one.by_form, one.sent[days])
    yield from (str(one.referrers), _share(by_form, one.sent[days]), _share(one.sent[days] - by_form, one.sent[days]))
    yield from (length(one.median), length(one.p90), str(one.timed))
    yield "no form yet" if one.interactions is None else f"{one.interactions:g}"
    for count in (one.counted, one.undecided, one.overdue, one.accepted_open, one.not_accepted, one.ended):
        yield str(count)
    for count in one.months.values():
        yield str(count)


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.0f}%)" if whole else "0"


def length(seconds: float | None) -> str:
    """1 min 5 s."""
    if seconds is None:
        return "no form yet"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
