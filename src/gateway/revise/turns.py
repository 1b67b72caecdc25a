"""Requests about the same stored resources take turns: a referral is made of what is stored at its end, and a change
of that finds the referral."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival
from gateway.revise.consents import of_stored_people, refusals
from gateway.revise.touched import people_named, touches_stored
from gateway.store.engine import Store
from gateway.store.resources import hold, load, load_around


class Outdated(Exception):
    """What the referral leans on was changed after it was read. Nothing was written."""


def takes_turns(arrival: Arrival) -> bool:
    """Whether it changes what is stored, is about it, or refers it: then others may be at the same."""
    return touches_stored(arrival) or bool(_leaned_on(arrival))


async def take_turn(connection: AsyncConnection, organisation: str, arrival: Arrival, at: datetime) -> None:
    """Waits, before anything is written, until nobody else is at what the request changes or leans on.

    Raises Outdated.
    """
    leaned = _leaned_on(arrival)
    changed = {revision.kept.reference for revision in arrival.revisions}
    said = [kept.content for kept in arrival.resources if kept.type == "Consent"]
    for revision in arrival.revisions:
        said += [revision.before, revision.kept.content] if revision.kept.type == "Consent" else []
    for consent in said:
        changed |= await people_named(connection, organisation, consent)
    awaited = {asked.task.reference for asked in arrival.asked if asked.task}
    held = (changed | leaned.keys() | awaited) - {kept.reference for kept in arrival.resources}
    versions = await hold(connection, organisation, held, changing=bool(changed))
    if any(versions.get(reference) != version for reference, version in leaned.items()):
        raise Outdated
    if (await refusals(connection, organisation, arrival, at)).keys() - arrival.known.keys():
        raise Outdated


def _leaned_on(arrival: Arrival) -> dict[str, int]:
    """Type/id -> version, as it was read, of what is stored already and goes into a referral."""
    if not arrival.asked:
        return {}
    brought = {kept.reference for kept in arrival.resources} | {one.kept.reference for one in arrival.revisions}
    brought |= {asked.task.reference for asked in arrival.asked if asked.task}
    stored = {name: one for name, one in arrival.known.items() if name not in brought and "/" in name}
    return {name: int(one["meta"]["versionId"]) for name, one in stored.items()}


async def recall_refusals(store: Store, organisation: str, arrival: Arrival, at: datetime) -> None:
    """Adds to what is known what a person refused before, for a new referral that brings no word of theirs."""
    if of_stored_people(arrival):
        async with store.reading() as connection:
            arrival.known |= await refusals(connection, organisation, arrival, at)


async def read_again(store: Store, organisation: str, arrival: Arrival) -> None:
    """Reads anew what the referrals lean on."""
    async with store.reading() as connection:
        fresh = await load(connection, organisation, _leaned_on(arrival))
        around = await load_around(connection, organisation, fresh.values(), steps=2)
    arrival.known |= fresh | {name: one for name, one in around.items() if name not in arrival.known}
    for asked in arrival.asked:
        request = asked.service_request
        if request.reference in fresh:
            request.content = fresh[request.reference]
            request.version = int(request.content["meta"]["versionId"])
