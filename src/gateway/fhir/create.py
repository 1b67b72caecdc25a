"""POST [base]/[type]: one resource (R4 http.html#create). A Task that fulfils a ServiceRequest sends the referral."""

from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Arrival
from gateway.errors import Issue, NotFound, Rejected, VersionConflict, warnings_outcome
from gateway.fhir.arrivals import KEPT, UNSENT, condition_of, find_referrals, match_identifier, new_resource, resolve
from gateway.fhir.exchange import Exchange, Json, open_exchange, receive
from gateway.messages import Answer, Received, first_answer
from gateway.referrals import Accepted, AlreadyReferred, accept
from gateway.store.resources import Resource, read
from gateway.validation import dump


async def create(request: Request) -> Response:
    """Answers 201 with Location, ETag, Last-Modified and the resource as stored; 200 when If-None-Exist matched."""
    exchange = await open_exchange(request)
    type_ = request.path_params["type"]
    if type_ not in KEPT:
        raise NotFound(f"{type_[:40]} is not a resource type that this gateway stores. See metadata.")
    exchange.require(f"system/{type_}.c")

    async def handle(received: Received, content: Json) -> Answer:
        return await _create(exchange, type_, received, content)

    return await receive(exchange, f"POST /FHIR/R4/{type_}", handle)


async def _create(exchange: Exchange, type_: str, received: Received, content: Json) -> Answer:
    if content["resourceType"] != type_:
        text = f"The body is not a {type_}, which this address takes."
        raise Rejected(issues=[Issue("invalid", text, "resourceType")])
    query = exchange.request.headers.get("if-none-exist")
    named = condition_of(content, query, "If-None-Exist") if query else None
    if named:
        matched = await _matched(exchange, type_, named, received)
        if matched:
            return matched
    kept = new_resource(content, received)
    known = await resolve(exchange, [(kept, type_)], {})
    claims = {f"{type_}?identifier={named}"} if named else set()
    arrival = Arrival(received, "epr-api", [kept], known, claims=claims)
    find_referrals(arrival, {kept.reference: type_}, tasks_needed=True)

    def answer(accepted: list[Accepted]) -> Answer:
        return _answer(exchange, accepted[0].task if accepted else kept, accepted)

    try:
        return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer)
    except AlreadyReferred as already:
        if type_ != "Task" or named is None:
            raise
        return await _stored(exchange, "Task", already.referral_id)


async def _matched(exchange: Exchange, type_: str, named: str, received: Received) -> Answer | None:
    """What the condition matches; or, to a repeat of a request, the answer that it got."""
    first = await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
    if first:
        return first
    ids = await match_identifier(exchange, type_, named)
    if len(ids) > 1:
        raise VersionConflict(f"If-None-Exist matches more than one {type_}. Name one that is unique.")
    return await _stored(exchange, type_, ids[0]) if ids else None


async def _stored(exchange: Exchange, type_: str, id_: str) -> Answer:
    """200 with what is there already, instead of a second one (R4 http.html#ccreate)."""
    async with exchange.gateway.store.reading() as connection:
        found = await read(connection, exchange.caller.organisation, type_, id_)
    assert found is not None  # rows are never deleted
    version, updated_at, content = found
    kept = Resource(type_, id_, version, updated_at, {})
    body = b"" if exchange.prefer == "minimal" else content.encode()
    return Answer(200, body, _headers(exchange, kept))


def _answer(exchange: Exchange, kept: Resource, accepted: list[Accepted]) -> Answer:
    findings = accepted[0].warnings if accepted else []
    if kept.type == "ServiceRequest":
        findings = [UNSENT]
    if exchange.prefer == "minimal":
        body = b""
    elif exchange.prefer == "OperationOutcome":
        body = dump(warnings_outcome(findings or [Issue("informational", "Stored.", None, "information")]))
    else:
        body = dump(kept.content)
    return Answer(201, body, _headers(exchange, kept), kept.reference)


def _headers(exchange: Exchange, kept: Resource) -> dict[str, str]:
    return {
        "Location": f"{exchange.base_url}/{kept.reference}/_history/{kept.version}",
        "ETag": kept.etag,
        "Last-Modified": format_datetime(kept.updated_at, usegmt=True),
    }
