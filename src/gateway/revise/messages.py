"""Communications of the referrer about a referral: an answer to the hub's question, or something to add."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from gateway.arrival import Revision
from gateway.errors import IllegalMove, Issue, Rejected
from gateway.ids import instant
from gateway.later import question, take_word_back
from gateway.sources import Known
from gateway.store.referrals import Stored
from gateway.store.resources import Resource
from gateway.work import Applied
from mappings.referral import Message

Json = dict[str, Any]

ABOUT = ("about", "basedOn", "partOf")


def is_about(communication: Json, known: Known) -> Iterator[Json]:
    """The References by which it names what it is about, itself or by what it answers."""
    for name in ABOUT:
        yield from communication.get(name, [])
    for reference in communication.get("inResponseTo", []):
        answered = known.get(reference.get("reference", ""))
        if answered and answered is not communication:
            yield from is_about({name: answered.get(name, []) for name in ABOUT}, {})


def read_message(communication: Resource, stored: Stored, by: str, at: datetime) -> Message:
    """Raises Rejected for one that nobody could read or use, or that is about somebody else."""
    content = communication.content
    texts = [part["contentString"] for part in content.get("payload", []) if part.get("contentString")]
    issues = []
    if content["status"] != "completed":
        text = "Communication.status must be completed: what was not said yet stays with you."
        issues.append(Issue("business-rule", text, "Communication.status"))
    if not texts:
        text = "Communication.payload needs a contentString: words that the link worker can read."
        issues.append(Issue("required", text, "Communication.payload"))
    subject = content.get("subject", {}).get("reference")
    if subject and subject != f"Patient/{stored.row['patient_id']}":
        text = "Communication.subject is another person than the referral's. Correct it, or leave it out."
        issues.append(Issue("business-rule", text, "Communication.subject"))
    if issues:
        raise Rejected(issues=issues)
    return Message(
        at=instant(at),
        by=content.get("sender", {}).get("display") or by,
        text="\n".join(texts),
        answers=question(stored.standing),
        communication_id=communication.id,
    )


def find_message(revision: Revision, stored: Stored) -> Message | None:
    """What the hub was told by this Communication."""
    return next((one for one in stored.standing.messages if one.communication_id == revision.kept.id), None)


def correct_message(revision: Revision, told: Message, stored: Stored) -> Applied | None:
    """A message that was told can be marked as entered in error, not made to say something else."""
    if revision.kept.content["status"] != "entered-in-error":
        text = f"{revision.at}: the link worker has read this. Mark it as entered-in-error, or send a new one."
        raise IllegalMove(text, expression=revision.at)
    return None if told.in_error else take_word_back(stored.standing, revision.kept.id)
