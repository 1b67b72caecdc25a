"""POST {session}/note: files the progress note in the EPR, as the clinician who has read it."""

import base64
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from adapters.smart.client import EprSilent, EprTrouble
from gateway.errors import NotFound
from gateway.ids import instant
from gateway.launch.session import LaunchSession, admit, require_patient
from gateway.viewing import Shown, view_person
from gateway.web.forms import first, read_launched_form
from gateway.web.launched import launch_page
from gateway.web.page import go
from gateway.web.person.showing import Trouble, may_file, page_of
from mappings.systems import BASE
from mappings.view import progress_note

Json = dict[str, Any]

NOTE_SYSTEM = f"{BASE}:Id:progress-note"
TYPE = {"coding": [{"system": "http://loinc.org", "code": "11506-3", "display": "Progress note"}]}
NOT_FILED = "The record system did not take the note. Copy the text and paste it into the record instead."
IN_DOUBT = (
    "The record system did not say whether it took the note. Look in the record: if the note is not there, file it "
    "again or paste the text."
)
CHANGED = "Something has changed since you read this note. Read it again below, then file it."

log = structlog.get_logger()


@launch_page
async def file_note(request: Request) -> Response:
    """Files what the clinician saw, once for each version of the referral, or says that it was not."""
    session = await admit(request)
    form = await read_launched_form(request, session)
    viewed = await view_person(request.app.state.gateway, session.organisation, require_patient(session))
    shown = viewed.find(first(form, "referral"))
    if shown is None or shown.view.hidden:
        raise NotFound("There is no referral of this person here to write a note of.")
    if first(form, "version") != str(shown.view.version):
        return await page_of(request, session, Trouble(shown.view.id, "note", CHANGED, status=409))
    token = request.app.state.seal.open(session.token) if session.token and may_file(session) else None
    try:
        if token is None:
            raise EprTrouble("The launch gives no right to file a document.")
        note = document(session, shown, instant(viewed.at))
        await request.app.state.eprs.create(session.epr, token, note)
    except EprTrouble as trouble:
        in_doubt = isinstance(trouble, EprSilent)
        log.warning("note not filed", epr=session.epr["id"], reason=str(trouble), in_doubt=in_doubt)
        text = IN_DOUBT if in_doubt else NOT_FILED
        return await page_of(request, session, Trouble(shown.view.id, "note", text, status=502))
    return go(f"{session.path}?done=filed")


def document(session: LaunchSession, shown: Shown, at: str) -> Json:
    """R4 documentreference.html; its identifier says of what state of the referral it tells."""
    text = progress_note(shown.view, at)
    data = base64.b64encode(text.encode()).decode()
    attachment = {"contentType": "text/plain; charset=utf-8", "data": data, "title": "Social prescribing"}
    return {
        "resourceType": "DocumentReference",
        "identifier": [{"system": NOTE_SYSTEM, "value": f"{shown.view.id}-{shown.view.version}"}],
        "status": "current",
        "type": TYPE,
        "subject": {"reference": f"Patient/{require_patient(session)['id']}"},
        "date": at,
        "author": [{"reference": session.user.id, "display": session.user.name}],
        "description": f"Social prescribing {shown.view.reference}",
        "content": [{"attachment": attachment}],
    }
