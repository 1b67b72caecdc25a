"""POST [base]: a transaction Bundle, all or nothing (R4 http.html#transaction)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Issue, Rejected, warnings_outcome
from gateway.fhir.arrivals import KEPT, bundle_names, find_referrals, match_identifier, new_resource, resolve
from gateway.fhir.exchange import Exchange, open_exchange, read_body
from gateway.ids import instant
from gateway.messages import Answer, answer_to
from gateway.referrals import Accepted, AlreadyReferred, Arrival, accept
from gateway.store.resources import Resource
from gateway.validation import dump, parse

Json = dict[str, Any]


async def transaction(request: Request) -> Response:
    """Answers 200 with a transaction-response: an entry per entry, in order, each with status, location and etag."""
    exchange = await open_exchange(request)
    received, bundle = await read_body(exchange, "POST /FHIR/R4")
    entries = _entries(bundle)
    exchange.require(*{f"system/{entry['resource']['resourceType']}.c" for entry in entries})
    existing = await _existing(exchange, entries)
    new = {
        index: new_resource(entry["resource"], received) for index, entry in enumerate(entries) if index not in existing
    }
    places = {kept.reference: f"Bundle.entry[{index}].resource" for index, kept in new.items()}
    addresses = {index: kept.reference for index, kept in new.items()} | existing
    known = await resolve(
        exchange, [(kept, places[kept.reference]) for kept in new.values()], bundle_names(entries, addresses)
    )
    arrival = Arrival(received, "epr-api", list(new.values()), known)
    find_referrals(arrival, places, tasks_needed=False)

    def answer(accepted: list[Accepted]) -> Answer:
        return _answer(exchange, [new.get(index) or existing[index] for index in range(len(entries))], accepted)

    try:
        sent = await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer)
    except AlreadyReferred as already:
        if not _conditional(entries):
            raise
        sent = await _same_again(exchange, entries, already)
    return exchange.send(sent)


def _entries(bundle: Json) -> list[Json]:
    if bundle["resourceType"] != "Bundle" or bundle["type"] != "transaction":
        text = "POST to the base takes a Bundle of type transaction. Messages go to $process-message."
        raise Rejected(issues=[Issue("value", text, "Bundle.type")])
    entries: list[Json] = bundle.get("entry", [])
    issues = [issue for index, entry in enumerate(entries) for issue in _entry_issues(entry, f"Bundle.entry[{index}]")]
    if not entries:
        issues.append(Issue("required", "Bundle.entry is missing: there is nothing to store.", "Bundle.entry"))
    if issues:
        raise Rejected(issues=issues)
    return entries


def _entry_issues(entry: Json, at: str) -> list[Issue]:
    if entry["request"]["method"] != "POST":
        text = f"{at}.request.method: this gateway's transactions take POST only for now."
        return [Issue("not-supported", text, f"{at}.request.method")]
    if "resource" not in entry:
        return [Issue("required", f"{at}.resource is missing: POST needs one.", f"{at}.resource")]
    type_ = entry["resource"]["resourceType"]
    if type_ not in KEPT:
        return [Issue("not-supported", f"{at}.resource: {type_} cannot be stored here.", f"{at}.resource")]
    if entry["request"]["url"].strip("/") != type_:
        text = f"{at}.request.url must be {type_}, the type of the entry's resource."
        return [Issue("invariant", text, f"{at}.request.url")]
    return []


async def _existing(exchange: Exchange, entries: list[Json]) -> dict[int, str]:
    """Entry index -> Type/id of what its ifNoneExist matches; a ServiceRequest or Task is matched as a referral."""
    existing = {}
    for index, entry in enumerate(entries):
        query = entry["request"].get("ifNoneExist")
        type_ = entry["resource"]["resourceType"]
        if query is None or type_ in {"ServiceRequest", "Task"}:
            continue
        at = f"Bundle.entry[{index}].request.ifNoneExist"
        ids = await match_identifier(exchange, type_, query.removeprefix(f"{type_}?"), at)
        if len(ids) > 1:
            raise Rejected(issues=[Issue("multiple-matches", f"{at} matches more than one {type_}.", at)])
        if ids:
            existing[index] = f"{type_}/{ids[0]}"
    return existing


def _conditional(entries: list[Json]) -> bool:
    return any(
        "ifNoneExist" in entry["request"] and entry["resource"]["resourceType"] in {"ServiceRequest", "Task"}
        for entry in entries
    )


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
    by_request = {one.task.content["focus"]["reference"]: one for one in accepted}
    prefer = exchange.prefer
    entries = [_entry(exchange.base_url, prefer, one, tasks, by_request) for one in kept]
    body = dump({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})
    target = f"Task/{accepted[0].id}" if accepted else None
    return Answer(200, body, target=target)


def _entry(
    base_url: str, prefer: str, kept: Resource | str, tasks: dict[str, Accepted], by_request: dict[str, Accepted]
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
    about = by_request.get(kept.reference)
    if about and about.warnings:
        entry["response"]["outcome"] = warnings_outcome(about.warnings)
    return entry
