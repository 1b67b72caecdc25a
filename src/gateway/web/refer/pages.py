"""{session}/refer: the form, the review, and what comes next. All works without script, and a draft is kept."""

import hmac
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.arrival import Gateway
from gateway.errors import GatewayError, NotFound, Rejected
from gateway.ids import now
from gateway.launch.session import PATH, LaunchSession, admit, require_patient
from gateway.platform.exchange import ID
from gateway.privacy import is_restricted
from gateway.store.drafts import drop_draft
from gateway.viewing import view_person, view_sent
from gateway.web.forms import Form, first, read_launched_form
from gateway.web.launched import launch_page
from gateway.web.page import HEADERS, go, show, uk_time
from gateway.web.refer.fields import Option, in_words, sections_of
from gateway.web.refer.sending import find_sent, send
from gateway.web.refer.writing import Draft, find_draft, keep_draft, open_draft
from mappings.clinician import uk_day
from mappings.form import Answers, Problem, Unsendable, answers_from_form, problems, suggests_urgency
from mappings.view import PersonView, person_of

Json = dict[str, Any]
NOT_KEPT = (
    "This person's record is restricted, so no phone number of theirs is kept or sent. Tell the hub by phone how to "
    "reach them, or select another way to contact them"
)
WRITTEN = ("situation", "what-matters", "risk-detail", "communication-needs", "contact-times", "consent-reason")


def add_refer_pages(app: FastAPI) -> None:
    at = f"{PATH}/{{session}}"
    app.add_route(f"{at}/refer", show_form, methods=["GET"])
    app.add_route(f"{at}/refer", take_form, methods=["POST"])
    app.add_route(f"{at}/refer/review", show_review, methods=["GET"])
    app.add_route(f"{at}/refer/review", send_referral, methods=["POST"])
    app.add_route(f"{at}/refer/sent/{{referral}}", show_sent, methods=["GET"])
    app.add_route(f"{at}/draft", save, methods=["POST"])
    app.add_route(f"{at}/draft/discard", discard, methods=["POST"])


@launch_page
async def show_form(request: Request) -> Response:
    session = await admit(request)
    return await _form(request, session, await open_draft(request, session))


@launch_page
async def take_form(request: Request) -> Response:
    """To the review when all is there; else the form again, with what is missing. Both keep what was written."""
    session, form = await _read(request)
    draft = await _kept(request, session, form)
    if isinstance(draft, Response):
        return draft
    found = _problems(request, session, draft.answers)
    if first(form, "phone").strip() and is_restricted(require_patient(session)):
        found = [*(one for one in found if one.link_id != "phone"), Problem("phone", NOT_KEPT)]
    if found:
        return await _form(request, session, draft, found)
    return go(f"{session.path}/refer/review")


@launch_page
async def save(request: Request) -> Response:
    """What the script saves now and then: when that was, and whether the crisis line should be shown."""
    session, form = await _read(request)
    draft = await _kept(request, session, form)
    if isinstance(draft, Response):
        return JSONResponse({"sent": True}, headers=HEADERS)
    told = {"saved": uk_time(draft.updated_at), "urgent": _is_urgent(draft.answers)}
    return JSONResponse(told, headers=HEADERS)


@launch_page
async def discard(request: Request) -> Response:
    session, form = await _read(request)
    draft = await find_draft(request, session)
    if draft and draft.id == first(form, "draft"):  # an id that was put in by hand may be somebody else's
        async with request.app.state.gateway.store.transaction() as connection:
            await drop_draft(connection, session.organisation, draft.id)
    return go(session.path)


@launch_page
async def show_review(request: Request) -> Response:
    session = await admit(request)
    draft = await find_draft(request, session)
    if draft is None:
        return go(session.path)
    if found := _problems(request, session, draft.answers):
        return await _form(request, session, draft, found)
    return _review(request, session, draft)


@launch_page
async def send_referral(request: Request) -> Response:
    """Sends it once, however often the button is pressed; then the page to read is another one (303)."""
    session, form = await _read(request)
    if gone := await _sent_already(request, session, form):
        return gone
    draft = await find_draft(request, session)
    if draft is None or draft.id != first(form, "draft"):
        return await _sent_already(request, session, form) or go(f"{session.path}/refer")
    if found := _problems(request, session, draft.answers):
        return await _form(request, session, draft, found)
    if first(form, "version") != draft.version:
        return _review(request, session, draft, changed=True)
    try:
        referral_id = await send(request, session, draft)
    except Unsendable as missing:
        return await _form(request, session, draft, missing.problems)
    except Rejected as refusal:
        return _review(request, session, draft, refusal)
    return _to_sent(session, referral_id)


@launch_page
async def show_sent(request: Request) -> Response:
    session = await admit(request)
    gateway: Gateway = request.app.state.gateway
    id_, patient = str(request.path_params["referral"]), require_patient(session)
    if hmac.compare_digest(request.query_params.get("receipt", "").encode(), session.receipt(id_).encode()):
        shown = await view_sent(gateway, session.organisation, patient, id_)
    else:
        viewed = await view_person(gateway, session.organisation, patient)
        found = viewed.find(id_)
        if found is None:
            raise NotFound("There is no referral of this person at this address.")
        shown = found
    return show(
        "refer-sent.html",
        framed_by=session.epr["origins"],
        session=session,
        person=_person(session),
        view=shown.view,
    )


def _person(session: LaunchSession) -> PersonView:
    return person_of(require_patient(session), uk_day(now()))


async def _read(request: Request) -> tuple[LaunchSession, Form]:
    session = await admit(request)
    require_patient(session)
    return session, await read_launched_form(request, session)


async def _sent_already(request: Request, session: LaunchSession, form: Form) -> Response | None:
    """What was sent is not written on: the page of a browser's back button, a second window, a lost answer."""
    gateway: Gateway = request.app.state.gateway
    draft_id = first(form, "draft")
    sent = await find_sent(gateway, session.organisation, draft_id) if ID.fullmatch(draft_id) else None
    return _to_sent(session, sent) if sent else None


def _to_sent(session: LaunchSession, referral_id: str) -> Response:
    return go(f"{session.path}/refer/sent/{referral_id}?receipt={session.receipt(referral_id)}")


async def _kept(request: Request, session: LaunchSession, form: Form) -> Draft | Response:
    """The draft with what is in the form, begun anew when it was thrown away meanwhile; where to go when it was sent,
    before this or at the same moment."""
    answers = _answers(form)
    if is_restricted(require_patient(session)):
        answers.pop("phone", None)
    gone = await _sent_already(request, session, form)
    while gone is None:
        if draft := await keep_draft(request, session, answers, form):
            return draft
        gone = await _sent_already(request, session, form)
        if gone is None:
            await open_draft(request, session)
    return gone


def _answers(form: Form) -> Answers:
    return answers_from_form((name, value) for name, values in form.items() for value in values)


def _problems(request: Request, session: LaunchSession, answers: Answers) -> list[Problem]:
    found = problems(answers)
    if not {one.value for one in _hubs(request, session)}.issuperset(map(str, answers.get("hub", []))):
        found.append(Problem("hub", "Select a hub from the list"))
    return found


def _is_urgent(answers: Answers) -> bool:
    return suggests_urgency(str(one) for link in WRITTEN for one in answers.get(link, []))


def _hubs(request: Request, session: LaunchSession) -> list[Option]:
    """The hubs of the organisation's boroughs."""
    directory = request.app.state.gateway.directory
    return [Option(one["id"], one["name"]) for one in directory.hubs_for(session.organisation)]


def _likely_hub(request: Request, session: LaunchSession, answers: Answers) -> Json | None:
    """Where it goes: as chosen, else by the person's address, else the organisation's own. None: it must be chosen."""
    directory = request.app.state.gateway.directory
    chosen = answers.get("hub")
    if chosen:
        hub: Json | None = directory.hub(str(chosen[0]))
        return hub
    homes = [one for one in (session.patient or {}).get("address", []) if one.get("use") != "old"]
    home = homes[0] if homes else {}
    try:
        found: Json = directory.find_hub(session.organisation, [], None, [home.get("city")], home.get("postalCode"))
    except GatewayError:
        return None
    return found


def _shown(request: Request, session: LaunchSession, draft: Draft) -> dict[str, Any]:
    """What the form and its review both show."""
    organisation = request.app.state.gateway.directory.organisation(session.organisation)
    return {
        "framed_by": session.epr["origins"],
        "session": session,
        "draft": draft,
        "person": _person(session),
        "urgent": _is_urgent(draft.answers),
        "crisis_line": organisation.get("crisis_line"),
        "hub": _likely_hub(request, session, draft.answers),
    }


async def _form(request: Request, session: LaunchSession, draft: Draft, found: Iterable[Problem] = ()) -> Response:
    told = list(found)
    viewed = await view_person(request.app.state.gateway, session.organisation, require_patient(session))
    shown = _shown(request, session, draft)
    return show(
        "refer.html",
        422 if told else 200,
        **shown,
        sections=sections_of(draft.answers, told, _hubs(request, session)),
        problems=told,
        earlier=viewed.referrals[0].view if viewed.referrals else None,
        in_doubt=viewed.in_doubt,
        offered=_services(request, shown["hub"]),
    )


def _services(request: Request, hub: Json | None) -> list[str]:
    """What the hub's providers offer, to be signposted to."""
    whole = request.app.state.gateway.directory.hub(hub["id"]) if hub else None
    providers = whole["providers"] if whole else []
    return sorted(f"{service['name']}, {one['name']}" for one in providers for service in one["services"])


def _review(
    request: Request,
    session: LaunchSession,
    draft: Draft,
    refusal: Rejected | None = None,
    *,
    changed: bool = False,
) -> Response:
    return show(
        "refer-review.html",
        422 if refusal else 409 if changed else 200,
        **_shown(request, session, draft),
        sections=sections_of(draft.answers, (), _hubs(request, session)),
        in_words=in_words,
        refused=[issue.text for issue in refusal.issues if issue.severity == "error"] if refusal else [],
        changed=changed,
    )
