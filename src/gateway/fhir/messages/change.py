"""Changes of a referral that was sent before: reason update, and cancelling with the reason update or delete."""

import copy
from collections.abc import Iterator
from datetime import datetime

from gateway.arrival import Arrival, Revision
from gateway.conversation import Sent, find_sent, version_name
from gateway.errors import Conflict, Duplicate, IllegalMove, Issue, NotFound, Rejected
from gateway.fhir.arrivals import load_with_neighbours, next_version
from gateway.fhir.exchange import Exchange
from gateway.fhir.messages.entries import arrive
from gateway.fhir.messages.headers import TARGET
from gateway.fhir.messages.workflow import Json, Message, place
from gateway.messages import Received
from gateway.sources import is_same_person
from gateway.store.resources import identifiers
from gateway.validation import parse
from mappings.systems import REFERENCE_SYSTEM
from mappings.words import answer_in_words


async def find_changed(
    exchange: Exchange, received: Received, message: Message, addressed_to: list[tuple[str, str]]
) -> Sent:
    """The referral that the message is about, when it may change it: it is found by what the sender named it, or by
    what was answered; the message is later than what is stored; the request is active; the hub that has it and the
    person are the same.

    Raises NotFound, Conflict (409, it is older), Duplicate (409, it was processed before), IllegalMove, Rejected.
    """
    request_at = place(message.index)
    sent = await find_sent(exchange.gateway.store, exchange.caller.organisation, *_names(exchange, message))
    if not sent:
        text = (
            f"{request_at} names no referral that your organisation sent. Name it by the id that was answered "
            "(ServiceRequest.id), by an identifier that it was sent with, or keep its Bundle.id."
        )
        raise NotFound(text, expression=request_at)
    if len(sent) > 1:
        text = f"{request_at} and the Bundle name more than one referral. Name one."
        raise NotFound(issues=[Issue("multiple-matches", text, request_at)])
    _refuse_older(received, message, sent[0])
    if sent[0].request["status"] != "active":
        text = f"{sent[0].reference} is not active any more, so that it cannot be changed. Send a new referral."
        raise IllegalMove(text, expression=f"{request_at}.status")
    _refuse_another_hub(exchange, message, addressed_to, sent[0])
    _refuse_another_person(message, sent[0])
    return sent[0]


async def amend(exchange: Exchange, received: Received, message: Message, unplaced: set[int], sent: Sent) -> Arrival:
    """Further versions of the ServiceRequest and its Patient; what else the message brings is new beside them.

    Its Tasks are not stored again: the first one means the referral's Task, which moves by what is done here. What it
    says in words that the referral's Task does not say is added there, and told.
    """
    tasks = message.of_type("Task")
    words = [(index, said) for index in tasks[:1] if (said := _new_words(message.resources[index], sent.task))]
    unplaced |= set(tasks[1:])
    _keep_names(message.request, sent.request)
    revised = {message.index: _revision(message, message.index, sent.request)}
    if message.subject is not None and sent.patient and "meta" in sent.patient:  # not one contained in the request
        revised[message.subject] = _revision(message, message.subject, sent.patient)
    stored = dict.fromkeys(tasks[:1], f"Task/{sent.id}")
    arrival, _ = await arrive(exchange, received, message, revised, stored, unplaced)
    arrival.claims = {_claim(revised[message.index])}
    for index, said in words:
        task = sent.task | {"note": [*sent.task["note"], *said]}
        arrival.revisions.append(Revision(next_version(task, sent.task, "PUT"), sent.task, place(index)))
    return arrival


async def cancel(exchange: Exchange, received: Received, message: Message, sent: Sent) -> Arrival:
    """The stored ServiceRequest with the status and the reason of the message; nothing else of it is new."""
    content = copy.deepcopy(sent.request) | {"status": message.request["status"]}
    if "reasonCode" in message.request:  # BaRS: of a cancellation, why it is cancelled
        content["reasonCode"] = message.request["reasonCode"]
    known = await load_with_neighbours(exchange, {f"ServiceRequest/{content['id']}"})
    revision = Revision(next_version(content, sent.request, "PUT"), sent.request, place(message.index))
    known[revision.kept.reference] = revision.kept.content
    return Arrival(received, "epr-message", [], known, revisions=[revision], claims={_claim(revision)})


def _new_words(task: Json, before: Json) -> list[Json]:
    """As notes, what the Task of a message says in description, note and input and the stored one does not."""
    said = {note["text"] for note in _in_notes(before)}
    return [note for note in _in_notes(task) if note["text"] not in said]


def _in_notes(task: Json) -> Iterator[Json]:
    for words in (task.get("description"), *map(answer_in_words, task.get("input", []))):
        if words:
            yield {"text": words}
    for note in task.get("note", []):
        author = note.get("authorString") or note.get("authorReference", {}).get("display")
        signed = {"authorString": author} if author else {}
        yield signed | {name: note[name] for name in ("time", "text") if name in note}


def _keep_names(request: Json, before: Json) -> None:
    """A message need not say again by what the referral is known; what it was once named by stays."""
    given = identifiers(request)
    left_out = [one for one in before.get("identifier", []) if not identifiers({"identifier": one}) <= given]
    if left_out:
        request["identifier"] = [*request.get("identifier", []), *left_out]


def _revision(message: Message, index: int, before: Json) -> Revision:
    return Revision(next_version(message.resources[index], before, "PUT"), before, place(index))


def _claim(revision: Revision) -> str:
    return version_name(revision.kept.reference, revision.kept.version)


def _names(exchange: Exchange, message: Message) -> tuple[set[str], set[str]]:
    """What the sender may have named the referral by: its own names and the addresses here; our references."""
    given = identifiers(message.request) | identifiers(message.bundle)
    ours = {name.removeprefix(f"{REFERENCE_SYSTEM}|") for name in given if name.startswith(f"{REFERENCE_SYSTEM}|")}
    names = given | {name.removeprefix(f"{exchange.base_url}/") for name in message.names[message.index]}
    names |= {f"Bundle|{message.bundle['id']}"} if "id" in message.bundle else set()
    # BaRS' examples write the id that was answered as the entry's fullUrl too.
    names |= {name.replace("urn:uuid:", "ServiceRequest/") for name in names if name.startswith("urn:uuid:")}
    return names, ours


def _refuse_older(received: Received, message: Message, sent: Sent) -> None:
    """BaRS: an update that is older than the receiver's data is refused. The sender's times are held against the
    sender's own where a message brought what is stored, because clocks differ and messages wait in queues. A message
    that tells no time can cancel, because that ends it, but could be an old one that amends again."""
    at = _last_updated(message.bundle, message.request)
    if at is None and not message.cancels:
        text = "Bundle.meta.lastUpdated must say when this was last updated: a change is held against what is stored."
        raise Rejected(issues=[Issue("required", text, "Bundle.meta.lastUpdated")])
    stored = parse(sent.body) if sent.body else {}
    before = None
    if stored.get("type") == "message":
        resources = [entry["resource"] for entry in stored["entry"]]
        before = _last_updated(stored, next(one for one in resources if one["resourceType"] == "ServiceRequest"))
    before = before or _last_updated({}, sent.request)
    if at is None or before is None or at > before:
        return
    if sent.body == received.stored:
        raise Duplicate(f"This message was received and processed before; it changed {sent.reference}.")
    text = (
        f"What is stored of {sent.reference} is not older than this message. Read the ServiceRequest, "
        "and send what you change with a later meta.lastUpdated."
    )
    raise Conflict(text, expression="Bundle.meta.lastUpdated")


def _last_updated(bundle: Json, request: Json) -> datetime | None:
    """As meta.lastUpdated says, else when the message was put together (Bundle.timestamp)."""
    given = [one["meta"]["lastUpdated"] for one in (bundle, request) if "lastUpdated" in one.get("meta", {})]
    given = given or [one for one in [bundle.get("timestamp")] if one]
    return max((moment for one in given if (moment := _moment(one))), default=None)


def _moment(instant: str) -> datetime | None:
    try:
        return datetime.fromisoformat(instant)
    except ValueError:  # a leap second, which FHIR allows
        return None


def _refuse_another_hub(exchange: Exchange, message: Message, addressed_to: list[tuple[str, str]], sent: Sent) -> None:
    hub = exchange.gateway.directory.named_hub(addressed_to)
    if hub and hub["id"] != sent.hub_id:
        at = "Bundle.entry[0].resource.destination" if message.endpoints else None
        text = (
            f"{at or TARGET} names another hub than the one that has {sent.reference}. Address changes of it to that "
            "one. To ask another hub, take this one back and send a new one."
        )
        raise IllegalMove(text, expression=at)


def _refuse_another_person(message: Message, sent: Sent) -> None:
    if message.subject is None:
        at = f"{place(message.index)}.subject"
        text = f"{at} must refer to a Patient in the message, so that the right referral is changed."
        raise Rejected(issues=[Issue("required", text, at)])
    if sent.patient and not is_same_person(message.resources[message.subject], sent.patient):
        at = place(message.subject)
        text = (
            f"{at} is not the person of {sent.reference}: an identifier, or birth date and name, must be the same. "
            "Whom a referral is about cannot be changed: cancel it, and send a new one."
        )
        raise Rejected(issues=[Issue("business-rule", text, at)])
