"""How pages are made, and the headers that each has."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from gateway.heartbeat import in_words
from gateway.ids import now
from gateway.prefix import here
from gateway.web.assets import asset
from gateway.web.trace_words import FILTERS
from mappings.clinician import UK

# None of our pages has script or style of its own inside, nor anything of another host.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors "
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
pages.globals |= {"asset": asset, "here": here}


def show(template: str, status: int = 200, *, framed_by: Sequence[str] = (), **values: Any) -> Response:
    """A page. `framed_by`: the web origins that may have it in a frame, such as https://epr.example; else none may."""
    policy = POLICY + (" ".join(framed_by) or "'none'")
    page = pages.get_template(template).render(values)
    return Response(page, status, HEADERS | {"Content-Security-Policy": policy}, "text/html; charset=utf-8")


def go(address: str) -> Response:
    """After a POST: the page to read now (303), so that reading it again repeats nothing."""
    return Response(status_code=303, headers=HEADERS | {"Location": address})


def uk_time(moment: datetime) -> str:
    """2 March 2026, 9:30am; in UK time."""
    at = moment.astimezone(UK)
    return f"{at.day} {at:%B %Y}, " + f"{at:%I:%M%p}".lstrip("0").lower()


def age(moment: datetime) -> str:
    return in_words(max(0.0, (now() - moment).total_seconds()))


pages.filters |= {"uk_time": uk_time, "age": age, "in_words": in_words, **FILTERS}
