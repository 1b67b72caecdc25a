"""GET {session}/team: the team's referrals, what needs the clinician first. For a session about no one person."""

from datetime import timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.errors import NotFound
from gateway.ids import now
from gateway.launch.session import LaunchSession, admit
from gateway.store.teams import MOST, referrals_of
from gateway.web.launched import launch_page
from gateway.web.page import show
from mappings.clinician import ENDED, uk_day
from mappings.view.team import Listed, listed

RECENT = timedelta(days=28)  # so long what ended with something to do for the clinician is shown among the open ones


def names_of(session: LaunchSession) -> set[str]:
    """By which senders call the session's team."""
    assert session.team  # admitted
    return {session.team["code"], session.team["name"]}


async def admit_team(request: Request) -> LaunchSession:
    """Raises NotFound in a session about a person: a window about one shows nobody else."""
    session = await admit(request)
    if session.patient is not None:
        raise NotFound("This window is about one person. Open your team's page from the list of your caseload.")
    return session


@launch_page
async def show_team(request: Request) -> Response:
    session = await admit_team(request)
    gateway: Gateway = request.app.state.gateway
    mine, ended = request.query_params.get("of") == "me", request.query_params.get("show") == "ended"
    found, more = await _find(gateway, session, mine=mine, ended=ended)
    groups = {group: [one for one in found if one.group == group] for group in ("yours", "overdue", "others")}
    return show(
        "team.html",
        framed_by=session.epr["origins"],
        session=session,
        groups=groups,
        found=found,
        more=more,
        most=MOST,
        mine=mine,
        ended=ended,
        at=now(),
    )


async def _find(gateway: Gateway, session: LaunchSession, *, mine: bool, ended: bool) -> tuple[list[Listed], bool]:
    moment = now()
    today = uk_day(moment)
    team, me = names_of(session), session.user.name if mine else None
    async with gateway.store.reading() as connection:
        read = partial(referrals_of, connection, session.organisation, team, ended=ENDED, referrer=me)
        rows = await read(still_open=not ended)
        late = [] if ended else await read(still_open=False, changed_since=moment - RECENT)
    shown = [listed(*row, today) for row in rows[:MOST] if row[0]["status"] != "entered-in-error"]
    closed = [listed(*row, today) for row in late[:MOST] if row[0]["status"] != "entered-in-error"]
    found = [*(one for one in closed if one.group == "yours"), *shown]
    found.sort(key=lambda one: one.view.updated_at, reverse=True)
    return found, max(len(rows), len(late)) > MOST
