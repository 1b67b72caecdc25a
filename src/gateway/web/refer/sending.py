"""Sending: what was written becomes a referral through the same `accept()` as an EPR's own."""

from typing import Any

from starlette.requests import Request

from gateway.arrival import Gateway
from gateway.fhir.entries import read_entries
from gateway.fhir.exchange import Exchange, keep, refuse_invalid
from gateway.fhir.planning import plan
from gateway.ids import instant, now
from gateway.launch.session import LaunchSession, caller_of, require_patient
from gateway.messages import Answer, Received
from gateway.own_names import AlreadyReferred, find_referral
from gateway.referrals import Accepted, accept
from gateway.store.drafts import finish_draft
from gateway.validation import dump
from gateway.web.refer.writing import Draft
from mappings.form import Referrer, extract, response_from
from mappings.systems import BASE

Json = dict[str, Any]

DRAFT_SYSTEM = f"{BASE}:Id:draft"  # of the sender's own name of a referral that was written in the form


async def find_sent(gateway: Gateway, organisation: str, draft_id: str) -> str | None:
    """The referral that this draft has become."""
    found = await find_referral(gateway.store, organisation, [f"{DRAFT_SYSTEM}|{draft_id}"])
    return found[0] if found else None


async def send(request: Request, session: LaunchSession, draft: Draft) -> str:
    """The id of the referral. Sent twice it is one, whichever request comes first; the draft goes with it.

    Raises Unsendable for answers that are not whole, Rejected with what is unsafe or unworkable; then the draft stays.
    """
    gateway: Gateway = request.app.state.gateway
    exchange = Exchange(request, gateway, caller_of(request, session), session.context)
    at = now()
    name = {"system": DRAFT_SYSTEM, "value": draft.id}
    response = response_from(draft.answers, at=instant(at))
    bundle = extract(response, require_patient(session), _referrer(gateway, session), instant(at), name)
    await refuse_invalid(exchange, bundle)
    received, bundle = keep(Received("POST /app/refer", "/app/refer", dump(bundle)), bundle)
    writes, _ = read_entries(bundle)
    exchange.require(*sorted({f"system/{write.type}.c" for write in writes}))
    arrival, _ = await plan(exchange, received, bundle["entry"], writes)
    arrival.route = "epr-launch"

    def answer(accepted: list[Accepted]) -> Answer:
        return Answer(303, b"", target=f"Task/{accepted[0].id}")

    settle = finish_draft(session.organisation, draft.id, {"submitted_at": at, **draft.use(at)})
    try:
        given = await accept(gateway, exchange.caller, session.context, arrival, answer, settle)
    except AlreadyReferred as already:
        return already.referral_id
    request.state.audited = given.audited
    assert given.target
    return given.target.removeprefix("Task/")


def _referrer(gateway: Gateway, session: LaunchSession) -> Referrer:
    user, organisation = session.user, gateway.directory.organisation(session.organisation) or {}
    identifier = user.identifier or {"system": f"{session.epr['issuer']}/user", "value": user.id}
    return Referrer(
        name=user.name,
        organisation=organisation.get("name", session.organisation),
        ods_code=session.organisation,
        role=user.role,
        system=identifier.get("system"),
        value=identifier.get("value"),
        team=session.team["name"] if session.team else session.team_name,
        phone=user.phone,
        email=user.email,
    )
