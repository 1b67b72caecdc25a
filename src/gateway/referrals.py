"""The use case of the way in: what an EPR sent becomes referrals, in one transaction, exactly once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival, Asked, Gateway
from gateway.audit import audit_row
from gateway.errors import (
    Conflict,
    Contended,
    Duplicate,
    GatewayError,
    Issue,
    Rejected,
    Unavailable,
    VersionConflict,
)
from gateway.hearing import Written
from gateway.ids import instant, new_id, next_moment
from gateway.journal import journal_rows
from gateway.messages import Answer, Received, first_answer, message_row
from gateway.own_names import claim_rows, name_referral, own_names, raise_if_referred, refuse_same_names
from gateway.people import Placed, doubt_issues, find_people, identity_of, is_about_people, person_rows
from gateway.revise import (
    Outdated,
    read_again,
    recall_refusals,
    revise,
    take_turn,
    takes_turns,
    touches_stored,
    withhold_known,
)
from gateway.search import keys
from gateway.security import Caller
from gateway.store.engine import Rows, Store, is_contended
from gateway.store.referrals import insert
from gateway.store.resources import Resource, found_by_rows, new_rows
from gateway.store.schema import audit, found_by, message, own_name, referral
from gateway.telemetry import RequestContext
from gateway.translated import Translated, placed_at, translate
from gateway.unmapped import unmapped_rows
from gateway.validation import dump
from mappings.to_task import task_from

Json = dict[str, Any]


@dataclass
class Accepted:
    """A referral as stored."""

    id: str
    reference: str
    task: Resource
    warnings: list[Issue]
    rows: list[Rows]


class Judged(Exception):
    """A trial came to its end: this is what would have been accepted. Nothing was stored."""

    def __init__(self, accepted: list[Accepted]) -> None:
        super().__init__()
        self.accepted = accepted


class Untenable(Rejected):
    """The profile refuses this referral; this is how it would have read."""

    def __init__(self, translated: Translated) -> None:
        super().__init__(issues=translated.findings)
        self.translated = translated


async def accept(
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    arrival: Arrival,
    answer: Callable[[list[Accepted]], Answer],
    settle: Callable[[AsyncConnection, list[Accepted]], Awaitable[None]] | None = None,
    tries: int = 3,
) -> Answer:
    """Stores what arrived and gives the answer made by `answer`, once all of it is durable. What else belongs into the
    same transaction is done by `settle`; what it raises undoes all.

    The same request again (X-Request-Id and body) gets the first answer, and a message 409 as BaRS says. Raises
    Rejected with every finding when a referral is unsafe or unworkable, AlreadyReferred when the sender used its name
    before, Conflict when the X-Request-Id was used for something else; in a trial, Judged. Then nothing of it is kept.
    """
    at = next_moment()
    for kept in arrival.resources:
        if kept.version == 1:  # stamped when it came; this may be a further try
            kept.updated_at = at
            kept.stamp()
        if kept.type == "ServiceRequest":
            name_referral(kept.content)
    refuse_same_names(arrival)
    withhold_known(arrival)
    await recall_refusals(gateway.store, caller.organisation, arrival, at)
    translated = [_translate(gateway, caller, arrival, asked, at) for asked in arrival.asked]
    identities = [identity_of(one.sources, one.referral["person"], arrival.known) for one in translated]
    people = await find_people(gateway.store, caller.organisation, identities)
    accepted = [
        _refer(gateway, caller, context, arrival, asked, at, one, whose)
        for asked, one, whose in zip(arrival.asked, translated, people, strict=True)
    ]
    referred = {one.id for one in accepted}
    rows: list[Rows] = [
        claim_rows(caller.organisation, arrival),
        *new_rows(caller.organisation, [kept for kept in arrival.resources if kept.id not in referred]),
    ]
    for one in accepted:
        rows += one.rows
    if gateway.trial:
        await raise_if_referred(gateway.store, caller.organisation, arrival)
        answer = _judge
    try:
        return await _store(gateway, caller, context, arrival, at, rows, accepted, answer, settle)
    except (IntegrityError, Outdated, Contended) as trouble:
        first = await _answered_before(gateway.store, caller, context, arrival)
        if first:
            return first
        if tries == 1 or not await _may_go_well_now(gateway.store, caller.organisation, arrival, trouble):
            raise _refusal(arrival, trouble) from None
    return await accept(gateway, caller, context, arrival, answer, settle, tries - 1)


async def _store(
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    arrival: Arrival,
    at: datetime,
    rows: list[Rows],
    accepted: list[Accepted],
    answer: Callable[[list[Accepted]], Answer],
    settle: Callable[[AsyncConnection, list[Accepted]], Awaitable[None]] | None,
) -> Answer:
    """Raises Contended, Outdated, or IntegrityError when something of it came from elsewhere at the same moment."""
    try:
        if settle is None and not takes_turns(arrival):
            sent = answer(accepted)
            await gateway.store.write([*received_rows(caller, context, arrival.received, sent), *rows])
            return replace(sent, audited=True)
        async with gateway.store.transaction() as connection:
            await take_turn(connection, caller.organisation, arrival, at)
            await insert(connection, rows)
            await revise(connection, gateway, caller, context, arrival, at)
            if settle:
                await settle(connection, accepted)
            sent = answer(accepted)
            await insert(connection, received_rows(caller, context, arrival.received, sent))
        return replace(sent, audited=True)
    except Exception as trouble:
        if is_contended(trouble):
            raise Contended from None
        raise


async def _may_go_well_now(store: Store, organisation: str, arrival: Arrival, trouble: Exception) -> bool:
    """Whether the same may be tried again, with what is stored now."""
    if isinstance(trouble, Outdated):
        await read_again(store, organisation, arrival)
        return True
    if touches_stored(arrival):
        return False  # what it says of the stored has its next version already
    return isinstance(trouble, Contended) or (isinstance(trouble, IntegrityError) and is_about_people(trouble))


def _refusal(arrival: Arrival, trouble: Exception) -> GatewayError:
    if isinstance(trouble, Contended):
        return trouble
    if isinstance(trouble, Outdated):
        return Conflict("What this referral refers to is being changed at this moment. Send this again.")
    if arrival.revisions:
        return VersionConflict()
    if arrival.claims:
        return Conflict("The same was created under the same condition at this moment. Send this again.")
    return Unavailable()  # the new reference was taken: one in many thousands; the next try gets another


async def _answered_before(store: Store, caller: Caller, context: RequestContext, arrival: Arrival) -> Answer | None:
    """The answer to this very request, when it came before. Raises Duplicate when that was a message,
    AlreadyReferred when another request brought one of its referrals."""
    first = await first_answer(store, caller, context, arrival.received)
    if first and arrival.route == "epr-message":
        raise Duplicate("This message was received and processed before; nothing was stored again.") from None
    if first is None:
        await raise_if_referred(store, caller.organisation, arrival)
    return first


def _judge(accepted: list[Accepted]) -> Answer:
    raise Judged(accepted)  # before anything is written, or in a transaction that this ends


def received_rows(caller: Caller, context: RequestContext, received: Received, sent: Answer) -> list[Rows]:
    return [
        (message, [message_row(caller, context, received, sent)]),
        (audit, [audit_row(caller, context, received.action, sent.target, sent.status)]),
    ]


def _translate(gateway: Gateway, caller: Caller, arrival: Arrival, asked: Asked, at: datetime) -> Translated:
    """Raises Untenable with every finding when one of them is an error."""
    translated = translate(
        gateway,
        caller.organisation,
        arrival.known,
        asked.service_request,
        asked.task,
        arrival.route,
        at,
        asked.at,
        arrival.addressed_to,
    )
    if any(issue.severity == "error" for issue in translated.findings):
        raise Untenable(translated)
    return translated


def _doubts(whose: Placed, asked: Asked) -> list[Issue]:
    return [placed_at(issue, asked.at) for issue in doubt_issues(whose)]


def _refer(
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    arrival: Arrival,
    asked: Asked,
    at: datetime,
    translated: Translated,
    whose: Placed,
) -> Accepted:
    findings, translation = [*translated.findings, *_doubts(whose, asked)], translated.translation
    address = translation.referral["person"].get("address", {})
    hub = gateway.directory.find_hub(
        caller.organisation, translated.hub_names, translated.hub_wanted, [address.get("city")], address.get("postcode")
    )
    reference = name_referral(asked.service_request.content)
    # A Task that was stored before its request came has versions already: the referral goes on from there.
    referral_id, version = (asked.task.id, asked.task.version) if asked.task else (new_id(), 1)
    standing = {
        "id": referral_id,
        "version": version,
        "reference": reference,
        "status": "submitted",
        "submitted_at": instant(at),
        "updated_at": instant(at),
        "hub": hub,
        "warnings": [issue.text for issue in findings],
    }
    patient_id = _id_of(asked.service_request.content["subject"].get("reference"))
    content = task_from(asked.task.content if asked.task else None, asked.service_request.id, patient_id, standing)
    task = Resource("Task", referral_id, version, at, content)
    row = {
        "organisation": caller.organisation,
        "id": referral_id,
        "reference": reference,
        "service_request_id": asked.service_request.id,
        "patient_id": patient_id,
        "person_id": whose.person_id,
        "message_id": arrival.received.id,
        "correlation_id": context.correlation_id,
        "hub_id": hub["id"],
        "status": standing["status"],
        "task_status": content["status"],
        "version": version,
        "submitted_at": at,
        "updated_at": at,
        "standing": orjson.dumps({"hub": hub, "warnings": standing["warnings"]}).decode(),
    } | translated.columns()
    names = own_names(caller.organisation, arrival, asked, referral_id)
    rows: list[Rows] = [
        (referral, [row]),
        (own_name, names),
        (found_by, found_by_rows(caller.organisation, "Task", task.id, keys(task.content)) if version == 1 else []),
        *unmapped_rows(caller.organisation, referral_id, translation.unknown, at),
        *person_rows(caller.organisation, whose, referral_id, at),
    ]
    rows += journal_rows(
        row,
        dump(content),
        "submitted",
        {"to": "submitted"},
        caller,
        context,
        gateway.directory.heard_by(caller.organisation, hub["id"], [_written(task), _written(asked.service_request)]),
        at,
    )
    return Accepted(referral_id, reference, task, findings, rows)


def _written(kept: Resource) -> Written:
    return Written(kept.type, kept.id, kept.version, kept.content)


def _id_of(reference: str | None) -> str | None:
    """The id in Patient/123; None for a contained or a logical reference."""
    return reference.split("/")[1] if reference and reference.startswith("Patient/") else None
