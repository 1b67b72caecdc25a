"""The use case of the way in: what an EPR sent becomes referrals, in one transaction, exactly once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.arrival import Arrival, Asked, Gateway
from gateway.audit import audit_row
from gateway.errors import Conflict, Duplicate, Issue, Rejected, Unavailable, VersionConflict
from gateway.ids import instant, new_id, new_reference, now
from gateway.journal import journal_rows
from gateway.messages import Answer, Received, first_answer, message_row
from gateway.parties import Directory
from gateway.profile import check_referral
from gateway.revise import revise, touches_stored
from gateway.search import keys
from gateway.security import Caller
from gateway.sources import gather
from gateway.store.engine import Rows, Store
from gateway.store.referrals import insert
from gateway.store.resources import Resource, found_by_rows, identifiers, new_rows
from gateway.store.schema import audit, found_by, message, own_name, referral
from gateway.telemetry import RequestContext
from gateway.validation import dump
from mappings.systems import REFERENCE_SYSTEM
from mappings.to_referral import Sources, Translation, referral_from
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


class AlreadyReferred(Duplicate):
    """The sender has used this name for a referral before."""

    def __init__(self, referral_id: str, reference: str, message_id: str) -> None:
        super().__init__(
            f"This referral was received before: it is {reference}, followed at Task/{referral_id}.",
            headers={"Location": f"Task/{referral_id}"},
        )
        self.referral_id = referral_id
        self.message_id = message_id


async def accept(
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    arrival: Arrival,
    answer: Callable[[list[Accepted]], Answer],
) -> Answer:
    """Stores what arrived and gives the answer made by `answer`, once all of it is durable.

    The same request again (X-Request-Id and body) gets the first answer, and a message 409 as BaRS says. Raises
    Rejected with every finding when a referral is unsafe or unworkable, AlreadyReferred when the sender used its name
    before, Duplicate when the X-Request-Id was used for something else. Then nothing of it is kept.
    """
    at = now()
    for kept in arrival.resources:
        if kept.type == "ServiceRequest":
            name_referral(kept.content)
    _refuse_same_names(arrival)
    accepted = [_refer(gateway, caller, context, arrival, asked, at) for asked in arrival.asked]
    referred = {one.id for one in accepted}
    rows: list[Rows] = [
        (own_name, [_own_name(caller.organisation, claim, arrival.received.id) for claim in sorted(arrival.claims)]),
        *new_rows(caller.organisation, [kept for kept in arrival.resources if kept.id not in referred]),
    ]
    for one in accepted:
        rows += one.rows
    try:
        if touches_stored(arrival):
            async with gateway.store.transaction() as connection:
                await insert(connection, rows)
                await revise(connection, gateway, caller, context, arrival, at)
                sent = answer(accepted)
                await insert(connection, _received_rows(caller, context, arrival.received, sent))
        else:
            sent = answer(accepted)
            await gateway.store.write([*_received_rows(caller, context, arrival.received, sent), *rows])
    except IntegrityError:
        first = await first_answer(gateway.store, caller, context, arrival.received)
        if first and arrival.route == "epr-message":
            raise Duplicate("This message was received and processed before; nothing was stored again.") from None
        if first:
            return first
        await _raise_if_referred(gateway.store, caller.organisation, arrival)
        if arrival.revisions:
            raise VersionConflict from None
        if arrival.claims:
            raise Conflict("The same was created under the same condition at this moment. Send this again.") from None
        raise Unavailable() from None  # the new reference was taken: one in many thousands; the next try gets another
    return replace(sent, audited=True)


def _received_rows(caller: Caller, context: RequestContext, received: Received, sent: Answer) -> list[Rows]:
    return [
        (message, [message_row(caller, context, received, sent)]),
        (audit, [audit_row(caller, context, received.action, sent.target, sent.status)]),
    ]


def _refer(
    gateway: Gateway, caller: Caller, context: RequestContext, arrival: Arrival, asked: Asked, at: datetime
) -> Accepted:
    sources = gather(arrival.known, asked.service_request, asked.task, arrival.route, instant(at)[:10])
    translation = referral_from(sources)
    findings = [
        _placed(issue, asked.at)
        for issue in check_referral(translation, sources, gateway.settings.nhs_number_check, caller.organisation)
    ]
    if any(issue.severity == "error" for issue in findings):
        raise Rejected(issues=findings)
    hub, astray = _hub(gateway.directory, caller.organisation, sources, translation.referral, arrival.addressed_to)
    findings += [_placed(issue, asked.at) for issue in astray]
    reference = name_referral(asked.service_request.content)
    referral_id = asked.task.id if asked.task else new_id()
    standing = {
        "id": referral_id,
        "version": 1,
        "reference": reference,
        "status": "submitted",
        "submitted_at": instant(at),
        "updated_at": instant(at),
        "hub": hub,
        "warnings": [issue.text for issue in findings],
    }
    patient_id = _id_of(asked.service_request.content["subject"].get("reference"))
    content = task_from(asked.task.content if asked.task else None, asked.service_request.id, patient_id, standing)
    task = Resource("Task", referral_id, 1, at, content)
    row = {
        "organisation": caller.organisation,
        "id": referral_id,
        "reference": reference,
        "service_request_id": asked.service_request.id,
        "patient_id": patient_id,
        "message_id": arrival.received.id,
        "correlation_id": context.correlation_id,
        "hub_id": hub["id"],
        "urgency": translation.referral["urgency"],
        "status": standing["status"],
        "task_status": content["status"],
        "version": 1,
        "submitted_at": at,
        "updated_at": at,
        "standing": orjson.dumps({"hub": hub, "warnings": standing["warnings"]}).decode(),
        "content": dump(translation.referral).decode(),
        "trace": dump(_trace(translation)).decode(),
    }
    names = _names(caller.organisation, arrival, asked, referral_id)
    rows: list[Rows] = [
        (referral, [row]),
        (own_name, names),
        (found_by, found_by_rows(caller.organisation, "Task", task.id, keys(task.content))),
    ]
    rows += journal_rows(
        row,
        dump(content),
        "submitted",
        {"to": "submitted"},
        caller,
        context,
        gateway.directory.destinations(caller.organisation),
        at,
    )
    return Accepted(referral_id, reference, task, findings, rows)


def _hub(
    directory: Directory, organisation: str, sources: Sources, referral: Json, addressed_to: list[tuple[str, str]]
) -> tuple[Json, list[Issue]]:
    """As named in ServiceRequest.performer or the message's destination, else by where the person lives, else the
    organisation's default; with a warning when a hub was named that is not known here."""
    performers = [reference.get("identifier", {}) for reference in sources.service_request.get("performer", [])]
    performers += (sources.performer or {}).get("identifier", [])
    address = referral["person"].get("address", {})
    named = [(one.get("system", ""), one.get("value", "")) for one in performers if one] + addressed_to
    wanted = referral.get("requested_hub")
    hub = directory.find_hub(organisation, named, wanted, [address.get("city")], address.get("postcode"))
    if (named or wanted) and directory.named_hub(named, wanted) is None:
        text = f"The hub that was named is not registered here; the referral goes to {hub['name']}. Tell the sender."
        return hub, [Issue("not-found", text, "ServiceRequest.performer", "warning")]
    return hub, []


def name_referral(service_request: Json) -> str:
    """The reference of the referral in its ServiceRequest; written there when it is new."""
    named = service_request.setdefault("identifier", [])
    for given in named:
        if given.get("system") == REFERENCE_SYSTEM:
            return str(given["value"])
    reference = new_reference()
    named.append({"system": REFERENCE_SYSTEM, "value": reference})
    return reference


def _names(organisation: str, arrival: Arrival, asked: Asked, referral_id: str) -> list[Json]:
    names = {asked.service_request.reference, *identifiers(asked.service_request.content), *arrival.names}
    if asked.task:
        names |= identifiers(asked.task.content)
    return [
        _own_name(organisation, name, referral_id) for name in sorted(names) if not name.startswith(REFERENCE_SYSTEM)
    ]


def _refuse_same_names(arrival: Arrival) -> None:
    """Raises Rejected when two referrals of one request carry the same identifier."""
    seen: set[str] = set()
    for asked in arrival.asked:
        names = identifiers(asked.service_request.content)
        if names & seen:
            at = f"{asked.at['ServiceRequest']}.identifier"
            raise Rejected(issues=[Issue("duplicate", f"{at}: another request of this Bundle has it too.", at)])
        seen |= names


def _own_name(organisation: str, name: str, target: str) -> Json:
    return {"organisation": organisation, "name": name, "target": target}


async def _raise_if_referred(store: Store, organisation: str, arrival: Arrival) -> None:
    names = [name["name"] for asked in arrival.asked for name in _names(organisation, arrival, asked, "")]
    found = await find_referral(store, organisation, names)
    if found:
        raise AlreadyReferred(*found)


async def find_referral(store: Store, organisation: str, names: Sequence[str]) -> tuple[str, str, str] | None:
    """(id, reference, id of the message that brought it) of the referral that has one of the sender's names."""
    async with store.reading() as connection:
        row = (
            await connection.execute(
                select(referral.c.id, referral.c.reference, referral.c.message_id)
                .join(
                    own_name,
                    (own_name.c.organisation == referral.c.organisation) & (own_name.c.target == referral.c.id),
                )
                .where(own_name.c.organisation == organisation, own_name.c.name.in_(names))
                .limit(1)
            )
        ).one_or_none()
    return (row.id, row.reference, row.message_id) if row else None


def _trace(translation: Translation) -> Json:
    return {"rows": translation.rows, "unknown": translation.unknown, "maps": translation.map_versions}


def _placed(issue: Issue, places: dict[str, str]) -> Issue:
    """The finding with its element's place in what was received, e.g. Bundle.entry[1].resource.subject."""
    type_, _, rest = (issue.expression or "").partition(".")
    place = places.get(type_, type_)
    return Issue(issue.code, issue.text, f"{place}.{rest}" if rest else place, issue.severity)


def _id_of(reference: str | None) -> str | None:
    """The id in Patient/123; None for a contained or a logical reference."""
    return reference.split("/")[1] if reference and reference.startswith("Patient/") else None
