"""ADT^A31, A28 and A08: what the sender's system now says of a person whose Patient record is held here."""

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hl7v2.incoming import Incoming, NothingHeld, accepted, received
from gateway.hl7v2.people import change_records, held_records, next_record, require_number
from gateway.hl7v2.timeliness import mark, recorded_at, refuse_overtaken
from gateway.messages import Answer
from gateway.once import once
from gateway.privacy import is_restricted
from mappings.hl7v2.patient import amended, patient_from


async def update_person(incoming: Incoming, block: bytes) -> Answer:
    """Raises NothingHeld for a person whom nobody has referred: of them nothing is stored."""
    incoming.require("system/Patient.u")
    message, caller = incoming.message, incoming.caller
    told = patient_from(message, incoming.systems)
    require_number(told)
    at = recorded_at(message)
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
            mark(revision.kept, at)
        await change_records(connection, incoming, request, revisions)
        return accepted(target=f"Patient/{records[-1]['id']}")

    return await once(incoming.gateway.store, caller, incoming.context, request, change)
