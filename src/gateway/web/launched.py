"""The pages inside an EPR: how they begin, and how they say that something cannot be done."""

from collections.abc import Awaitable, Callable
from functools import wraps

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import GatewayError
from gateway.launch.session import SessionOver
from gateway.launch.signed import open_signed
from gateway.launch.smart import begin, come_back
from gateway.web.page import show

Page = Callable[[Request], Awaitable[Response]]


def add_launch(app: FastAPI) -> None:
    app.add_route("/launch", launch_page(begin), methods=["GET"])
    app.add_route("/launch/callback", launch_page(come_back), methods=["GET"])
    app.add_route("/launch/signed", launch_page(open_signed), methods=["GET"])


def launch_page(make: Page) -> Page:
    """Tells a refusal as a page that the EPR may show in its frame."""

    @wraps(make)
    async def shown(request: Request) -> Response:
        try:
            return await make(request)
        except SessionOver as over:
            return show("session-over.html", over.status, framed_by=over.origins, why=over.why)
        except GatewayError as refusal:
            framed_by = request.app.state.gateway.directory.origins
            return show("launch-refused.html", refusal.status, framed_by=framed_by, text=refusal.issues[0].text)

    return shown
