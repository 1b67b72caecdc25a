"""From the writes of a transaction to an Arrival: which create, which change what is stored, which find it there."""

from dataclasses import dataclass
from typing import Any

from gateway.arrival import Arrival, Revision
from gateway.errors import Rejected
from gateway.fhir.arrivals import bundle_names, find_referrals, new_resource, next_version, resolve, stored
from gateway.fhir.conditions import check_if_match, match_identifier
from gateway.fhir.entries import Write, same_resource
from gateway.fhir.exchange import Exchange
from gateway.fhir.update import is_same, misnamed, refuse_subset
from gateway.messages import Received
from gateway.privacy import refuse_lost_label
from gateway.store.resources import Resource, load

Json = dict[str, Any]


@dataclass
class Planned:
    """What will come of an entry: `kept` as stored by it, or as it is already."""

    write: Write
    kept: Resource
    created: bool = False
    revision: Revision | None = None

    @property
    def shown(self) -> Resource:
        return self.revision.kept if self.revision else self.kept


async def plan(
    exchange: Exchange, received: Received, entries: list[Json], writes: list[Write]
) -> tuple[Arrival, list[Planned]]:
    """What arrives, and what will come of each write. Nothing is stored yet.

    Raises Rejected, VersionConflict (412) or BadRequest for a write that cannot be done, naming its entry.
    """
    before = await _find(exchange, writes)
    planned = [_plan_one(exchange, received, write, before.get(write.index)) for write in writes]
    changed = [(one.kept, one.write.at) for one in planned if one.created or one.revision]
    names = bundle_names(entries, {one.write.index: one.kept.reference for one in planned})
    known = await resolve(exchange, changed, names)
    for one in planned:
        if one.revision and is_same(one.kept, one.revision.before):
            one.kept, one.revision = stored(one.kept.reference, one.revision.before), None
    created = [one for one in planned if one.created]
    arrival = Arrival(
        received,
        "epr-api",
        [one.kept for one in created],
        known,
        # In one order whatever the Bundle's is, so that two transactions never wait for each other.
        sorted((one.revision for one in planned if one.revision), key=lambda revision: revision.kept.reference),
        claims={f"{one.write.type}?identifier={one.write.named}" for one in created if one.write.named},
    )
    find_referrals(arrival, {kept.reference: at for kept, at in changed}, tasks_needed=False)
    return arrival, planned


async def _find(exchange: Exchange, writes: list[Write]) -> dict[int, Json]:
    """Entry index -> what is stored under the entry's id, or matches its condition. Raises VersionConflict (412) for
    a condition that matches several, Rejected when two entries turn out to change the same."""
    references: dict[int, str] = {}
    for write in writes:
        id_ = write.id
        if write.named:
            element = "url" if write.method == "PUT" else "ifNoneExist"
            id_ = await match_identifier(exchange, write.type, write.named, f"{write.asked_at}.{element}")
        if id_:
            if write.method == "PUT" and f"{write.type}/{id_}" in references.values():
                raise same_resource(write.asked_at)
            references[write.index] = f"{write.type}/{id_}"
    if not references:
        return {}
    async with exchange.gateway.store.reading() as connection:
        found = await load(connection, exchange.caller.organisation, set(references.values()))
    return {index: found[reference] for index, reference in references.items() if reference in found}


def _plan_one(exchange: Exchange, received: Received, write: Write, before: Json | None) -> Planned:
    if write.method == "POST":
        if before is None:
            return Planned(write, new_resource(write.content, received), created=True)
        refuse_lost_label(write.content, before, write.at, matched=True)
        return Planned(write, stored(f"{write.type}/{before['id']}", before))
    issue = misnamed(write.content, before, f"{write.at}.id")
    if issue:
        raise Rejected(issues=[issue])
    check_if_match(write.if_match, int(before["meta"]["versionId"]) if before else 0, f"{write.asked_at}.ifMatch")
    if before is None:
        exchange.require(f"system/{write.type}.c")
        return Planned(write, new_resource(write.content, received), created=True)
    refuse_subset(write.content, write.at)
    kept = next_version(write.content, before, "PUT")
    return Planned(write, kept, revision=Revision(kept, before, write.at))
