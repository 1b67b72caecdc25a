"""POST {session}/referrals/{id}/answer: words to the hub become a Communication, as an EPR would send."""

import re
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.errors import Conflict, IllegalMove, NotFound, Rejected
from gateway.fhir.create import create_new
from gateway.fhir.exchange import Exchange, answer_once, refuse_invalid
from gateway.launch.session import LaunchSession, admit, caller_of, require_patient
from gateway.messages import Received, first_answer
from gateway.telemetry import RequestContext
from gateway.validation import dump
from gateway.viewing import Shown, view_person
from gateway.web.forms import Form, first, read_launched_form
from gateway.web.launched import launch_page
from gateway.web.page import go
from gateway.web.person.showing import Trouble, page_of

Json = dict[str, Any]

LONGEST = 4000  # characters: what a link worker can be expected to read
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")  # that come along with what is pasted, and nobody sees
TOLD = (IllegalMove, Conflict, Rejected)  # what the clinician is told beside the form
SENT_BEFORE = (
    "You have sent a message from this form already, with other words. It stands below as it was sent. To add to it, "
    "send this as a further message."
)


@launch_page
async def send_words(request: Request) -> Response:
    """Sends them once, however often the button is pressed; then the page to read is another one (303)."""
    session = await admit(request)
    form = await read_launched_form(request, session)
    gateway: Gateway = request.app.state.gateway
    viewed = await view_person(gateway, session.organisation, require_patient(session))
    shown = viewed.find(str(request.path_params["referral"]))
    if shown is None or shown.view.hidden:
        raise NotFound("There is no referral of this person here that takes a message. Phone the hub.")
    written = CONTROLS.sub(" ", first(form, "text")).strip()
    asked = shown.view.question is not None
    if problem := _problem(written, asked):
        return await page_of(request, session, Trouble(shown.view.id, "answer", problem, first(form, "text")))
    try:
        await _tell(request, session, shown, written, _key(form))
    except TOLD as refusal:
        text = SENT_BEFORE if isinstance(refusal, Conflict) else refusal.issues[0].text
        return await page_of(request, session, Trouble(shown.view.id, "answer", text, written, refusal.status))
    return go(f"{session.path}?done={'answered' if asked else 'sent'}")


def _problem(written: str, asked: bool) -> str | None:
    if not any(one.isalnum() for one in written):
        return "Enter your answer" if asked else "Enter your message"
    if len(written) > LONGEST:
        return f"Your {'answer' if asked else 'message'} must be {LONGEST:,} characters or fewer"
    return None


def _key(form: Form) -> str:
    """The form's own UUID, under which it is sent once (as X-Request-Id)."""
    try:
        return str(UUID(first(form, "key")))
    except ValueError:
        raise Rejected("This form cannot be read. Read the page again and repeat it.") from None


async def _tell(request: Request, session: LaunchSession, shown: Shown, written: str, key: str) -> None:
    """Raises IllegalMove when nobody would read it, Conflict when this form has sent something else, Rejected."""
    context = RequestContext(key, shown.correlation_id)
    exchange = Exchange(request, request.app.state.gateway, caller_of(request, session), context)
    exchange.require("system/Communication.c")
    content = _communication(session, shown, written)
    await refuse_invalid(exchange, content)
    received = Received("POST /app/answer", f"/app/answer/{shown.view.id}", dump(content))
    given = await first_answer(exchange.gateway.store, exchange.caller, context, received)
    if given is None:
        given = await answer_once(exchange, received, create_new(exchange, received, content))
    request.state.audited = given.audited


def _communication(session: LaunchSession, shown: Shown, written: str) -> Json:
    """R4 communication.html. When it was sent is left out: the same words are the same message, whenever they come."""
    subject = {"subject": {"reference": f"Patient/{shown.patient_id}"}} if shown.patient_id else {}
    return {
        "resourceType": "Communication",
        "status": "completed",
        **subject,
        "about": [{"reference": f"Task/{shown.view.id}"}],
        "sender": {"display": session.user.name},
        "payload": [{"contentString": written}],
    }
