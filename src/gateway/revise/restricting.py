"""When a person is marked restricted: where they are is taken out of all that was stored of them before."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival, Revision
from gateway.ids import first_id
from gateway.privacy import ABOUT, LEFT_OUT, is_restricted, names_of, withhold_of
from gateway.store import referrals
from gateway.store.resources import Resource, save_keys
from gateway.store.schema import event, message, referral, resource
from gateway.store.touched import naming
from gateway.validation import dump, parse, parse_json
from mappings.amendment import without_where

Json = dict[str, Any]
Version = tuple[int, datetime, Json]  # number, when it was stored, content

REACH = frozenset({"address", "phones", "emails", "gp_practice"})  # of mappings.referral.Person
# From when a request was read until its version of a resource is made, at most.
HANDLED_IN = timedelta(seconds=60)


def withhold_known(arrival: Arrival) -> None:
    """Takes out of what arrived where RelatedPersons are, and what answers tell, whose Patient is stored and
    restricted."""
    for kept in [*arrival.resources, *(revision.kept for revision in arrival.revisions)]:
        if kept.type not in ABOUT:
            continue
        patient = arrival.known.get(kept.content.get(ABOUT[kept.type], {}).get("reference", ""), {})
        known_as = names_of(patient)
        if is_restricted(patient) and (left := withhold_of(kept.content, known_as)) != kept.content:
            kept.content = arrival.known[kept.reference] = left
            body = parse_json(arrival.received.stored)
            stored = withhold_of(body, known_as) if isinstance(body, dict) else left  # not what a JSON Patch says
            arrival.received = replace(arrival.received, kept=dump(stored))


async def forget(connection: AsyncConnection, organisation: str, revision: Revision) -> None:
    """Rewrites what was stored before this version was the first to be restricted: earlier versions, RelatedPersons,
    answers, what was received and answered, and the person's referrals, ended ones too. Version numbers stay.

    The requests are found by their time and the names in them; of a JSON Patch that was answered without the resource
    (return=minimal) nothing tells whose it was.
    """
    kept = revision.kept
    if kept.type not in LEFT_OUT or is_restricted(revision.before) or not is_restricted(kept.content):
        return
    own = await _versions(connection, organisation, kept.reference)
    known_as = {name for _, _, content in own for name in names_of(content)}
    about = [one for type_ in ABOUT for one in await naming(connection, organisation, type_, kept.reference)]
    for reference in [kept.reference, *about]:
        versions = await _versions(connection, organisation, reference)
        await _rewrite(connection, organisation, reference, versions, known_as)
        for _, at, _ in versions:
            await _forget_messages(connection, organisation, at, known_as)
    theirs = select(referral.c.id).filter_by(organisation=organisation, patient_id=kept.id).order_by(referral.c.id)
    for id_ in (await connection.execute(theirs)).scalars().all():
        await _forget_in_referral(connection, organisation, id_)


async def _versions(connection: AsyncConnection, organisation: str, reference: str) -> list[tuple[int, datetime, Json]]:
    type_, _, id_ = reference.partition("/")
    query = select(resource.c.version, resource.c.updated_at, resource.c.content).filter_by(
        organisation=organisation, type=type_, id=id_
    )
    rows = await connection.execute(query.order_by(resource.c.version))
    return [(row.version, row.updated_at, parse(row.content.encode())) for row in rows]


async def _rewrite(
    connection: AsyncConnection,
    organisation: str,
    reference: str,
    versions: list[Version],
    known_as: Collection[str],
) -> None:
    """Makes each version what is left of it; it is found by what the last one says then."""
    type_, _, id_ = reference.partition("/")
    for version, at, content in versions:
        left = withhold_of(content, known_as)
        if left == content:
            continue
        of_version = update(resource).filter_by(organisation=organisation, type=type_, id=id_, version=version)
        await connection.execute(of_version.values(content=dump(left).decode()))
        if version == len(versions):
            await save_keys(connection, organisation, Resource(type_, id_, version, at, left), content)


async def _forget_messages(
    connection: AsyncConnection, organisation: str, at: datetime, known_as: Collection[str]
) -> None:
    """In the requests that may have brought the version of this moment; ids of messages go by their time."""
    texts = (message.c.body, message.c.answer)
    query = select(message.c.id, *texts).where(
        message.c.organisation == organisation,
        message.c.id.between(first_id(at - HANDLED_IN), first_id(at + timedelta(seconds=1))),
        or_(*(text.contains(name, autoescape=True) for name in known_as for text in texts)),
    )
    for row in (await connection.execute(query)).all():
        answer = parse_json(row.answer.encode()) if row.answer else None
        body = parse_json(row.body.encode()) if row.body else None
        if isinstance(body, list):
            body = answer  # a JSON Patch is kept as what it made
        left = {
            name: dump(withhold_of(one, known_as)).decode()
            for name, one in (("body", body), ("answer", answer))
            if isinstance(one, dict)
        }
        await connection.execute(update(message).filter_by(organisation=organisation, id=row.id).values(left))


async def _forget_in_referral(connection: AsyncConnection, organisation: str, id_: str) -> None:
    stored = await referrals.load(connection, organisation, id_, lock=True)
    assert stored is not None  # it was found just now
    content, standing = orjson.loads(stored.row["content"]), stored.standing
    content |= _out_of_reach(content)
    left = standing.model_copy(update={"amendments": without_where(standing.amendments)})
    columns = {"content": dump(content).decode(), "standing": referrals.standing_column(left)}
    await connection.execute(update(referral).filter_by(organisation=organisation, id=id_).values(columns))
    await _forget_answers(connection, organisation, id_)


async def _forget_answers(connection: AsyncConnection, organisation: str, id_: str) -> None:
    """In what link workers' systems were answered when they changed the referral, kept for their retries."""
    query = select(event.c.actor, event.c.request_id).filter_by(organisation=organisation, referral_id=id_)
    for row in (await connection.execute(query)).all():
        actor = orjson.loads(row.actor)
        if actor["role"] != "platform":
            continue
        given = {"organisation": actor["organisation"], "client_id": actor["client"], "request_id": row.request_id}
        found = (await connection.execute(select(message.c.answer).filter_by(**given))).scalar_one_or_none()
        answer = orjson.loads(found) if found else {}
        if "referral" in answer:
            answer["referral"] |= _out_of_reach(answer["referral"])
            answer["amendments"] = []
            await connection.execute(update(message).filter_by(**given).values(answer=dump(answer).decode()))


def _out_of_reach(content: Json) -> Json:
    """The parts of a referral that told where the person is, without it."""
    left = {name: value for name, value in content["person"].items() if name not in REACH}
    if left.get("contacts"):
        left["contacts"] = list(map(_without_phone, left["contacts"]))
    changed: Json = {"person": left | {"sensitive": True}}
    if content.get("safe_contact"):
        changed["safe_contact"] = _without_phone(content["safe_contact"])
    return changed


def _without_phone(one: Json) -> Json:
    return {name: value for name, value in one.items() if name != "phone"}
