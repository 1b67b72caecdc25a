"""What a clinician sees: GET / and GET /clients/{ClientID}. No script, and nothing of it can be changed here."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from adapters.rio.mock import tasks
from adapters.rio.mock.chart import caseload, chart, client_of
from adapters.rio.mock.state import Mock

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
    door = APIRouter(default_response_class=HTMLResponse)

    @door.get("/")
    async def show_caseload() -> str:
        referrals = list(reversed(tasks.by_referral(mock.store).values()))
        shown = [(versions, client_of(mock.store, versions[-1])) for versions in referrals[:MOST_SHOWN]]
        return templates.get_template("caseload.html").render(
            referrals=shown, more=len(referrals) - MOST_SHOWN, clients=caseload(mock.store)
        )

    @door.get("/clients/{client_id}")
    async def show_client(client_id: str) -> HTMLResponse:
        found = chart(mock.store, client_id)
        if found is None:
            return HTMLResponse(templates.get_template("unknown.html").render(), 404)
        lists = {(row["Name"], row["Code"]): row["Text"] for row in mock.store.all("SELECT * FROM Lookup")}
        staff = {
            row["Code"]: row["Name"]
            for row in mock.store.all("SELECT Code, Name FROM HCP UNION SELECT Code, Name FROM Team")
        }
        return HTMLResponse(templates.get_template("client.html").render(found, lists=lists, staff=staff))

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


templates.filters |= {"colour": colour, "said": said, "day": day, "clock": clock, "spaced": spaced}
