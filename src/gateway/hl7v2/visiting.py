"""ADT^A01 and A03 (A11 and A13 take them back): the link worker of each open referral is told."""

from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.advance import advance
from gateway.hl7v2.incoming import Incoming, NothingHeld, accepted, received
from gateway.hl7v2.people import held_records, require_number
from gateway.ids import instant, next_moment
from gateway.later import is_open, tell
from gateway.lifecycle import REFERRAL_MOVES
from gateway.messages import Answer
from gateway.once import once
from gateway.privacy import is_restricted
from gateway.store import people, referrals
from gateway.store.touched import open_referrals
from mappings.hl7v2.patient import patient_from
from mappings.hl7v2.visit import is_stay, visit_words
from mappings.referral import Message

Json = dict[str, Any]

MOST = 100  # open referrals of one person


async def tell_of_visit(incoming: Incoming, block: bytes) -> Answer:
    """Raises NothingHeld when the person has no open referral, or did not stay."""
    incoming.require("system/Communication.c")
    told = patient_from(incoming.message, incoming.systems)
    require_number(told)
    if not is_stay(incoming.message):
        raise NothingHeld
    request = received(incoming, block, {"resourceType": "Patient", "identifier": told["identifier"]})

    async def change(connection: AsyncConnection) -> Answer:
        organisation = incoming.caller.organisation
        records = await held_records(connection, organisation, told)
        if not (ids := await _open(connection, organisation, records)):
            raise NothingHeld
        restricted = any(map(is_restricted, records))
        for id_ in ids:
            await _tell(connection, incoming, id_, restricted=restricted)
        return accepted(target=f"Task/{ids[-1]}")

    return await once(incoming.gateway.store, incoming.caller, incoming.context, request, change)


async def _open(connection: AsyncConnection, organisation: str, records: list[Json]) -> list[str]:
    """The open referrals of these records, and of whoever was found to be the same person; in the order of ids, in
    which everybody locks them."""
    references = [f"Patient/{one['id']}" for one in records]
    found = await open_referrals(connection, organisation, references, [], MOST) if records else set()
    for id_ in sorted(found):
        held = await people.held_by_record(connection, organisation, id_)
        if held:
            theirs = await people.side(connection, organisation, held.person_id)
            found |= {one["id"] for one in theirs.referrals if one["status"] in REFERRAL_MOVES}
    return sorted(found)


async def _tell(connection: AsyncConnection, incoming: Incoming, id_: str, *, restricted: bool) -> None:
    stored = await referrals.load(connection, incoming.caller.organisation, id_, lock=True)
    assert stored is not None  # it was found just now
    if not is_open(stored.standing):  # closed while this waited for it
        return
    at = next_moment()
    restricted = restricted or orjson.loads(stored.row["content"])["person"].get("sensitive", False)
    on_hold = stored.standing.status == "on-hold"
    words = visit_words(incoming.message, incoming.by, on_hold=on_hold, where=not restricted)
    message = Message(at=instant(at), by=incoming.by, text=words)
    source = {"source": incoming.action}
    await advance(
        connection, incoming.caller, incoming.context, stored, tell(stored.standing, [message], "PV1"), source, at
    )
