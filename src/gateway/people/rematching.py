"""When a Patient record is corrected: whose its referrals are now."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Issue
from gateway.ids import new_id
from gateway.people.identity import Identity
from gateway.people.matching import known_people, place
from gateway.people.rows import doubt_issues, names_json, person_rows
from gateway.store import people
from gateway.store.referrals import insert


async def rematch(
    connection: AsyncConnection,
    sender: str,
    referral_id: str,
    identity: Identity,
    at: datetime,
    *,
    in_doubt: bool = False,
) -> list[Issue]:
    """Takes over what the referral's Patient record says now (`identity_of`). The findings, for the advisor and the
    sender, are questions that it raised.

    A person known by this record alone is corrected with it, and asked about when that is `in_doubt`. One whom other
    records are about too keeps what these say: what no longer fits is parted from them, and asked about. Nobody is
    joined with anybody. Raises IntegrityError when one of the keys became somebody's meanwhile.
    """
    held = await people.held_by_record(connection, sender, referral_id)
    if held is None:
        return []
    known = known_people(await people.find_in(connection, sender, identity.wanted()))
    asked_before = known.get(identity.fingerprint)
    if asked_before and asked_before.id == held.person_id:
        return []
    placed = place(identity, known)
    if held.alone or placed.person_id != held.person_id:
        others = {key: one for key, one in known.items() if one.id != held.person_id}
        placed = place(identity, others)
        elsewhere: list[str | None] = [] if placed.new else [placed.person_id]
        elsewhere += [] if held.alone else [held.person_id]
        elsewhere += [None] if in_doubt and not elsewhere else []
        doubts = [*placed.doubts, *(("record-corrected", id_) for id_ in elsewhere)]
        keys = {*placed.keys, *([identity.fingerprint] if doubts else [])} - known.keys()
        own = held.person_id if held.alone else new_id()
        placed = replace(placed, person_id=own, new=not held.alone, doubts=doubts, keys=sorted(keys))
        if held.alone:
            await people.correct(connection, sender, own, identity.birth_date, names_json(identity), identity.wanted())
        else:
            await people.hand_over(connection, sender, held.person_id, own, held.referrals, [])
    await insert(connection, person_rows(sender, placed, referral_id, at))
    return doubt_issues(placed)
