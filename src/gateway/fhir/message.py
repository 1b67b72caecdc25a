"""POST [base]/$process-message: a BaRS-shaped referral message (R4 messaging.html; BaRS Core 1.x, new referrals)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Arrival
from gateway.errors import BadRequest, Issue, Rejected, warnings_outcome
from gateway.fhir.arrivals import KEPT, bundle_names, find_referrals, new_resource, resolve, too_long_identifiers
from gateway.fhir.exchange import Exchange, open_exchange, receive
from gateway.ids import instant, new_id
from gateway.messages import Answer, Received
from gateway.referrals import Accepted, accept
from gateway.store.resources import Resource, identifiers
from gateway.validation import dump

Json = dict[str, Any]

ACTION = "POST /FHIR/R4/$process-message"
EVENTS = "https://fhir.nhs.uk/CodeSystem/message-events-bars"
REASONS = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"


async def process_message(request: Request) -> Response:
    """Answers 200 with a message Bundle: a MessageHeader that says ok, then the resources with their addresses here."""
    exchange = await open_exchange(request)
    if "x-request-id" not in request.headers:
        issue = Issue("required", "Send the header X-Request-Id with a UUID; a retry of the message keeps it.")
        raise BadRequest(issues=[issue])
    exchange.require("system/ServiceRequest.c", "system/Task.c")

    async def handle(received: Received, bundle: Json) -> Answer:
        return await _process(exchange, received, bundle)

    return await receive(exchange, ACTION, handle)


async def _process(exchange: Exchange, received: Received, bundle: Json) -> Answer:
    header = _header(bundle)
    too_long = too_long_identifiers(bundle, "Bundle")
    if too_long:
        raise Rejected(issues=too_long)
    arrival, places = await _arrival(exchange, received, bundle)
    find_referrals(arrival, places, tasks_needed=False)
    if len(arrival.asked) != 1:
        text = "The message must bring exactly one active ServiceRequest."
        raise Rejected(issues=[Issue("invariant", text, "Bundle.entry")])

    def answer(accepted: list[Accepted]) -> Answer:
        return _answer(exchange, bundle, header, arrival.resources, accepted[0])

    return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer)


def _header(bundle: Json) -> Json:
    issues = []
    first = (bundle.get("entry") or [{}])[0].get("resource", {})
    for index, entry in enumerate(bundle.get("entry", [])):
        if "resource" not in entry:
            at = f"Bundle.entry[{index}].resource"
            issues.append(Issue("required", f"{at} is missing: each entry of a message is a resource.", at))
    if issues:
        raise Rejected(issues=issues)
    if bundle["resourceType"] != "Bundle" or bundle.get("type") != "message":
        issues.append(Issue("value", "$process-message takes a Bundle of type message.", "Bundle.type"))
    elif first.get("resourceType") != "MessageHeader":
        text = "The first entry must be the MessageHeader (bdl-12)."
        issues.append(Issue("invariant", text, "Bundle.entry[0].resource"))
    elif first.get("eventCoding", {}).get("code") != "servicerequest-request":
        text = "This gateway processes the message event servicerequest-request only."
        issues.append(Issue("not-supported", text, "Bundle.entry[0].resource.eventCoding"))
    elif any(coding.get("code") != "new" for coding in first.get("reason", {}).get("coding", [])):
        text = "This gateway processes messages of reason new only, for now. Telephone the hub to change a referral."
        issues.append(Issue("not-supported", text, "Bundle.entry[0].resource.reason"))
    if issues:
        raise Rejected(issues=issues)
    header: Json = first
    return header


async def _arrival(exchange: Exchange, received: Received, bundle: Json) -> tuple[Arrival, dict[str, str]]:
    """In a message every name is the sender's: what it does not carry is not looked for in the store."""
    entries = bundle["entry"]
    tasks = [index for index, entry in enumerate(entries) if entry["resource"]["resourceType"] == "Task"]
    # A BaRS Task hangs on the CarePlan and has no focus: the first one becomes the referral's. Further ones describe
    # activities; they stay in the message as received, because a Task shown here that nobody moves would be a lie.
    unsent = {index for index in tasks[1:] if "focus" not in entries[index]["resource"]}
    new, places, names = {}, {}, {}
    for index, entry in enumerate(entries[1:], start=1):
        if index in unsent or entry["resource"]["resourceType"] not in KEPT:
            continue
        given = f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}"
        kept = new[index] = new_resource(entry["resource"], received)
        places[kept.reference] = f"Bundle.entry[{index}].resource"
        names[given] = kept.reference
    names |= bundle_names(entries, {index: kept.reference for index, kept in new.items()})
    for index, kept in new.items():
        if kept.type == "Task" and "focus" not in kept.content:
            _send_the_request(kept, [other for other in new.values() if other.type == "ServiceRequest"], index)
    known = await resolve(exchange, [(kept, places[kept.reference]) for kept in new.values()], names, from_store=False)
    header = entries[0]["resource"]
    sender = names.get(header.get("sender", {}).get("reference", ""))
    known["MessageHeader"] = header | ({"sender": {"reference": sender}} if sender else {})
    named = {f"Bundle|{bundle['id']}"} if "id" in bundle else set()
    endpoints = [one["endpoint"] for one in header.get("destination", []) if "|" in one.get("endpoint", "")]
    arrival = Arrival(
        received,
        "epr-message",
        list(new.values()),
        known,
        names=named | identifiers(bundle),
        addressed_to=[(system, value) for system, _, value in (one.rpartition("|") for one in endpoints)],
    )
    return arrival, places


def _send_the_request(task: Resource, requests: list[Resource], index: int) -> None:
    if len(requests) != 1:
        text = "The message must bring exactly one ServiceRequest."
        raise Rejected(issues=[Issue("invariant", text, f"Bundle.entry[{index}].resource.focus")])
    task.content["focus"] = {"reference": requests[0].reference}


def _answer(exchange: Exchange, bundle: Json, header: Json, resources: list[Resource], accepted: Accepted) -> Answer:
    sender = header.get("source", {}).get("endpoint")
    reply: Json = {
        "resourceType": "MessageHeader",
        "id": new_id(),
        "eventCoding": {"system": EVENTS, "code": "servicerequest-response"},
        "reason": {"coding": [{"system": REASONS, "code": "new"}]},
        "source": {"name": "Social prescribing gateway", "endpoint": exchange.base_url},
        "response": {"identifier": bundle.get("id") or header.get("id") or exchange.context.request_id, "code": "ok"},
        "focus": [{"reference": f"{exchange.base_url}/{accepted.task.reference}"}],
    }
    if sender:
        reply["destination"] = [{"endpoint": sender}]
    shown = [accepted.task, *(kept for kept in resources if kept.id != accepted.id)]
    entries: list[Json] = [{"fullUrl": f"urn:uuid:{reply['id']}", "resource": reply}]
    entries += [{"fullUrl": f"{exchange.base_url}/{kept.reference}", "resource": kept.content} for kept in shown]
    if accepted.warnings:
        outcome = _warnings(accepted)
        reply["response"]["details"] = {"reference": outcome["fullUrl"]}
        entries.append(outcome)
    answer = {
        "resourceType": "Bundle",
        "id": new_id(),
        "meta": {"lastUpdated": instant(accepted.task.updated_at)},
        "type": "message",
        "timestamp": instant(accepted.task.updated_at),
        "entry": entries,
    }
    return Answer(200, dump(answer), target=accepted.task.reference)


def _warnings(accepted: Accepted) -> Json:
    id_ = new_id()
    return {"fullUrl": f"urn:uuid:{id_}", "resource": warnings_outcome(accepted.warnings) | {"id": id_}}
