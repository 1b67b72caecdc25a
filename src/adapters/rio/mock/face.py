"""How the mock's pages look, and to whom they open. No script."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader

from adapters.rio.mock.chart import chart
from adapters.rio.mock.signing_in import may_open
from adapters.rio.mock.state import Mock
from adapters.rio.mock.store import Row

LONDON = ZoneInfo("Europe/London")
COLOURS = {
    "rejected": "red",
    "failed": "red",
    "completed": "green",
    "cancelled": "grey",
    "entered-in-error": "grey",
}

templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


@dataclass(frozen=True, slots=True)
class Face:
    mock: Mock

    def show(self, template: str, status: int = 200, **values: Any) -> Response:
        # The frame's first address is the app's, its second our own authorization server.
        policy = (
            "script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
            f"frame-src 'self' {self.mock.smart.app.gateway}"
        )
        page = templates.get_template(template).render(values)
        return HTMLResponse(page, status, {"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    def ask(self, status: int = 200) -> Response:
        """Who are you?"""
        sql = "SELECT UserName, Password, Name, Role FROM EprUser JOIN HCP ON HCP.Code = HCP ORDER BY Name"
        return self.show("sign-in.html", status, users=self.mock.store.all(sql), failed=status == 401, user=None)

    def user(self, request: Request) -> Row | None:
        return self.mock.sign_ins.user(self.mock.store, request)

    def record(self, request: Request, client_id: str) -> tuple[Row, dict[str, Any]] | Response:
        """Who asks, and the chart (`chart.chart`); or the page that says why it does not open."""
        user, found = self.user(request), chart(self.mock.store, client_id)
        if user is None:
            return self.ask(401)
        if found is None:
            return self.show("unknown.html", 404, user=user)
        if not may_open(self.mock.store, user, client_id):
            return self.show("closed.html", 403, user=user)
        return user, found


def go(address: str) -> Response:
    """Elsewhere. Only for addresses of our own and of the app that is registered."""
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def colour(row: dict[str, str]) -> str:
    """Of a Task's tag: red for what asks the clinician to act."""
    return "red" if row["BusinessStatus"].startswith("delivery-fail") else COLOURS.get(row["Status"], "blue")


def said(row: dict[str, str]) -> str:
    """A Task's standing in words."""
    words = (row["BusinessStatus"] or row["Status"]).replace("-", " ")
    return "NOT RECEIVED" if words == "delivery failed" else words[:1].upper() + words[1:]


def day(text: str | None) -> str:
    """A date or moment as NHS pages write it, e.g. 14 June 1971; moments by the clock in London."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(LONDON) if moment.tzinfo else moment
    return f"{moment.day} {moment:%B %Y}"


def clock(text: str) -> str:
    return f"{day(text)} at {datetime.fromisoformat(text).astimezone(LONDON):%H:%M}"


def spaced(number: str | None) -> str:
    """An NHS number as 999 123 4567."""
    return f"{number[:3]} {number[3:6]} {number[6:]}" if number else "not known"


def unmarked(markdown: str) -> str:
    """A card's Markdown as text: without emphasis, and what was escaped as it is."""
    return re.sub(r"\\([!-/:-@\[-`{-~])|\*\*", r"\1", markdown)


templates.filters |= {
    "unmarked": unmarked,
    "colour": colour,
    "said": said,
    "day": day,
    "clock": clock,
    "spaced": spaced,
}
