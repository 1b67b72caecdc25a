"""GET {session}: what the page shows, whole or only the part that changes while somebody looks at it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.ids import instant
from gateway.launch.session import LaunchSession, admit, require_patient
from gateway.live import version_of
from gateway.viewing import Shown, view_person
from gateway.web.launched import launch_page
from gateway.web.page import pages, show
from mappings.clinician import uk_date, uk_day, uk_moment
from mappings.view import person_of, progress_note
from mappings.view.chart import BOTTOM, CAVEAT, HEIGHT, LEFT, NOTICE, RIGHT, TOP, WIDTH

FILING = re.compile(r"patient/(DocumentReference|\*)\.(\*|write|c[ruds]*)")  # SMART scopes of version 2, and of 1
DONE = {  # what a form has done, as the address says after it
    "answered": "Your answer was sent to the hub.",
    "sent": "Your message was sent to the hub.",
    "filed": "The progress note was filed in the record.",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What cannot be done with a form, told beside it with what was written."""

    referral_id: str
    form: str  # answer | note
    text: str
    written: str = ""
    status: int = 422


@launch_page
async def show_person(request: Request) -> Response:
    session = await admit(request)
    require_patient(session)
    return await page_of(request, session)


async def page_of(request: Request, session: LaunchSession, trouble: Trouble | None = None) -> Response:
    gateway: Gateway = request.app.state.gateway
    version = await version_of(gateway.store, session)  # before: what changes meanwhile is told again
    values = await _values(gateway, session, trouble)
    done = None if trouble else DONE.get(request.query_params.get("done", ""))
    status = trouble.status if trouble else 200
    return show("person.html", status, framed_by=session.epr["origins"], done=done, version=version, **values)


async def render_live(gateway: Gateway, session: LaunchSession) -> str:
    """The inside of the page's `#live`, as HTML: all that changes while the page is open."""
    return pages.get_template("person-live.html").render(await _values(gateway, session, None))


async def _values(gateway: Gateway, session: LaunchSession, trouble: Trouble | None) -> dict[str, Any]:
    patient = require_patient(session)
    viewed = await view_person(gateway, session.organisation, patient)
    at = instant(viewed.at)

    def clock(moment: datetime | str) -> str:
        """10:42, with the day when that is not today."""
        shown = moment if isinstance(moment, str) else instant(moment)
        today = uk_date(shown) == uk_date(at)
        return f"{uk_moment(shown):%H:%M}" if today else f"{uk_moment(shown):%H:%M} on {uk_date(shown)}"

    def note_of(one: Shown) -> str:
        return progress_note(one.view, at)

    return {
        "session": session,
        "person": person_of(patient, uk_day(viewed.at)),
        "viewed": viewed,
        "at": at,
        "clock": clock,
        "note_of": note_of,
        "may_file": may_file(session),
        "new_key": lambda: str(uuid4()),
        "trouble": trouble,
        "caveat": CAVEAT,
        "notice": NOTICE,
        "drawing": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
    }


def may_file(session: LaunchSession) -> bool:
    """Whether the EPR lets the page file a document in this person's record."""
    return session.token is not None and any(map(FILING.fullmatch, session.scopes))
