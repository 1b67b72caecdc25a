"""POST [base]/[type]: one resource (R4 http.html#create). A Task that fulfils a ServiceRequest sends the referral."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Arrival
from gateway.errors import Conflict, Issue, Rejected
from gateway.fhir.answers import written
from gateway.fhir.arrivals import UNSENT, current, find_referrals, new_resource, resolve, stored, unheard
from gateway.fhir.conditions import condition_of, match_identifier
from gateway.fhir.elsewhere import create_awaited, is_elsewhere
from gateway.fhir.exchange import Exchange, Json, receive
from gateway.fhir.provenance import UNATTESTED, provenance_of
from gateway.fhir.read import open_resource
from gateway.fhir.subscriptions import keep_subscription
from gateway.messages import Answer, Received, first_answer
from gateway.own_names import AlreadyReferred
from gateway.privacy import refuse_lost_label
from gateway.referrals import Accepted, accept

FOUND = Issue("informational", "It was here before: nothing was stored.", severity="information")


async def create(request: Request) -> Response:
    """Answers 201 with Location, ETag, Last-Modified and the resource as stored; 200 when If-None-Exist matched."""
    exchange, type_ = await open_resource(request, "c")

    async def handle(received: Received, content: Json) -> Answer:
        refuse_another_type(content, type_)
        query = request.headers.get("if-none-exist")
        if query is None:
            return await create_new(exchange, received, content)
        named = condition_of(content, query, "If-None-Exist")
        first = await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
        if first:
            return first
        try:
            return await _create_unless(exchange, received, content, named)
        except Conflict:  # it was created at this moment: the condition matches now
            return await _create_unless(exchange, received, content, named)

    return await receive(exchange, f"POST /FHIR/R4/{type_}", handle)


def refuse_another_type(content: Json, type_: str) -> None:
    if content["resourceType"] != type_:
        text = f"The body is not a {type_}, which this address takes."
        raise Rejected(issues=[Issue("invalid", text, "resourceType")])


async def _create_unless(exchange: Exchange, received: Received, content: Json, named: str) -> Answer:
    """200 with what the condition matches, instead of a second one (R4 http.html#ccreate)."""
    type_ = content["resourceType"]
    id_ = await match_identifier(exchange, type_, named, "If-None-Exist")
    if id_ is not None:
        return await give_stored(exchange, received, f"{type_}/{id_}", content)
    try:
        return await create_new(exchange, received, content, named)
    except AlreadyReferred as already:
        if type_ != "Task":
            raise
        return await give_stored(exchange, received, f"Task/{already.referral_id}")


async def give_stored(exchange: Exchange, received: Received, reference: str, sent: Json | None = None) -> Answer:
    """200 with what is stored, as it is, for what was `sent`; a repeat of the request gets the same."""
    before = await current(exchange, reference)
    assert before is not None  # rows are never deleted
    refuse_lost_label(sent or {}, before, before["resourceType"], matched=True)
    kept = stored(reference, before)
    provenance = provenance_of(exchange, received, kept)
    await resolve(exchange, provenance, {})

    def answer(_accepted: list[Accepted]) -> Answer:
        return written(exchange, kept, 200, [FOUND, *([UNATTESTED] if provenance else [])])

    return await accept(
        exchange.gateway, exchange.caller, exchange.context, Arrival(received, "epr-api", [], {}), answer
    )


async def create_new(exchange: Exchange, received: Received, content: Json, named: str | None = None) -> Answer:
    """201. `named` is the condition that matched nothing: of those who race for it, only one creates.

    Raises Conflict when that was another.
    """
    kept = new_resource(content, received)
    provenance = provenance_of(exchange, received, kept)
    known = await resolve(exchange, [(kept, kept.type), *provenance], {})
    claims = {f"{kept.type}?identifier={named}"} if named else set()
    arrival = Arrival(received, "epr-api", [kept, *(one for one, _ in provenance)], known, claims=claims)
    if is_elsewhere(exchange, kept.content):
        return await create_awaited(exchange, arrival, kept)
    settle = keep_subscription(exchange, kept, None) if kept.type == "Subscription" else None
    find_referrals(arrival, {kept.reference: kept.type}, tasks_needed=True)

    def answer(accepted: list[Accepted]) -> Answer:
        shown, findings = (accepted[0].task, accepted[0].warnings) if accepted else (kept, [])
        unsent = [UNSENT] if kept.type == "ServiceRequest" else []
        return written(exchange, shown, 201, [*findings, *unsent, *unheard(arrival, kept)])

    return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer, settle)
