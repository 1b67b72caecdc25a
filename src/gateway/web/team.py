"""GET {session}/team: the referrals of the user's team, in a window that is about no one person."""

from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.caseload import GROUPS, YOURS, Caseload, read_caseload
from gateway.errors import BadRequest, Forbidden
from gateway.launch.session import PATH, LaunchSession, admit
from gateway.store.teams import Team
from gateway.web.adoption import send_adoption_table, show_adoption
from gateway.web.launched import launch_page
from gateway.web.page import show
from mappings.view.caseload import Line

LAST_PAGE = 400
WORDS = {
    "": "All",
    YOURS: "Needing you",
    "new": "Being decided",
    "support": "With a link worker",
    "paused": "Paused",
    "ended": "Ended",
}
HEADINGS = {"yours": "Needing you first", "overdue": "Overdue", "other": "The last changed first"}


def add_team_pages(app: FastAPI) -> None:
    at = f"{PATH}/{{session}}"
    app.add_route(f"{at}/team", show_team, methods=["GET"])
    app.add_route(f"{at}/adoption", show_adoption, methods=["GET"])
    app.add_route(f"{at}/adoption.csv", send_adoption_table, methods=["GET"])


@launch_page
async def show_team(request: Request) -> Response:
    session = await admit(request)
    team = team_of(session)
    group, page, mine = _chosen(request)
    names = sorted({team["name"], team["code"]})
    whose = Team(session.organisation, names, session.user.name if mine else None)
    caseload = await read_caseload(request.app.state.gateway.store, whose, group, page)

    def address(**changed: str | int) -> str:
        chosen = {"group": group, "mine": "1" if mine else "", "page": ""} | changed
        kept = urlencode({name: value for name, value in chosen.items() if value})
        return f"{session.path}/team{'?' if kept else ''}{kept}"

    return show(
        "team.html",
        framed_by=session.epr["origins"],
        session=session,
        team=team,
        caseload=caseload,
        group=group,
        mine=mine,
        groups=WORDS,
        sections=[(heading, lines) for rank, heading in HEADINGS.items() if (lines := _of(caseload, rank))],
        address=address,
    )


def _of(caseload: Caseload, rank: str) -> list[Line]:
    return [line for line in caseload.lines if line.rank == rank]


def team_of(session: LaunchSession) -> dict[str, str]:
    """The user's team. Raises Forbidden in a window about one person: names of others have no place there."""
    if session.patient is not None or session.team is None:
        raise Forbidden(
            "This window is about one person, and the team's referrals name others. Open social prescribing from the "
            "main menu of your record system."
        )
    return session.team


def _chosen(request: Request) -> tuple[str, int, bool]:
    """Group, page and whether only one's own, of the address. Raises BadRequest for what there is not."""
    asked = request.query_params
    group, page = asked.get("group", ""), asked.get("page", "1")
    if group not in {"", YOURS, *GROUPS} or not (page.isascii() and page.isdecimal() and len(page) < 4):
        raise BadRequest("This address of the team's referrals is not known. Open the first page again.")
    if not 1 <= int(page) <= LAST_PAGE:
        raise BadRequest(f"There are {LAST_PAGE} pages at most. Choose a status to see fewer referrals.")
    return group, int(page), asked.get("mine", "") == "1"
