"""PUT [base]/[type]/[id] and PUT [base]/[type]?identifier=...: the next version (R4 http.html#update, #cond-update)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Arrival, Revision
from gateway.errors import BadRequest, Conflict, Issue, MethodNotAllowed, Rejected
from gateway.fhir.answers import written
from gateway.fhir.arrivals import current, next_version, resolve, stored, unheard
from gateway.fhir.conditions import check_if_match, condition_of, match_identifier
from gateway.fhir.create import create_new, refuse_another_type
from gateway.fhir.exchange import Exchange, Json, receive
from gateway.fhir.provenance import provenance_of
from gateway.fhir.read import open_resource
from gateway.fhir.subscriptions import keep_subscription
from gateway.messages import Answer, Received, first_answer
from gateway.referrals import Accepted, accept
from gateway.store.resources import Resource

SUBSETTED = ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED")


async def update(request: Request) -> Response:
    """Answers 200 with ETag, Last-Modified and the version as stored; 405 for an id that is not known here."""
    exchange, type_ = await open_resource(request, "u")
    id_ = request.path_params["id"]

    async def handle(received: Received, content: Json) -> Answer:
        refuse_another_type(content, type_)
        if content.get("id") != id_:
            raise BadRequest("The id in the body must be the id in the address.", expression=f"{type_}.id")
        first = await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
        if first:
            return first
        before = await current(exchange, f"{type_}/{id_}")
        refuse_misnamed(content, before)
        assert before is not None  # else the id is nobody's
        refuse_stale(exchange, before)
        return await replace(exchange, received, before, content, "PUT")

    return await receive(exchange, f"PUT /FHIR/R4/{type_}/{{id}}", handle)


async def update_by_condition(request: Request) -> Response:
    """Creates what the condition does not find: 201; replaces what it finds: 200. 412 when it finds several."""
    exchange, type_ = await open_resource(request, "u")

    async def handle(received: Received, content: Json) -> Answer:
        refuse_another_type(content, type_)
        named = condition_of(content, _condition_in(request), "address")
        first = await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
        if first:
            return first
        try:
            return await _update_matched(exchange, received, dict(content), named)
        except Conflict:  # it was created at this moment: the condition matches now
            return await _update_matched(exchange, received, dict(content), named)

    return await receive(exchange, f"PUT /FHIR/R4/{type_}", handle)


def _condition_in(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return "&".join(part for part in query.split("&") if not part.startswith(("_format=", "_pretty=")))


async def _update_matched(exchange: Exchange, received: Received, content: Json, named: str) -> Answer:
    type_ = content["resourceType"]
    id_ = await match_identifier(exchange, type_, named, "address")
    before = await current(exchange, f"{type_}/{id_}") if id_ else None
    refuse_misnamed(content, before)
    if before is None:
        exchange.require(f"system/{type_}.c")
        check_if_match(exchange.request.headers.get("if-match"), 0, "If-Match")
        return await create_new(exchange, received, content, named)
    refuse_stale(exchange, before)
    return await replace(exchange, received, before, content, "PUT")


def misnamed(content: Json, before: Json | None, expression: str) -> Issue | None:
    """What is wrong with the id in the body: nothing of the sender's has it, or not what the condition matches.

    In the same words whether the id is nobody's or another organisation's.
    """
    if "id" not in content or (before and content["id"] == before["id"]):
        return None
    if before:
        text = f"{expression} is not that of the resource which the condition matches. Leave it out."
        return Issue("invalid", text, expression)
    text = f"{expression} is no resource of yours, and ids are this gateway's to give: POST, without it, creates."
    return Issue("not-supported", text, expression)


def refuse_misnamed(content: Json, before: Json | None) -> None:
    """Raises MethodNotAllowed when the id in the body is nobody's, BadRequest when it is another's."""
    issue = misnamed(content, before, f"{content['resourceType']}.id")
    if issue and before is None:
        raise MethodNotAllowed(issues=[issue], headers={"Allow": "GET, HEAD"})
    if issue:
        raise BadRequest(issues=[issue])


def refuse_stale(exchange: Exchange, before: Json) -> None:
    """Raises VersionConflict (412) when If-Match names a version before this one."""
    check_if_match(exchange.request.headers.get("if-match"), int(before["meta"]["versionId"]), "If-Match")


async def replace(exchange: Exchange, received: Received, before: Json, content: Json, method: str) -> Answer:
    """200 with the version after `before`, or with that version when nothing would change."""
    type_ = content["resourceType"]
    refuse_subset(content, type_)
    kept = next_version(content, before, method)
    known = await resolve(exchange, [(kept, type_)], {})
    revisions = [Revision(kept, before, type_)]
    if is_same(kept, before):
        kept, revisions = stored(kept.reference, before), []
    settle = keep_subscription(exchange, kept, before) if revisions and type_ == "Subscription" else None
    provenance = provenance_of(exchange, received, kept)
    known |= await resolve(exchange, provenance, {}) if provenance else {}
    arrival = Arrival(received, "epr-api", [one for one, _ in provenance], known, revisions)

    def answer(_accepted: list[Accepted]) -> Answer:
        return written(exchange, revisions[0].kept if revisions else kept, 200, unheard(arrival, kept))

    return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer, settle)


def refuse_subset(content: Json, at: str) -> None:
    """Raises Rejected for what a search cut short: the rest would be lost (R4 search.html#summary)."""
    tags = content.get("meta", {}).get("tag", [])
    if any((tag.get("system"), tag.get("code")) == SUBSETTED for tag in tags):
        text = f"{at}.meta.tag says SUBSETTED: elements are missing. Read the whole resource, and change that."
        raise Rejected(issues=[Issue("business-rule", text, f"{at}.meta.tag")])


def is_same(kept: Resource, before: Json) -> bool:
    """Whether the version says just what the one before it says: 1.0 and 1.00 are not the same."""
    return _alike(_unstamped(kept.content), _unstamped(before))


def _unstamped(content: Json) -> Json:
    meta = {key: value for key, value in content["meta"].items() if key not in {"versionId", "lastUpdated"}}
    return content | {"meta": meta}


def _alike(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return str(one) == str(other)
