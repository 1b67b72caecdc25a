"""What a clinician sees: sign-in, the caseload of their team, and records with their tabs. No script."""

import re
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader

from adapters.rio.mock import tasks
from adapters.rio.mock.cards import Cards
from adapters.rio.mock.chart import caseload, chart, client_of
from adapters.rio.mock.signing_in import may_open, sign_in_door
from adapters.rio.mock.smart import base_of
from adapters.rio.mock.state import Mock
from adapters.rio.mock.store import Row
from adapters.signed_launch import sign

MOST_SHOWN = 50
LONDON = ZoneInfo("Europe/London")
COLOURS = {
    "rejected": "red",
    "failed": "red",
    "completed": "green",
    "cancelled": "grey",
    "entered-in-error": "grey",
}

templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def pages(mock: Mock) -> APIRouter:
    store, smart = mock.store, mock.smart
    cards = Cards(smart)
    # Our own addresses too: the launch comes through the authorization server.
    policy = f"frame-ancestors 'none'; frame-src 'self' {smart.app.gateway}; form-action 'self' {smart.app.gateway}"

    def show(template: str, status: int = 200, **values: Any) -> Response:
        page = templates.get_template(template).render(values)
        return HTMLResponse(page, status, {"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    def ask(status: int = 200) -> Response:
        users = store.all("SELECT UserName, Password, Name, Role FROM EprUser JOIN HCP ON HCP.Code = HCP ORDER BY Name")
        return show("sign-in.html", status, users=users, failed=status == 401, user=None)

    door = APIRouter()
    door.include_router(sign_in_door(store, mock.sign_ins, ask))

    @door.get("/")
    async def show_caseload(request: Request) -> Response:
        user = mock.sign_ins.user(store, request)
        if user is None:
            return ask()
        referrals = list(reversed(tasks.by_referral(store).values()))
        told = [(versions, client_of(store, versions[-1])) for versions in referrals]
        shown = [one for one in told if user["SeesAll"] or (one[1] and may_open(store, user, one[1]["ClientID"]))]
        return show(
            "caseload.html",
            user=user,
            referrals=shown[:MOST_SHOWN],
            more=len(shown) - MOST_SHOWN,
            clients=[one for one in caseload(store) if may_open(store, user, one["ClientID"])],
            team=smart.launch(user, None, base_of(request)),
        )

    @door.get("/clients/{client_id}")
    async def show_client(client_id: str, request: Request) -> Response:
        user, found = mock.sign_ins.user(store, request), chart(store, client_id)
        if user is None or found is None or not may_open(store, user, client_id):
            return _closed(user, found)
        shown = await cards.ask(store, user, found["client"], base_of(request))
        return show("client.html", **_around(user, "overview"), **found, **_words(), cards=shown)

    @door.get("/clients/{client_id}/notes")
    async def show_notes(client_id: str, request: Request) -> Response:
        user, found = mock.sign_ins.user(store, request), chart(store, client_id)
        if user is None or found is None or not may_open(store, user, client_id):
            return _closed(user, found)
        return show("notes.html", **_around(user, "notes"), **found, **_words())

    @door.post("/clients/{client_id}/notes/{number}/validate")
    async def validate(client_id: str, number: int, request: Request) -> Response:
        user = mock.sign_ins.user(store, request)
        if user is None or not may_open(store, user, client_id):
            return _closed(user, client_id)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with store.transaction():
            store.change(
                "UPDATE ProgressNote SET Validated = 1, VerifiedBy = ?, VerifyDate = ? WHERE NoteNum = ?"
                " AND ClientID = ? AND SubNum = (SELECT max(SubNum) FROM ProgressNote WHERE NoteNum = ?)",
                user["HCP"], at, number, client_id, number,
            )  # fmt: skip
        return RedirectResponse(f"/clients/{client_id}/notes", 303)

    @door.get("/clients/{client_id}/social-prescribing")
    async def show_social(client_id: str, request: Request) -> Response:
        user, found = mock.sign_ins.user(store, request), chart(store, client_id)
        if user is None or found is None or not may_open(store, user, client_id):
            return _closed(user, found)
        launch = smart.launch(user, client_id, base_of(request))
        signed = _signed(user, client_id) if smart.app.launch_secret else None
        return show("social.html", **_around(user, "social"), **found, launch=launch, signed=signed)

    @door.post("/cards/{card}/feedback")
    async def tell_of_card(card: str, request: Request) -> Response:
        if mock.sign_ins.user(store, request) is None:
            return ask(401)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        client_id = form.get("client", [""])[0]
        await cards.tell(card[:64], "overridden", base_of(request))
        return RedirectResponse(f"/clients/{client_id}/notes" if client_id.isdecimal() else "/", 303)

    def _closed(user: Row | None, found: Any) -> Response:
        if user is None:
            return ask(401)
        return show("closed.html", 403, user=user) if found else show("unknown.html", 404, user=user)

    def _around(user: Row, tab: str) -> dict[str, Any]:
        return {"user": user, "tab": tab}

    def _words() -> dict[str, Any]:
        lists = {(row["Name"], row["Code"]): row["Text"] for row in store.all("SELECT * FROM Lookup")}
        sql = "SELECT Code, Name FROM HCP UNION SELECT Code, Name FROM Team"
        return {"lists": lists, "staff": {row["Code"]: row["Name"] for row in store.all(sql)}}

    def _signed(user: Row, client_id: str) -> str:
        """The address of a launch without SMART."""
        given = {
            "epr": smart.app.epr_id,
            "user": user["HCP"],
            "name": user["Name"],
            "role": user["Role"],
            "team": user["Team"],
            "patient": client_id,
            "issued": str(int(time.time())),
            "nonce": secrets.token_urlsafe(16),
        }
        signature = sign(smart.app.launch_secret or "", given)
        return f"{smart.app.gateway}/launch/signed?{urlencode(given | {'signature': signature})}"

    return door


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
