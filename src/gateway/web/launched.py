"""The pages inside an EPR: how they begin, and how they say that something cannot be done."""

from collections.abc import Awaitable, Callable
from functools import wraps

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Contended
from gateway.ids import now
from gateway.launch.session import PATH, LaunchSession, SessionOver, TeamNotActive, admit
from gateway.launch.signed import open_signed
from gateway.launch.smart import begin, come_back
from gateway.store.drafts import ask_for_team
from gateway.store.engine import is_contended
from gateway.telemetry import known
from gateway.web.forms import read_launched_form
from gateway.web.page import show

Page = Callable[[Request], Awaitable[Response]]


def add_launch(app: FastAPI) -> None:
    app.add_route("/launch", launch_page(begin), methods=["GET"])
    app.add_route("/launch/callback", launch_page(come_back), methods=["GET"])
    app.add_route("/launch/signed", launch_page(open_signed), methods=["GET"])
    app.add_route(f"{PATH}/{{session}}/ask", ask, methods=["POST"])


def launch_page(make: Page) -> Page:
    """Tells a refusal, and whatever else keeps a page from being made, as a page that the EPR may show in its frame."""

    @wraps(make)
    async def shown(request: Request) -> Response:
        try:
            return await make(request)
        except SessionOver as over:
            return show("session-over.html", over.status, framed_by=over.origins, why=over.why)
        except TeamNotActive as idle:
            return show_not_active(idle.session, asked=False)
        except Exception as trouble:
            refusal = Contended() if is_contended(trouble) else known(trouble, request.state.context)
            request.state.refused = refusal  # for gateway.again
            framed_by = request.app.state.gateway.directory.origins
            report = request.state.context.correlation_id if refusal.status >= 500 else None
            text = refusal.issues[0].text
            return show("launch-refused.html", refusal.status, framed_by=framed_by, text=text, report=report)

    return shown


def show_not_active(session: LaunchSession, *, asked: bool) -> Response:
    framed_by = session.epr["origins"]
    return show("team-not-active.html", 200 if asked else 403, framed_by=framed_by, session=session, asked=asked)


@launch_page
async def ask(request: Request) -> Response:
    """Keeps that somebody asks for their team, whose name the EPR has given."""
    session = await admit(request, active=False)
    await read_launched_form(request, session)
    if session.team_name and not session.is_active:
        row = {
            "organisation": session.organisation,
            "team": (session.team["code"] if session.team else session.team_name)[:64],
            "user_id": session.user.id,
            "user_name": session.user.name,
            "asked_at": now(),
        }
        async with request.app.state.gateway.store.transaction() as connection:
            await ask_for_team(connection, row)
    return show_not_active(session, asked=True)
