"""POST [base]: a Bundle of type transaction, all or nothing (R4 http.html#transaction), or of type batch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Arrival
from gateway.errors import BadRequest, Issue, Rejected, Unavailable, explained, warnings_outcome
from gateway.fhir.answers import version_address
from gateway.fhir.arrivals import UNSENT, unheard
from gateway.fhir.batch import answer_batch, perform
from gateway.fhir.entries import Write, read_entries
from gateway.fhir.exchange import Exchange, answer_once, keep, open_exchange, read_bytes, refuse_invalid
from gateway.fhir.planning import Planned, plan
from gateway.fhir.provenance import HEADER
from gateway.ids import instant
from gateway.messages import Answer, Received, first_answer, message_of
from gateway.own_names import AlreadyReferred, find_referral
from gateway.referrals import Accepted, accept
from gateway.store.resources import identifiers
from gateway.validation import dump, parse

Json = dict[str, Any]


async def transaction(request: Request) -> Response:
    """Answers 200 with a transaction-response (or batch-response): an entry per entry, in order, each with its
    status, location and etag."""
    exchange = await open_exchange(request)
    if HEADER in request.headers:
        raise BadRequest(f"{HEADER} goes with one resource. In a Bundle, send the Provenance as an entry.")
    received = await read_bytes(exchange, "POST /FHIR/R4")
    bundle = parse(received.body)
    if (bundle.get("resourceType"), bundle.get("type")) == ("Bundle", "batch"):
        return exchange.send(await answer_batch(exchange, bundle))
    await refuse_invalid(exchange, bundle)
    received, bundle = keep(received, bundle)
    return exchange.send(await answer_once(exchange, received, transact(exchange, received, bundle)))


async def transact(exchange: Exchange, received: Received, bundle: Json) -> Answer:
    """Writes are stored together or not at all; reads come after them, and one that fails fails all."""
    if bundle["resourceType"] != "Bundle" or bundle.get("type") != "transaction":
        text = "POST to the base takes a Bundle of type transaction or batch. Messages go to $process-message."
        raise Rejected(issues=[Issue("value", text, "Bundle.type")])
    writes, reads = read_entries(bundle)
    exchange.require(*sorted({f"system/{write.type}.{'c' if write.method == 'POST' else 'u'}" for write in writes}))
    found = await _read(exchange, bundle, reads)
    answer = await _write_all(exchange, received, bundle["entry"], writes)
    if not reads:
        return answer
    if writes:
        found = await _read(exchange, bundle, reads)
    answered = parse(answer.body)
    for index, entry in found.items():
        answered["entry"][index] = entry
    return replace(answer, body=dump(answered))


async def _read(exchange: Exchange, bundle: Json, reads: Sequence[int]) -> dict[int, Json]:
    """Raises Rejected for a read that finds nothing, or is not understood."""
    found = {index: await perform(exchange, index, bundle["entry"][index]) for index in reads}
    for index, entry in found.items():
        if entry["response"]["status"].startswith("5"):
            raise Unavailable
        if entry["response"]["status"].startswith("4"):
            told = entry["response"]["outcome"]["issue"][0]
            at = f"Bundle.entry[{index}].request.url"
            raise Rejected(issues=[Issue(told["code"], f"{at}: {told['diagnostics']}", at)])
    return found


async def _write_all(exchange: Exchange, received: Received, entries: list[Json], writes: list[Write]) -> Answer:
    if any(write.named or write.id for write in writes) and (
        first := await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
    ):
        return first
    sending = _sending(writes)
    referred = await find_referral(exchange.gateway.store, exchange.caller.organisation, sending) if sending else None
    if referred:
        return await _same_again(exchange, entries, AlreadyReferred(*referred))
    arrival, planned = await plan(exchange, received, entries, writes)

    def answer(accepted: list[Accepted]) -> Answer:
        return _answer(exchange, len(entries), arrival, planned, accepted)

    try:
        return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer)
    except AlreadyReferred as already:
        if not sending:
            raise
        return await _same_again(exchange, entries, already)


def _sending(writes: list[Write]) -> list[str]:
    """The conditions under which a referral is sent by a Bundle that changes nothing else."""
    if any(write.method != "POST" for write in writes):
        return []
    return [write.named for write in writes if write.named and write.type in {"ServiceRequest", "Task"}]


async def _same_again(exchange: Exchange, entries: list[Json], already: AlreadyReferred) -> Answer:
    """The stored referral instead of a second one: the first answer, with 200 for each entry.

    Raises the AlreadyReferred unless this Bundle brings the same one referral, of the same person, as the first did.
    """
    body, first = await message_of(exchange.gateway.store, exchange.caller.organisation, already.message_id)
    sent = [entry.get("resource") for entry in entries]
    before = [entry.get("resource") for entry in parse(body).get("entry", [])]
    if not first.body or not _alike(sent, before):
        raise already
    answered = parse(first.body)
    for entry in answered["entry"]:
        entry["response"]["status"] = "200 OK"
        if "resource" in entry and not exchange.may_read(entry["resource"]["resourceType"]):
            del entry["resource"]
    return Answer(200, dump(answered), first.headers, first.target)


def _alike(sent: list[Json | None], before: list[Json | None]) -> bool:
    """Whether both are one referral with resources of the same types, for the same people."""
    types = [(resource or {}).get("resourceType") for resource in sent]
    if types.count("ServiceRequest") != 1 or types != [(resource or {}).get("resourceType") for resource in before]:
        return False
    pairs = [(one, other) for one, other in zip(sent, before, strict=True) if one and other]
    return all(
        identifiers(one) == identifiers(other) and one.get("birthDate") == other.get("birthDate")
        for one, other in pairs
        if one["resourceType"] == "Patient"
    )


def _answer(
    exchange: Exchange, size: int, arrival: Arrival, planned: list[Planned], accepted: list[Accepted]
) -> Answer:
    tasks = {one.task.reference: one for one in accepted}
    here = {one.kept.reference for one in planned if one.created}
    requests = [one.task.content["focus"]["reference"] for one in accepted]
    # Findings stand with the request, or with the Task when the request was sent before.
    about = {
        request if request in here else one.task.reference: one for request, one in zip(requests, accepted, strict=True)
    }
    entries: list[Json] = [{"response": {"status": "200 OK"}} for _ in range(size)]
    prefer = exchange.prefer  # read from the header each time
    for one in planned:
        entries[one.write.index] = _entry(exchange, prefer, one, tasks, about, unheard(arrival, one.kept))
    body = dump({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})
    target = f"Task/{accepted[0].id}" if accepted else None
    findings = [issue for one in accepted for issue in one.warnings]
    return Answer(200, body, explained(exchange.gateway.settings.base_url, findings), target)


def _entry(
    exchange: Exchange,
    prefer: str,
    one: Planned,
    tasks: dict[str, Accepted],
    about: dict[str, Accepted],
    unheard: list[Issue],
) -> Json:
    reference = one.kept.reference
    shown = tasks[reference].task if reference in tasks else one.shown
    entry: Json = {
        "fullUrl": f"{exchange.base_url}/{shown.reference}",
        "response": {
            "status": "201 Created" if one.created else "200 OK",
            "location": version_address(exchange, shown),
            "etag": shown.etag,
            "lastModified": instant(shown.updated_at),
        },
    }
    # What the gateway changed comes back unless it is unwanted: the reference is read out from it.
    changed = (one.created or one.revision) and shown.type in {"ServiceRequest", "Task"}
    wanted = prefer == "representation" or (changed and prefer != "minimal")
    if wanted and (one.created or exchange.may_read(shown.type)):
        entry["resource"] = shown.content
    findings = about[reference].warnings if reference in about else unheard
    if one.created and shown.type == "ServiceRequest" and reference not in about:
        findings = [UNSENT]
    if findings:
        entry["response"]["outcome"] = warnings_outcome(findings)
    return entry
