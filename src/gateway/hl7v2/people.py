"""The Patient records that a message is about, and their next versions."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival, Revision
from gateway.errors import Rejected
from gateway.fhir.arrivals import next_version, too_long_identifiers
from gateway.fhir.update import is_same
from gateway.hl7v2.incoming import Incoming
from gateway.ids import next_moment
from gateway.messages import Received
from gateway.people import agreement
from gateway.privacy import withhold
from gateway.profile.checks import VERIFIED
from gateway.revise import revise, take_turn
from gateway.store.resources import Resource, find_by_identifier, hold, load
from gateway.validation import check
from mappings.hl7v2.patient import STATUS, Mistaken, restrict
from mappings.systems import is_nhs_number_system

Json = dict[str, Any]


def local(identifiers: Iterable[Json]) -> list[Json]:
    """Those of the trust's own systems."""
    return [one for one in identifiers if not is_nhs_number_system(one["system"]) and "value" in one]


def name(identifier: Json) -> str:
    return f"{identifier['system']}|{identifier['value']}"


def require_number(told: Json) -> None:
    """Raises Mistaken when the person cannot be found by anything that the message says."""
    if not any("value" in one for one in told.get("identifier", [])):
        text = (
            "no identifier of a registered assigning authority, and no NHS number (type NH). Send one, in CX.1 and .4."
        )
        raise Mistaken("PID", 3, text, "204")


async def held_records(connection: AsyncConnection, organisation: str, told: Json) -> list[Json]:
    """The organisation's Patient records of this person, oldest first, locked for a change: those that carry one of
    its own identifiers now, else those of a verified NHS number with the same birth date or name."""
    wanted = local(told["identifier"])
    found = await _carrying(connection, organisation, wanted)
    if found or not _verified(told):
        return found
    numbers = [one for one in told["identifier"] if is_nhs_number_system(one["system"])]
    return [one for one in await _carrying(connection, organisation, numbers) if agreement(one, told) > 1]


async def records_of(connection: AsyncConnection, organisation: str, identifiers: list[Json]) -> list[Json]:
    """The Patient records that carry, or have carried, one of these identifiers; locked."""
    ids: set[str] = set()
    for one in identifiers:
        ids.update(await find_by_identifier(connection, organisation, "Patient", name(one)))
    references = [f"Patient/{id_}" for id_ in sorted(ids)]
    await hold(connection, organisation, references, changing=True)
    known = await load(connection, organisation, references)
    return [known[reference] for reference in references]


async def _carrying(connection: AsyncConnection, organisation: str, identifiers: list[Json]) -> list[Json]:
    return [one for one in await records_of(connection, organisation, identifiers) if carries(one, identifiers)]


def carries(record: Json, identifiers: list[Json]) -> bool:
    """Whether it has one of these identifiers now, not as a former one."""
    now_ = {name(one) for one in record.get("identifier", []) if one.get("use") != "old" and _is_whole(one)}
    return not now_.isdisjoint(map(name, identifiers))


def _is_whole(identifier: Json) -> bool:
    return bool(identifier.get("system") and identifier.get("value"))


def _verified(told: Json) -> bool:
    for one in told["identifier"]:
        stated = [each["valueCodeableConcept"]["coding"] for each in one.get("extension", []) if each["url"] == STATUS]
        if any(coding["code"] in VERIFIED for codings in stated for coding in codings):
            return True
    return False


def next_record(content: Json, before: Json, *, restricted: bool) -> Revision | None:
    """The record's next version; None when nothing would change. Raises Rejected when it would be no valid one.

    `restricted` says that another record of the person is: what the message says of where they are goes into none.
    """
    kept = next_version(withhold(restrict(content) if restricted else dict(content)), before, "PUT")
    if is_same(kept, before):
        return None
    refuse_invalid([kept])
    return Revision(kept, before, "Patient")


def refuse_invalid(resources: list[Resource]) -> None:
    """Raises Rejected for what would be no valid R4, or could not be found again."""
    issues = [one for kept in resources for one in check(kept.content) + too_long_identifiers(kept.content, kept.type)]
    if issues:
        raise Rejected(issues=issues)


async def change_records(
    connection: AsyncConnection, incoming: Incoming, request: Received, revisions: list[Revision]
) -> None:
    """As a PUT of each over FHIR: with all that it means for the person's referrals. Raises as `revise`."""
    known = {one.kept.reference: one.kept.content for one in revisions}
    arrival = Arrival(request, "epr-hl7v2", [], known, revisions)
    at = next_moment()
    await take_turn(connection, incoming.caller.organisation, arrival, at)
    await revise(connection, incoming.gateway, incoming.caller, incoming.context, arrival, at)
