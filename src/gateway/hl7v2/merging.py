"""ADT^A40 (two records are one person's) and its undoing: A37, or an A40 that turns an earlier one round.

Persons are joined as a link worker would join them (gateway.people.deciding), and can be parted the same way. The
record that was given up carries the surviving identifier from then on, and its own as a former one (use old).
"""

from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hl7v2.incoming import Incoming, NothingHeld, accepted, received
from gateway.hl7v2.people import carries, change_records, local, name, next_record, records_of
from gateway.ids import now
from gateway.messages import Answer, Received
from gateway.once import once
from gateway.people.deciding import SAME, join, take_back
from gateway.privacy import is_restricted
from gateway.store import people
from gateway.store.resources import read
from gateway.validation import parse
from mappings.hl7v2.patient import Mistaken, amended, former_identifiers, patient_from

Json = dict[str, Any]


async def merge_person(incoming: Incoming, block: bytes) -> Answer:
    """A40. Raises NothingHeld when no record is held under the identifier that was given up; IllegalMove when a human
    has found the two to be different people."""
    incoming.require("system/Patient.u")
    told = patient_from(incoming.message, incoming.systems)
    surviving = _local(told.get("identifier", []), "PID", 3)
    former = _local(former_identifiers(incoming.message, incoming.systems), "MRG", 1)
    if name(surviving) == name(former):
        raise Mistaken("MRG", 1, "this is the identifier of PID-3: nothing can be merged with itself.", "205")
    request = received(incoming, block, _named(surviving, former))

    async def change(connection: AsyncConnection) -> Answer:
        organisation = incoming.caller.organisation
        await people.hold_decisions(connection, organisation)
        named = await records_of(connection, organisation, [surviving, former])
        turned_round = [one for one in named if is_merged(one, surviving, former)]
        if turned_round:
            await _part(connection, incoming, request, turned_round, surviving, former, 0)
            return accepted(target=f"Patient/{turned_round[-1]['id']}")
        records = [one for one in named if carries(one, [former])]
        if not records:
            raise NothingHeld
        await _join(connection, incoming, surviving, former)
        restricted = any(map(is_restricted, named))
        next_ = [next_record(one, one, restricted=restricted) for one in named if one not in records]
        for one in records:
            content = amended(one, incoming.message, incoming.systems)
            content["identifier"] = [*content["identifier"], former | {"use": "old"}]
            next_.append(next_record(content, one, restricted=restricted))
        await change_records(connection, incoming, request, [one for one in next_ if one])
        return accepted(target=f"Patient/{records[-1]['id']}")

    return await once(incoming.gateway.store, incoming.caller, incoming.context, request, change)


async def part_person(incoming: Incoming, block: bytes) -> Answer:
    """A37: the persons of its two PID segments are not one. Raises NothingHeld when they were not merged here;
    IllegalMove when too much has happened since."""
    incoming.require("system/Patient.u")
    if len(incoming.message.segments("PID")) != 2:
        raise Mistaken("PID", 0, "unlinking needs two PID segments, one for each person.", "100")
    one, other = (
        _local(patient_from(incoming.message, incoming.systems, which).get("identifier", []), "PID", 3)
        for which in (0, 1)
    )
    request = received(incoming, block, _named(one, other))

    async def change(connection: AsyncConnection) -> Answer:
        organisation = incoming.caller.organisation
        await people.hold_decisions(connection, organisation)
        held = await records_of(connection, organisation, [one, other])
        for which, (former, surviving) in enumerate(((one, other), (other, one))):
            if merged := [each for each in held if is_merged(each, former, surviving)]:
                await _part(connection, incoming, request, merged, former, surviving, which)
                return accepted(target=f"Patient/{merged[-1]['id']}")
        raise NothingHeld

    return await once(incoming.gateway.store, incoming.caller, incoming.context, request, change)


def is_merged(record: Json, former: Json, surviving: Json) -> bool:
    """Whether the record was given up for the surviving identifier."""
    old = {name(one) for one in record.get("identifier", []) if one.get("use") == "old" and "value" in one}
    return name(former) in old and carries(record, [surviving])


def _local(identifiers: list[Json], segment: str, field: int) -> Json:
    found = local(identifiers)
    if not found:
        raise Mistaken(
            segment, field, "no identifier of a registered assigning authority. Send it in CX.1 and .4.", "204"
        )
    return found[0]


def _named(*identifiers: Json) -> Json:
    return {"resourceType": "Patient", "identifier": list(identifiers)}


async def _person(connection: AsyncConnection, organisation: str, identifier: Json) -> str | None:
    """The id of the person whom the identifier leads to."""
    found = await people.find_in(connection, organisation, [name(identifier)])
    return found[0][1] if found else None


async def _join(connection: AsyncConnection, incoming: Incoming, surviving: Json, former: Json) -> None:
    organisation = incoming.caller.organisation
    giver = await _person(connection, organisation, former)
    taker = await _person(connection, organisation, surviving)
    if giver and taker:
        note = f"Merged by {incoming.by} in its own records (ADT^A40)."
        await join(connection, incoming.caller, giver, taker, note, now())


async def _part(
    connection: AsyncConnection,
    incoming: Incoming,
    request: Received,
    records: list[Json],
    former: Json,
    surviving: Json,
    which: int,
) -> None:
    """Gives back what was joined, and makes the records what they were before; `which` PID tells of them now."""
    organisation = incoming.caller.organisation
    person = await _person(connection, organisation, surviving)
    decided = await people.questions_between(connection, organisation, person, person, SAME) if person else []
    for question in decided:
        if name(former) in orjson.loads(question.history[-1]["moved"])["keys"]:
            note = f"Parted by {incoming.by} in its own records ({incoming.message.header.name.replace('^', ' ')})."
            await take_back(connection, incoming.caller, question, note)
            giver, taker = question.row["other_person_id"], question.row["person_id"]
            # Since the merging the former identifier has led to the survivor too: a question that was answered now.
            await people.hand_over(connection, organisation, giver, taker, [], [f"~{name(former)}"])
            break
    next_ = []
    for one in records:
        before = await _before_merging(connection, organisation, one, former)
        content = amended(before, incoming.message, incoming.systems, which)
        if is_restricted(one):  # it stays so, whosever word it was
            content["meta"] = content["meta"] | {"security": one["meta"]["security"]}
        next_.append(next_record(content, one, restricted=False))
    await change_records(connection, incoming, request, [one for one in next_ if one])


async def _before_merging(connection: AsyncConnection, organisation: str, record: Json, former: Json) -> Json:
    """The record's last version that carried its own identifier: what the survivor's data made of it since is somebody
    else's."""
    for version in range(int(record["meta"]["versionId"]) - 1, 0, -1):
        found = await read(connection, organisation, "Patient", record["id"], version)
        assert found is not None  # no version is ever deleted
        content: Json = parse(found[2].encode())
        if carries(content, [former]):
            return content
    return record
