"""Which referrals something stored belongs to: a Task or ServiceRequest, a person, somebody a request names."""

from collections.abc import Callable, Collection, Iterable

from sqlalchemy import ColumnElement, Select, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.lifecycle import REFERRAL_MOVES
from gateway.search.keys import reference_key, token_key
from gateway.store.schema import found_by, own_name, referral


async def referrals_of(connection: AsyncConnection, organisation: str, references: Collection[str]) -> dict[str, str]:
    """Those of these Task/id and ServiceRequest/id that are a referral's -> the referral's id."""
    tasks = [reference.removeprefix("Task/") for reference in references if reference.startswith("Task/")]
    requests = [reference for reference in references if reference.startswith("ServiceRequest/")]
    found: dict[str, str] = {}
    if tasks:
        own = select(referral.c.id).where(referral.c.organisation == organisation, referral.c.id.in_(tasks))
        found |= {f"Task/{id_}": id_ for id_ in (await connection.execute(own)).scalars()}
    if requests:
        named = select(own_name.c.name, own_name.c.target).where(
            own_name.c.organisation == organisation, own_name.c.name.in_(requests)
        )
        found |= {row.name: row.target for row in await connection.execute(named)}
    return found


async def open_referrals(
    connection: AsyncConnection, organisation: str, patients: Collection[str], others: Collection[str], most: int
) -> set[str]:
    """The ids of the open referrals of these Patient/id, and of those that these other Type/id were part of: who asks,
    who is asked, the organisations behind them, the person's practice. No more than `most` of each kind."""
    conditions: list[ColumnElement[bool]] = []
    if patients:
        ids = [reference.removeprefix("Patient/") for reference in patients]
        conditions.append(referral.c.patient_id.in_(ids))
    if others:
        keys = [_key(reference) for reference in others]
        roles = _naming(organisation, "PractitionerRole", keys, lambda id_: id_ + "/PractitionerRole")
        for named in (keys, roles):
            requests = _naming(organisation, "ServiceRequest", named, lambda id_: literal("ServiceRequest/") + id_)
            target = select(own_name.c.target).where(
                own_name.c.organisation == organisation, own_name.c.name.in_(requests)
            )
            conditions.append(referral.c.id.in_(target))
        conditions.append(referral.c.patient_id.in_(_naming(organisation, "Patient", keys)))
    found: set[str] = set()
    for condition in conditions:
        query = select(referral.c.id).where(
            referral.c.organisation == organisation, referral.c.status.in_(REFERRAL_MOVES), condition
        )
        found |= set((await connection.execute(query.limit(most))).scalars())
    return found


async def naming(
    connection: AsyncConnection, organisation: str, type_: str, reference: str, identifiers: Iterable[str] = ()
) -> list[str]:
    """Type/id of the stored resources of a type that refer to this Type/id, or to one of its identifiers
    (system|value), in order."""
    named = _naming(organisation, type_, [_key(reference), *map(_token, identifiers)])
    return [f"{type_}/{id_}" for id_ in sorted((await connection.execute(named)).scalars())]


async def identified(
    connection: AsyncConnection, organisation: str, types: Collection[str], identifiers: Iterable[str]
) -> set[str]:
    """Type/id of the stored resources of these types that carry one of these identifiers (system|value)."""
    values = [_token(one) for one in identifiers]
    if not values:
        return set()
    query = select(found_by.c.type, found_by.c.id).where(
        found_by.c.organisation == organisation,
        found_by.c.type.in_(types),
        found_by.c.parameter == "identifier",
        found_by.c.value.in_(values),
    )
    return {f"{row.type}/{row.id}" for row in await connection.execute(query)}


def _naming(
    organisation: str,
    type_: str,
    keys: Collection[str] | Select[str],
    shown: Callable[[ColumnElement[str]], ColumnElement[str]] = lambda id_: id_,
) -> Select[str]:
    """The ids of what has one of these reference keys, each as `shown` makes it."""
    return select(shown(found_by.c.id)).where(
        found_by.c.organisation == organisation,
        found_by.c.type == type_,
        found_by.c.parameter == "reference",
        found_by.c.value.in_(keys),
    )


def _key(reference: str) -> str:
    type_, _, id_ = reference.partition("/")
    return reference_key(type_, id_)


def _token(identifier: str) -> str:
    system, _, value = identifier.partition("|")
    return token_key(system, value)
