"""POST [base]/$process-message (R4 messaging.html; BaRS Core 1.x): refer, amend a referral, cancel it."""

from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Arrival
from gateway.conversation import read_task
from gateway.errors import (
    BadRequest,
    Conflict,
    Duplicate,
    Forbidden,
    GatewayError,
    Issue,
    MethodNotAllowed,
    VersionConflict,
)
from gateway.fhir.exchange import Exchange, check_here, keep, open_exchange, read_bytes
from gateway.fhir.messages.answer import respond, unplaced_findings
from gateway.fhir.messages.change import amend, cancel, find_changed
from gateway.fhir.messages.entries import check_entries
from gateway.fhir.messages.headers import TARGET, is_strict, read_headers
from gateway.fhir.messages.refer import refer
from gateway.fhir.messages.workflow import Message, read_message, refuse_other_kinds
from gateway.messages import Answer, Received, first_answer, message_of
from gateway.own_names import AlreadyReferred
from gateway.referrals import Accepted, accept
from gateway.store.resources import Resource
from gateway.validation import parse

ACTION = "POST /FHIR/R4/$process-message"

Service = tuple[str, str]


async def take_post_only(request: Request) -> Response:
    raise MethodNotAllowed("$process-message takes POST only: a Bundle of type message.", headers={"Allow": "POST"})


async def process_message(request: Request) -> Response:
    """Answers 200 with a message Bundle: a MessageHeader that says ok, then the resources with their addresses here.

    A message is processed in one transaction before it is answered. So the same again is either a duplicate (409), or
    failed and is judged anew, to the same end as long as nothing else changed; BaRS' 425, for a message still being
    processed, is never needed.
    """
    exchange = await open_exchange(request)
    exchange, addressed = read_headers(exchange)
    exchange.require("system/ServiceRequest.c", "system/Task.c")
    received = await read_bytes(exchange, ACTION)
    return exchange.send(await _once(exchange, received, process(exchange, received, addressed)))


async def _once(exchange: Exchange, received: Received, handled: Awaitable[Answer]) -> Answer:
    """What was processed before is a duplicate, before it is anything else."""
    try:
        return await handled
    except AlreadyReferred as already:
        body, _ = await message_of(exchange.gateway.store, exchange.caller.organisation, already.message_id)
        if body == keep(received, parse(received.body))[0].stored:
            raise
        # A sender reads `duplicate` as success.
        text = f"{already} This message says something else: send a change with the reason update, or use new names."
        raise Conflict(text, headers=already.headers) from None
    except (Duplicate, Forbidden):
        raise
    except GatewayError as refused:
        if await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received):
            raise Duplicate("This message was received and processed before; nothing was stored again.") from None
        if isinstance(refused, VersionConflict):  # BaRS knows no 412
            raise Conflict(issues=refused.issues) from None
        raise


async def process(exchange: Exchange, received: Received, addressed: Service | None) -> Answer:
    """The checks in BaRS' order (Core 1.5, Bundle processing): version, workflow, what it is about, how old it is.

    Of two changes at one moment the second is judged again by what the first has made of the referral: a cancellation
    is not lost because an update came in between.
    """
    try:
        return await _process(exchange, received, addressed)
    except VersionConflict:
        return await _process(exchange, received, addressed)


async def _process(exchange: Exchange, received: Received, addressed: Service | None) -> Answer:
    strict = is_strict(exchange)
    body = parse(received.body)
    refuse_other_kinds(body, strict=strict)
    unplaced = check_entries(body, await check_here(exchange, body))
    received, body = keep(received, body)
    message = read_message(body, strict=strict)
    addressed_to = _services(exchange, message, addressed)
    if message.reason == "new":
        arrival = await refer(exchange, received, message, unplaced, addressed_to)
        return await _accept(exchange, message, arrival, unplaced, None)
    exchange.require("system/ServiceRequest.u")
    sent = await find_changed(exchange, received, message, addressed_to)
    if message.cancels:
        arrival = await cancel(exchange, received, message, sent)
    else:
        arrival = await amend(exchange, received, message, unplaced, sent)
    return await _accept(exchange, message, arrival, unplaced, sent.id)


async def _accept(
    exchange: Exchange, message: Message, arrival: Arrival, unplaced: set[int], changed: str | None
) -> Answer:
    """`changed` is the id of the referral that the message changes, and of its Task, which the answer shows then."""
    shown: list[Resource] = []

    def answer(accepted: list[Accepted]) -> Answer:
        shown.extend(one.task for one in accepted)
        referred = {one.id for one in shown}
        shown.extend(revision.kept for revision in arrival.revisions if revision.kept.id not in referred)
        shown.extend(kept for kept in arrival.resources if kept.id not in referred)
        findings = [finding for one in accepted for finding in one.warnings]
        return respond(exchange, message, shown, findings + unplaced_findings(message, unplaced))

    settle = read_task(exchange.caller.organisation, changed, shown) if changed else None
    return await accept(exchange.gateway, exchange.caller, exchange.context, arrival, answer, settle)


def _services(exchange: Exchange, message: Message, addressed: Service | None) -> list[Service]:
    """For which services the message is. Raises BadRequest when header and message name different hubs."""
    directory = exchange.gateway.directory
    named, target = directory.named_hub(message.endpoints), addressed and directory.named_hub([addressed])
    if named and target and named["id"] != target["id"]:
        at = "Bundle.entry[0].resource.destination"
        text = f"{at} names another service than the header {TARGET}. Send the same in both."
        raise BadRequest(issues=[Issue("invariant", text, at)])
    return [*message.endpoints, *([addressed] if addressed else [])]
