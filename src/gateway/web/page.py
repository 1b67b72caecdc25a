"""How pages are made, and the headers that each has."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from gateway.heartbeat import in_words
from gateway.ids import now
from gateway.web.patient import born, family_first, nhs_number
from mappings.clinician import UK

HERE = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

pages = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def show(template: str, status: int = 200, *, framed_by: Sequence[str] = (), **values: Any) -> Response:
    """A page. `framed_by` are the origins that may show it inside their own; nobody else."""
    headers = dict(HEADERS)
    if framed_by:
        headers["Content-Security-Policy"] = POLICY.replace("'none'; base-uri", f"{' '.join(framed_by)}; base-uri")
    return Response(pages.get_template(template).render(values), status, headers, "text/html; charset=utf-8")


def go(address: str) -> Response:
    """After a POST: the page to read now (303), so that reading it again repeats nothing."""
    return Response(status_code=303, headers=HEADERS | {"Location": address})


async def style(_request: Request) -> Response:
    kept = HEADERS | {"Cache-Control": "max-age=3600"}
    return Response((HERE / "style.css").read_bytes(), headers=kept, media_type="text/css")


def uk_time(moment: datetime) -> str:
    """2 March 2026, 9:30am; in UK time."""
    at = moment.astimezone(UK)
    return f"{at.day} {at:%B %Y}, " + f"{at:%I:%M%p}".lstrip("0").lower()


def age(moment: datetime) -> str:
    return in_words(max(0.0, (now() - moment).total_seconds()))


pages.filters |= {"uk_time": uk_time, "age": age, "in_words": in_words}
pages.filters |= {"family_first": family_first, "born": born, "nhs_number": nhs_number}
pages.globals["asset"] = lambda name: f"/app/assets/{name}"
