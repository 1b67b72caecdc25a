"""QuestionnaireResponse/$extract: completed answers to the referral form become the transaction that refers (SDC
OperationDefinition QuestionnaireResponse-extract). Nothing is stored: POST what is returned to the base."""

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Issue, Rejected
from gateway.fhir.exchange import Exchange, open_exchange, read_body, refuse_invalid
from gateway.fhir.form.given import follow, parameters, refusal
from gateway.ids import instant, now
from gateway.messages import Answer
from gateway.validation import dump
from mappings.form import CANONICAL, URL, Referrer, Unsendable, extract, is_ours
from mappings.systems import FORM_SYSTEM, is_ods_system
from mappings.words import concept_in_words, name_in_full

Json = dict[str, Any]

KNOWN = {"questionnaire-response": ("resource",), "content": ("resource",)}
RESPONSE = "QuestionnaireResponse"


async def extract_referral(request: Request) -> Response:
    """Answers 200 with Parameters: `return`, the Bundle. Takes the response bare, or as `questionnaire-response` with
    the Patient and the author as `content`. Raises Rejected, naming the question and what to do."""
    exchange = await open_exchange(request)
    exchange.require(f"system/{RESPONSE}.c")
    _, body = await read_body(exchange, f"POST /FHIR/R4/{RESPONSE}/$extract")
    response, given = _given(body)
    _check(response)
    if response is not body:
        await refuse_invalid(exchange, response)  # by its Questionnaire, which is looked up for what stands alone
    patient = await follow(exchange, response.get("subject"), given, response)
    if patient is None or patient["resourceType"] != "Patient":
        raise _lost("subject", "the Patient", "Patient")
    referrer = await _referrer(exchange, response, given)
    at = response.get("authored") or instant(now())
    try:
        bundle = extract(response, patient, referrer, at, _name(response))
    except Unsendable as unsendable:
        place = f"{RESPONSE}.item"
        issues = [Issue("business-rule", f"{one.link_id}: {one.text}.", place) for one in unsendable.problems]
        raise Rejected(issues=issues) from None
    answer = {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": bundle}]}
    return exchange.send(Answer(200, dump(answer)))


def _given(body: Json) -> tuple[Json, list[Json]]:
    """The response, and the resources beside it."""
    if body["resourceType"] != "Parameters":
        return body, []
    asked = parameters(body, KNOWN)
    responses = [value for name, _, value in asked if name == "questionnaire-response"]
    if len(responses) != 1:
        text = "Parameters must hold one questionnaire-response, the QuestionnaireResponse that is to be sent."
        raise refusal(text, code="required", expression="Parameters")
    return responses[0], [value for name, _, value in asked if name == "content"]


def _check(response: Json) -> None:
    if response["resourceType"] != RESPONSE:
        raise refusal(f"$extract takes a {RESPONSE}, or Parameters that hold one.", expression="resourceType")
    if not is_ours(response) or response["questionnaire"] not in (URL, CANONICAL):
        text = (
            f"{RESPONSE}.questionnaire must be {CANONICAL}: of other answers nothing here knows how to make a referral."
        )
        raise refusal(text, code="not-supported", expression=f"{RESPONSE}.questionnaire")
    if response.get("status") not in ("completed", "amended"):
        text = f"{RESPONSE}.status must be completed: only what the clinician has finished is sent."
        raise refusal(text, code="business-rule", expression=f"{RESPONSE}.status")


def _lost(element: str, what: str, types: str) -> Rejected:
    place = f"{RESPONSE}.{element}"
    text = f"{place} must lead to {what} ({types}): contained, among the content of the Parameters, or sent before."
    return refusal(text, code="not-found", expression=place)


def _name(response: Json) -> Json:
    """The referral's name at its sender: the response's own identifier, else one made of all that it says, so that the
    same response is one referral however often it is sent."""
    own = response.get("identifier", {})
    if own.get("system") and own.get("value"):
        return {"system": own["system"], "value": own["value"]}
    return {"system": FORM_SYSTEM, "value": str(uuid.uuid5(uuid.NAMESPACE_OID, dump(response).decode()))}


async def _referrer(exchange: Exchange, response: Json, given: list[Json]) -> Referrer:
    """Who the author is, as far as the records and references around it say; the organisation is the caller's unless
    the author's role says which."""
    reference = response.get("author") or {}
    author = await follow(exchange, reference, given, response) or {}
    role = author if author.get("resourceType") == "PractitionerRole" else {}
    named = role.get("practitioner", {}) if role else reference
    person = author if author.get("resourceType") == "Practitioner" else {}
    if role:
        person = await follow(exchange, named, given, response) or {}
    name = next(filter(None, map(name_in_full, person.get("name", []))), None) or named.get("display")
    if not name:
        raise _lost("author", "whoever refers, by name", "PractitionerRole or Practitioner")
    place = role.get("organization", {})
    works_at = await follow(exchange, place, given, response) or {}
    own = exchange.gateway.directory.organisation(exchange.caller.organisation) or {}
    codes = [*works_at.get("identifier", []), place.get("identifier", {})]
    code = next((one.get("value") for one in codes if is_ods_system(one.get("system"))), None)
    known = [*person.get("identifier", []), named.get("identifier", {})]
    identified: Json = next((one for one in known if one.get("system") and one.get("value")), {})
    telecom = [*role.get("telecom", []), *person.get("telecom", [])]
    services = [one.get("display") for one in role.get("healthcareService", [])]
    return Referrer(
        name=name,
        organisation=works_at.get("name") or place.get("display") or own["name"],
        ods_code=code or (None if place else exchange.caller.organisation),
        role=next(filter(None, map(concept_in_words, role.get("code", []))), None),
        system=identified.get("system"),
        value=identified.get("value"),
        team=next(filter(None, services), None),
        phone=_first(telecom, "phone"),
        email=_first(telecom, "email"),
    )


def _first(telecom: list[Json], system: str) -> str | None:
    return next((one["value"] for one in telecom if one.get("system") == system and one.get("value")), None)
