"""POST [base]: a transaction Bundle, all or nothing (R4 http.html#transaction)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Issue, Rejected, warnings_outcome
from gateway.fhir.arrivals import KEPT, UNSENT, bundle_names, find_referrals, match_identifier, new_resource, resolve
from gateway.fhir.exchange import Exchange, open_exchange, receive
from gateway.ids import instant
from gateway.messages import Answer, Received, answer_to
from gateway.referrals import Accepted, AlreadyReferred, Arrival, accept, find_referral
from gateway.store.resources import Resource
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
    matched = await _matched_referral(exchange, entries)
    if matched:
        return await _same_again(exchange, entries, matched)
    existing = await _existing(exchange, entries)
    new = {
        index: new_resource(entry["resource"], received) for index, entry in enumerate(entries) if index not in existing
    }
    places = {kept.reference: f"Bundle.entry[{index}].resource" for index, kept in new.items()}
    addresses = {index: kept.reference for index, kept in new.items()} | existing
    known = await resolve(
        exchange, [(kept, places[kept.reference]) for kept in new.values()], bundle_names(entries, addresses)
    )
    claims = {_claim(entries[index]) for index in new if "ifNoneExist" in entries[index]["request"]}
    arrival = Arrival(received, "epr-api", list(new.values()), known, claims=claims)
    find_referrals(arrival, places, tasks_needed=False)

    def answer(accepted: list[Accepted]) -> Answer:
        return _answer(exchange, [new.get(index) or existing[index] for index in range(len(entries))], accepted)

    try:
        return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer)
    except AlreadyReferred as already:
        if not any(_is_conditional_referral(entry) for entry in entries):
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


async def _existing(exchange: Exchange, entries: list[Json]) -> dict[int, str]:
    """Entry index -> Type/id of what its ifNoneExist matches."""
    existing = {}
    for index, entry in enumerate(entries):
        if "ifNoneExist" not in entry["request"]:
            continue
        type_ = entry["resource"]["resourceType"]
        at = f"Bundle.entry[{index}].request.ifNoneExist"
        ids = await match_identifier(exchange, type_, _criterion(entry), at)
        if len(ids) > 1:
            raise Rejected(issues=[Issue("multiple-matches", f"{at} matches more than one {type_}.", at)])
        if ids:
            existing[index] = f"{type_}/{ids[0]}"
    return existing


async def _matched_referral(exchange: Exchange, entries: list[Json]) -> AlreadyReferred | None:
    """The stored referral that the ifNoneExist of a ServiceRequest or a Task matches."""
    names = [_criterion(entry).removeprefix("identifier=") for entry in entries if _is_conditional_referral(entry)]
    found = await find_referral(exchange.gateway.store, exchange.caller.organisation, names) if names else None
    return AlreadyReferred(*found) if found else None


def _is_conditional_referral(entry: Json) -> bool:
    return "ifNoneExist" in entry["request"] and entry["resource"]["resourceType"] in {"ServiceRequest", "Task"}


def _criterion(entry: Json) -> str:
    """The condition of a conditional create, with or without the type before it (http.html#ccreate)."""
    query: str = entry["request"]["ifNoneExist"]
    return query.removeprefix(f"{entry['resource']['resourceType']}?")


def _claim(entry: Json) -> str:
    return f"{entry['resource']['resourceType']}?{_criterion(entry)}"


async def _same_again(exchange: Exchange, entries: list[Json], already: AlreadyReferred) -> Answer:
    """The stored referral instead of a second one: the first answer, with 200 for each entry.

    Raises the AlreadyReferred when the Bundle is not of the same entries as the first one was.
    """
    first = await answer_to(exchange.gateway.store, exchange.caller.organisation, already.message_id)
    bundle = parse(first.body)
    answered = bundle.get("entry", [])
    types = [entry["response"]["location"].split("/")[-4] for entry in answered]
    if types != [entry["resource"]["resourceType"] for entry in entries]:
        raise already
    for entry in answered:
        entry["response"]["status"] = "200 OK"
    return Answer(200, dump(bundle), first.headers, first.target)


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
