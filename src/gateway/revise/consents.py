"""What the person last said: Consents that no request names, and that decide all the same.

What the sender told last counts, of what says yes or no to sharing: a refusal that came after an agreement ends it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival, Asked
from gateway.ids import instant
from gateway.sources import Known, Surroundings, identifiers_of
from gateway.store.resources import identifiers, load
from gateway.store.touched import naming
from mappings.consent import judge
from mappings.current import current

Json = dict[str, Any]

DECIDED = frozenset({"permit", "deny"})


async def last_word(connection: AsyncConnection, organisation: str, patient: str, at: datetime) -> Known:
    """The last stored Consent of this Patient/id that permits or refuses sharing; empty when there is none."""
    day = instant(at)[:10]
    record = (await load(connection, organisation, [patient])).get(patient, {})
    named = await naming(connection, organisation, "Consent", patient, identifiers(record))
    consents = await load(connection, organisation, named)
    theirs = identifiers_of(current(record, day))
    said = []
    for reference, consent in consents.items():
        decision = judge(consent, day).decision
        if decision in DECIDED and _names(consent.get("patient", {}), patient, theirs):
            said.append((consent["meta"]["lastUpdated"], decision == "deny", reference))
    last = max(said, default=None)
    return {last[2]: consents[last[2]]} if last else {}


def _names(named: Json, patient: str, theirs: set[tuple[str, str]]) -> bool:
    if "reference" in named:
        return bool(named["reference"] == patient)
    return bool(identifiers_of(named)) and identifiers_of(named) <= theirs


async def refusals(connection: AsyncConnection, organisation: str, arrival: Arrival, at: datetime) -> Known:
    """The Consents by which those refused before whom a new referral is about, and of whom it brings no word itself."""
    day, refused = instant(at)[:10], Known()
    for asked in of_stored_people(arrival):
        if not _brings_word(arrival, asked, day):
            said = await last_word(connection, organisation, asked.service_request.content["subject"]["reference"], at)
            refused |= {name: one for name, one in said.items() if judge(one, day).decision == "deny"}
    return refused


def of_stored_people(arrival: Arrival) -> list[Asked]:
    """The referrals of Patients who were stored before: one that brings its Patient costs no look-up."""
    new = {kept.reference for kept in arrival.resources}
    subjects = [(asked, asked.service_request.content["subject"].get("reference", "")) for asked in arrival.asked]
    return [asked for asked, subject in subjects if subject.startswith("Patient/") and subject not in new]


def _brings_word(arrival: Arrival, asked: Asked, day: str) -> bool:
    """Whether the person's yes or no comes with the request: one that is about somebody else, or about other matters,
    says nothing of theirs."""
    around = Surroundings(arrival.known, asked.service_request.content, day)
    return any(
        around.is_subject(consent.get("patient", {}), holder) and judge(consent, day).decision in DECIDED
        for holder, consent in _brought(arrival, asked)
    )


def _brought(arrival: Arrival, asked: Asked) -> Iterator[tuple[Json, Json]]:
    """(the resource it stands in, the Consent) of each that the request brings."""
    for kept in [*arrival.resources, *(revision.kept for revision in arrival.revisions)]:
        if kept.type == "Consent":
            yield kept.content, kept.content
        elif kept in (asked.service_request, asked.task):
            held = kept.content.get("contained", [])
            yield from ((kept.content, one) for one in held if one["resourceType"] == "Consent")
