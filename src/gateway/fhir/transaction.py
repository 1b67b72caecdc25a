"""POST [base]: a transaction Bundle, all or nothing (R4 http.html#transaction)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Arrival
from gateway.errors import Issue, Rejected, warnings_outcome
from gateway.fhir.arrivals import (
    KEPT,
    UNSENT,
    bundle_names,
    condition_of,
    find_referrals,
    match_identifier,
    new_resource,
    resolve,
)
from gateway.fhir.exchange import Exchange, open_exchange, receive
from gateway.ids import instant
from gateway.messages import Answer, Received, first_answer, message_of
from gateway.referrals import Accepted, AlreadyReferred, accept, find_referral
from gateway.store.resources import Resource, identifiers
from gateway.validation import dump, parse

Json = dict[str, Any]

MOST_ENTRIES = 200


async def transaction(request: Request) -> Response:
    """Answers 200 with a transaction-response: an entry per entry, in order, each with status, location and etag."""
    exchange = await open_exchange(request)

    async def handle(received: Received, bundle: Json) -> Answer:
        return await _transact(exchange, received, bundle)

    return await receive(exchange, "POST /FHIR/R4", handle)


async def _transact(exchange: Exchange, received: Received, bundle: Json) -> Answer:
    entries = _entries(bundle)
    exchange.require(*sorted({f"system/{entry['resource']['resourceType']}.c" for entry in entries}))
    conditions = _conditions(entries)
    if conditions and (
        first := await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
    ):
        return first
    sending = [named for index, named in conditions.items() if _type(entries[index]) in {"ServiceRequest", "Task"}]
    referred = await find_referral(exchange.gateway.store, exchange.caller.organisation, sending) if sending else None
    if referred:
        return await _same_again(exchange, entries, AlreadyReferred(*referred))
    existing = await _existing(exchange, entries, conditions)
    new = {
        index: new_resource(entry["resource"], received) for index, entry in enumerate(entries) if index not in existing
    }
    places = {kept.reference: f"Bundle.entry[{index}].resource" for index, kept in new.items()}
    addresses = {index: kept.reference for index, kept in new.items()} | existing
    known = await resolve(
        exchange, [(kept, places[kept.reference]) for kept in new.values()], bundle_names(entries, addresses)
    )
    claims = {f"{kept.type}?identifier={conditions[index]}" for index, kept in new.items() if index in conditions}
    arrival = Arrival(received, "epr-api", list(new.values()), known, claims=claims)
    find_referrals(arrival, places, tasks_needed=False)

    def answer(accepted: list[Accepted]) -> Answer:
        return _answer(exchange, [new.get(index) or existing[index] for index in range(len(entries))], accepted)

    try:
        return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer)
    except AlreadyReferred as already:
        if not sending:
            raise
        return await _same_again(exchange, entries, already)


def _entries(bundle: Json) -> list[Json]:
    if bundle["resourceType"] != "Bundle" or bundle.get("type") != "transaction":
        text = "POST to the base takes a Bundle of type transaction. Messages go to $process-message."
        raise Rejected(issues=[Issue("value", text, "Bundle.type")])
    entries: list[Json] = bundle.get("entry", [])
    issues = [issue for index, entry in enumerate(entries) for issue in _entry_issues(entry, f"Bundle.entry[{index}]")]
    if not entries:
        issues.append(Issue("required", "Bundle.entry is missing: there is nothing to store.", "Bundle.entry"))
    if len(entries) > MOST_ENTRIES:
        text = f"Bundle.entry: a transaction may have {MOST_ENTRIES} entries at most. Send several."
        raise Rejected(issues=[Issue("too-costly", text, "Bundle.entry")])
    if issues:
        raise Rejected(issues=issues)
    return entries


def _entry_issues(entry: Json, at: str) -> list[Issue]:
    if entry["request"].get("method") != "POST":
        text = f"{at}.request.method: this gateway's transactions take POST only for now."
        return [Issue("not-supported", text, f"{at}.request.method")]
    if "resource" not in entry:
        return [Issue("required", f"{at}.resource is missing: POST needs one.", f"{at}.resource")]
    type_ = entry["resource"]["resourceType"]
    if type_ not in KEPT:
        return [Issue("not-supported", f"{at}.resource: {type_} cannot be stored here.", f"{at}.resource")]
    if entry["request"].get("url", "").strip("/") != type_:
        text = f"{at}.request.url must be {type_}, the type of the entry's resource."
        return [Issue("invariant", text, f"{at}.request.url")]
    return []


def _type(entry: Json) -> str:
    return str(entry["resource"]["resourceType"])


def _conditions(entries: list[Json]) -> dict[int, str]:
    """Entry index -> system|value of its ifNoneExist. Raises Rejected for a condition that cannot be matched."""
    return {
        index: condition_of(
            entry["resource"], entry["request"]["ifNoneExist"], f"Bundle.entry[{index}].request.ifNoneExist"
        )
        for index, entry in enumerate(entries)
        if "ifNoneExist" in entry["request"]
    }


async def _existing(exchange: Exchange, entries: list[Json], conditions: dict[int, str]) -> dict[int, str]:
    """Entry index -> Type/id of what its condition matches."""
    existing = {}
    for index, named in conditions.items():
        type_ = _type(entries[index])
        ids = await match_identifier(exchange, type_, named)
        if len(ids) > 1:
            at = f"Bundle.entry[{index}].request.ifNoneExist"
            raise Rejected(issues=[Issue("multiple-matches", f"{at} matches more than one {type_}.", at)])
        if ids:
            existing[index] = f"{type_}/{ids[0]}"
    return existing


async def _same_again(exchange: Exchange, entries: list[Json], already: AlreadyReferred) -> Answer:
    """The stored referral instead of a second one: the first answer, with 200 for each entry.

    Raises the AlreadyReferred unless this Bundle brings the same one referral, of the same person, as the first did.
    """
    body, first = await message_of(exchange.gateway.store, exchange.caller.organisation, already.message_id)
    sent = [entry["resource"] for entry in entries]
    before = [entry.get("resource") for entry in parse(body).get("entry", [])]
    if not first.body or not _alike(sent, before):
        raise already
    answered = parse(first.body)
    for entry in answered["entry"]:
        entry["response"]["status"] = "200 OK"
    return Answer(200, dump(answered), first.headers, first.target)


def _alike(sent: list[Json], before: list[Json]) -> bool:
    """Whether both are one referral with resources of the same types, for the same people."""
    types = [resource["resourceType"] for resource in sent]
    if types.count("ServiceRequest") != 1 or types != [(resource or {}).get("resourceType") for resource in before]:
        return False
    pairs = [pair for pair in zip(sent, before, strict=True) if pair[0]["resourceType"] == "Patient"]
    return all(
        identifiers(one) == identifiers(other) and one.get("birthDate") == other.get("birthDate")
        for one, other in pairs
    )


def _answer(exchange: Exchange, kept: list[Resource | str], accepted: list[Accepted]) -> Answer:
    tasks = {one.task.reference: one for one in accepted}
    here = {one.reference for one in kept if isinstance(one, Resource)}
    requests = [one.task.content["focus"]["reference"] for one in accepted]
    # Findings stand with the request, or with the Task when the request was sent before.
    about = {
        request if request in here else one.task.reference: one for request, one in zip(requests, accepted, strict=True)
    }
    prefer = exchange.prefer
    entries = [_entry(exchange.base_url, prefer, one, tasks, about) for one in kept]
    body = dump({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})
    target = f"Task/{accepted[0].id}" if accepted else None
    return Answer(200, body, target=target)


def _entry(
    base_url: str, prefer: str, kept: Resource | str, tasks: dict[str, Accepted], about: dict[str, Accepted]
) -> Json:
    if isinstance(kept, str):
        return {"response": {"status": "200 OK", "location": f"{base_url}/{kept}/_history/1"}}
    sent = tasks.get(kept.reference)
    shown = sent.task if sent else kept
    entry: Json = {
        "fullUrl": f"{base_url}/{shown.reference}",
        "response": {
            "status": "201 Created",
            "location": f"{base_url}/{shown.reference}/_history/{shown.version}",
            "etag": shown.etag,
            "lastModified": instant(shown.updated_at),
        },
    }
    # What the gateway changed comes back unless it is unwanted: the reference is read out from it.
    changed = kept.type in {"ServiceRequest", "Task"}
    if prefer == "representation" or (changed and prefer != "minimal"):
        entry["resource"] = shown.content
    findings = about[kept.reference].warnings if kept.reference in about else []
    if kept.type == "ServiceRequest" and kept.reference not in about:
        findings = [UNSENT]
    if findings:
        entry["response"]["outcome"] = warnings_outcome(findings)
    return entry
