"""ADT^A31, A28 and A08: what the sender's system now says of a person whose Patient record is held here."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Revision
from gateway.hl7v2.incoming import Incoming, NothingHeld, accepted, received
from gateway.hl7v2.people import change_records, held_records, next_record, require_number
from gateway.ids import instant, now
from gateway.messages import Answer
from gateway.once import once
from gateway.privacy import is_restricted
from mappings.hl7v2.patient import Mistaken, amended, patient_from
from mappings.hl7v2.values import said_at
from mappings.systems import BASE

Json = dict[str, Any]

SOURCE = f"{BASE}:hl7v2#"  # and a time, in Patient.meta.source: what the record says was recorded then


async def update_person(incoming: Incoming, block: bytes) -> Answer:
    """Raises NothingHeld for a person whom nobody has referred: of them nothing is stored."""
    incoming.require("system/Patient.u")
    message, caller = incoming.message, incoming.caller
    told = patient_from(message, incoming.systems)
    require_number(told)
    at = _not_ahead(said_at(message))
    request = received(incoming, block, {"resourceType": "Patient", "identifier": told["identifier"]})

    async def change(connection: AsyncConnection) -> Answer:
        records = await held_records(connection, caller.organisation, told)
        if not records:
            raise NothingHeld
        refuse_overtaken(records, at)
        restricted = any(map(is_restricted, records))
        next_ = [next_record(amended(one, message, incoming.systems), one, restricted=restricted) for one in records]
        revisions = [one for one in next_ if one]
        for revision in revisions:
            mark(revision, at)
        await change_records(connection, incoming, request, revisions)
        return accepted(target=f"Patient/{records[-1]['id']}")

    return await once(incoming.gateway.store, caller, incoming.context, request, change)


def mark(revision: Revision, at: str | None) -> None:
    """Notes in the record when the sender's system recorded what it says now."""
    meta = revision.kept.content["meta"]
    meta.pop("source", None)
    if at:
        meta["source"] = SOURCE + at


def refuse_overtaken(records: list[Json], at: str | None) -> None:
    """Raises Mistaken when a message that says what was recorded later has been taken: one from an engine's error queue
    does not bring back an old address."""
    stated = [one["meta"].get("source", "") for one in records]
    times = [datetime.fromisoformat(one.removeprefix(SOURCE)) for one in stated if one.startswith(SOURCE)]
    if at and any(one > datetime.fromisoformat(at) for one in times):
        text = "a message about something that was recorded later has been taken already. This one changes nothing."
        raise Mistaken("EVN", 2, text, "102")


def _not_ahead(at: str | None) -> str | None:
    """A clock that is wrong once must not shut out all that comes after."""
    return instant(now()) if at and datetime.fromisoformat(at) > now() else at
