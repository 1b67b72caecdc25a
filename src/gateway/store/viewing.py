"""The SQL of the page about one person: which referrals of an organisation are theirs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import RowMapping, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.search.keys import token_key
from gateway.store.people import same_person
from gateway.store.resources import load
from gateway.store.schema import found_by, identity_item, referral

Json = dict[str, Any]

MOST = 50  # referrals of one person; the newest are shown


async def of_person(connection: AsyncConnection, organisation: str, person_id: str) -> list[str]:
    """The ids of the referrals of this person, whoever they were merged with; the newest first."""
    query = select(referral.c.id).where(
        referral.c.organisation == organisation, referral.c.person_id.in_(same_person(person_id))
    )
    newest_first = query.order_by(referral.c.submitted_at.desc(), referral.c.id.desc()).limit(MOST)
    return list((await connection.execute(newest_first)).scalars())


async def of_record(
    connection: AsyncConnection, organisation: str, identifiers: Iterable[tuple[str, str]]
) -> list[tuple[str, str | None, Json]]:
    """(id, person, Patient as stored) of each referral whose Patient carries one of these (system, value)."""
    keys = [token_key(system, value) for system, value in identifiers]
    if not keys:
        return []
    records = select(found_by.c.id).where(
        found_by.c.organisation == organisation,
        found_by.c.type == "Patient",
        found_by.c.parameter == "identifier",
        found_by.c.value.in_(keys),
    )
    query = select(referral.c.id, referral.c.person_id, referral.c.patient_id).where(
        referral.c.organisation == organisation, referral.c.patient_id.in_(records)
    )
    rows = (await connection.execute(query.order_by(referral.c.id.desc()).limit(MOST))).all()
    known = await load(connection, organisation, {f"Patient/{row.patient_id}" for row in rows})
    return [(row.id, row.person_id, known.get(f"Patient/{row.patient_id}", {})) for row in rows]


async def is_in_question(connection: AsyncConnection, organisation: str, person_id: str) -> bool:
    """Whether somebody still has to decide who this person is."""
    ones = same_person(person_id)
    asked = exists().where(
        identity_item.c.organisation == organisation,
        identity_item.c.state == "open",
        or_(identity_item.c.person_id.in_(ones), identity_item.c.other_person_id.in_(ones)),
    )
    return bool((await connection.execute(select(asked))).scalar_one())


def journal_of(rows: Sequence[RowMapping]) -> list[Json]:
    """Rows of table event with their JSON read."""
    return [dict(row) | {name: orjson.loads(row[name]) for name in ("actor", "change")} for row in rows]


def content_of(row: Mapping[str, Any]) -> Json:
    """The translated referral (mappings.referral.Referral) of a row of table referral."""
    content: Json = orjson.loads(row["content"])
    return content
