"""The SQL of pages that are open: what of a person's referrals would look another way, and which sessions are over."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import delivery, found_by, launch_session, person_key, referral

Name = tuple[str, str]
"""Organisation, and a key of table person_key or a value of found_by."""
Facts = list[tuple[Any, ...]]

AT_ONCE = 2000  # values in one query; both databases take several times as many


async def facts_of(connection: AsyncConnection, names: Collection[Name]) -> dict[Name, Facts]:
    """What can change of the referrals that stand under each name: their versions, and how far those have come. Names
    that were not asked for may be among the answers.

    Two queries for all names together, or for each two thousand of them.
    """
    organisations = sorted({organisation for organisation, _ in names})
    standing: dict[Name, dict[Name, int]] = defaultdict(dict)  # name -> (organisation, referral) -> version
    for some in _in_parts({name for _, name in names}):
        for row in await connection.execute(union_all(_by_key(organisations, some), _by_record(organisations, some))):
            standing[row.organisation, row.name][row.organisation, row.id] = row.version
    deliveries: dict[Name, Facts] = defaultdict(list)
    for some in _in_parts({id_ for its in standing.values() for _, id_ in its}):
        for row in await connection.execute(_deliveries(some)):
            deliveries[row.organisation, row.referral_id].append((row.state, row.how_many, str(row.last)))
    return {
        name: sorted((its[1], version, *sorted(deliveries[its])) for its, version in referrals.items())
        for name, referrals in standing.items()
    }


async def read_ends(connection: AsyncConnection, sessions: Collection[str]) -> list[Row[Any]]:
    """(id, ended, expires_at) of those of these sessions that there still are."""
    found: list[Row[Any]] = []
    for some in _in_parts(sessions):
        query = select(launch_session.c.id, launch_session.c.ended, launch_session.c.expires_at)
        found.extend(await connection.execute(query.where(launch_session.c.id.in_(some))))
    return found


def _in_parts(values: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


# By the organisations and the names apart, not in pairs: of pairs PostgreSQL makes as many conditions as there are.


def _by_key(organisations: Sequence[str], keys: Sequence[str]) -> Select[Any]:
    its = (referral.c.person_id == person_key.c.person_id) & (referral.c.organisation == person_key.c.organisation)
    named = person_key.c.organisation.in_(organisations) & person_key.c.key.in_(keys)
    return _standing(person_key.c.organisation, person_key.c.key).join(referral, its).where(named)


def _by_record(organisations: Sequence[str], values: Sequence[str]) -> Select[Any]:
    its = (referral.c.patient_id == found_by.c.id) & (referral.c.organisation == found_by.c.organisation)
    people = (found_by.c.type == "Patient") & (found_by.c.parameter == "identifier")
    named = found_by.c.organisation.in_(organisations) & people & found_by.c.value.in_(values)
    return _standing(found_by.c.organisation, found_by.c.value).join(referral, its).where(named)


def _standing(organisation: ColumnElement[str], name: ColumnElement[str]) -> Select[Any]:
    return select(organisation, name.label("name"), referral.c.id, referral.c.version)


def _deliveries(referrals: Sequence[str]) -> Select[Any]:
    which = (delivery.c.organisation, delivery.c.referral_id, delivery.c.state)
    last = func.max(delivery.c.delivered_at).label("last")
    query = select(*which, func.count().label("how_many"), last).where(delivery.c.referral_id.in_(referrals))
    return query.group_by(*which)
