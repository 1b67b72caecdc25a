"""People, what they are found by, and the questions about who is who."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Select, String, case, delete, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Store
from gateway.store.schema import identity_event, identity_item, organisation, person, person_key, referral

Found = tuple[str, str, str | None, str, str]
"""The key looked for, and of the person it leads to: id, birth date, names (JSON), one of their keys."""

# Each step goes by an index whatever the planner knows of the tables: they are empty when it plans for the first time.
# The organisation comes in an array too: a plan made for any value is kept, one for a single value made each time.
FIND = """
    SELECT sought.number, sought.key, held.person_id, p.birth_date, p.names, theirs.key
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS sought (organisation, key, number)
    CROSS JOIN LATERAL (
        SELECT person_id FROM person_key WHERE organisation = sought.organisation AND key = sought.key LIMIT 1
    ) AS held
    CROSS JOIN LATERAL (
        SELECT birth_date, names FROM person WHERE organisation = sought.organisation AND id = held.person_id LIMIT 1
    ) AS p
    CROSS JOIN LATERAL (
        SELECT key FROM person_key WHERE organisation = sought.organisation AND person_id = held.person_id OFFSET 0
    ) AS theirs
"""


async def find(store: Store, sender: str, keys: Iterable[str]) -> list[Found]:
    """The organisation's people whom the keys lead to, a row for each of their keys. For every referral, so quick."""
    sought = [(sender, key) for key in keys]
    if not sought:
        return []
    if store.engine.dialect.driver == "asyncpg":
        return [tuple(row) for row in await store.look_up(FIND, sought)]
    async with store.reading() as connection:
        return await find_in(connection, sender, keys)


async def find_in(connection: AsyncConnection, sender: str, keys: Iterable[str]) -> list[Found]:
    """As `find`, within a transaction."""
    held, other = person_key, person_key.alias()
    query = (
        select(held.c.key, held.c.person_id, person.c.birth_date, person.c.names, other.c.key)
        .join(person, (person.c.organisation == held.c.organisation) & (person.c.id == held.c.person_id))
        .join(other, (other.c.organisation == held.c.organisation) & (other.c.person_id == held.c.person_id))
        .where(held.c.organisation == sender, held.c.key.in_(list(keys)))
    )
    return [tuple(row) for row in await connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Side:
    """A person as they are now, after all merging: their referrals (rows, oldest first) and keys."""

    id: str
    birth_date: str | None
    referrals: Sequence[RowMapping]
    keys: list[str]

    def seen_by(self, hubs: Iterable[str]) -> bool:
        return any(one["hub_id"] in set(hubs) for one in self.referrals)


def same_person(person_id: str) -> Select[Any]:
    """The ids of all who were found to be one person with this one, and its own. What came in while people were being
    joined may be stored under any of them."""
    ids = select(literal(person_id, String(36)).label("id")).cte(recursive=True)
    near = or_(person.c.merged_into == ids.c.id, person.c.id == ids.c.id)
    other = case((person.c.id == ids.c.id, person.c.merged_into), else_=person.c.id)
    return select(ids.union(select(other).where(near, person.c.merged_into.is_not(None))).c.id)


async def kept_apart(connection: AsyncConnection, sender: str, one: str, other: str) -> str | None:
    """The id of a question that a human has decided: these two persons, as they are now, are different people."""
    item = identity_item
    ones, others = same_person(one), same_person(other)
    query = select(item.c.id).where(
        item.c.organisation == sender,
        item.c.state == "different-people",
        (item.c.person_id.in_(ones) & item.c.other_person_id.in_(others))
        | (item.c.person_id.in_(others) & item.c.other_person_id.in_(ones)),
    )
    return (await connection.execute(query.order_by(item.c.id).limit(1))).scalar()


async def side(connection: AsyncConnection, sender: str, person_id: str) -> Side:
    """The person of this id, or whom they were found to be."""
    of_sender = select(person).where(person.c.organisation == sender)
    row = (await connection.execute(of_sender.where(person.c.id == person_id))).mappings().one()
    while row["merged_into"]:
        row = (await connection.execute(of_sender.where(person.c.id == row["merged_into"]))).mappings().one()
    shown = ("id", "reference", "hub_id", "status", "submitted_at", "content", "person_id", "patient_id")
    theirs = select(*(referral.c[name] for name in shown)).where(
        referral.c.organisation == sender, referral.c.person_id.in_(same_person(row["id"]))
    )
    held = select(person_key.c.key).where(person_key.c.organisation == sender, person_key.c.person_id == row["id"])
    return Side(
        row["id"],
        row["birth_date"],
        (await connection.execute(theirs.order_by(referral.c.id))).mappings().all(),
        sorted((await connection.execute(held)).scalars()),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """A row of identity_item; the person whose referral raised it and the other one, if there is one, as they are
    now; and what was decided and taken back, first things first."""

    row: RowMapping
    person: Side
    other: Side | None
    history: Sequence[RowMapping]


async def list_questions(
    connection: AsyncConnection, hubs: Iterable[str], state: str, after: str, limit: int
) -> list[Question]:
    """Questions that touch a person referred to these hubs, the oldest first, from the one after `after` (an id) on."""
    item = identity_item
    query = _of_hubs(hubs).where(item.c.state == state, item.c.id > after).order_by(item.c.id).limit(limit)
    return [await _question(connection, row) for row in (await connection.execute(query)).mappings().all()]


async def read_question(
    connection: AsyncConnection, question_id: str, hubs: Iterable[str], *, lock: bool = False
) -> Question | None:
    """The question, if either side has a referral at one of these hubs. Locked, nobody else decides about anybody of
    the same sender until the end of the transaction."""
    query = _of_hubs(hubs).where(identity_item.c.id == question_id)
    found = (await connection.execute(query)).mappings().one_or_none()
    if found and lock:
        await hold_decisions(connection, found["organisation"])
        found = (await connection.execute(query)).mappings().one()
    return await _question(connection, found) if found else None


async def hold_decisions(connection: AsyncConnection, sender: str) -> None:
    """Until the end of the transaction nobody else decides about anybody of this sender."""
    await connection.execute(select(organisation.c.id).where(organisation.c.id == sender).with_for_update())


async def questions_between(
    connection: AsyncConnection, sender: str, one: str, other: str, state: str
) -> list[Question]:
    """The questions of this state about these two persons, as they are now; the latest first."""
    item = identity_item
    ones, others = same_person(one), same_person(other)
    query = select(item).where(
        item.c.organisation == sender,
        item.c.state == state,
        (item.c.person_id.in_(ones) & item.c.other_person_id.in_(others))
        | (item.c.person_id.in_(others) & item.c.other_person_id.in_(ones)),
    )
    rows = (await connection.execute(query.order_by(item.c.id.desc()))).mappings().all()
    return [await _question(connection, row) for row in rows]


async def raise_question(connection: AsyncConnection, item: dict[str, Any]) -> Question:
    await connection.execute(identity_item.insert(), item)
    row = (await connection.execute(select(identity_item).filter_by(id=item["id"]))).mappings().one()
    return await _question(connection, row)


def _of_hubs(hubs: Iterable[str]) -> Select[Any]:
    item = identity_item
    theirs = select(referral.c.id).where(
        referral.c.organisation == item.c.organisation, referral.c.hub_id.in_(sorted(hubs))
    )
    raised, known = referral.c.id == item.c.referral_id, referral.c.person_id == item.c.other_person_id
    return select(item).where(theirs.where(raised).exists() | theirs.where(known).exists())


async def _question(connection: AsyncConnection, row: RowMapping) -> Question:
    sender, other = row["organisation"], row["other_person_id"]
    events = select(identity_event).filter_by(organisation=sender, item_id=row["id"]).order_by(identity_event.c.at)
    return Question(
        row,
        await side(connection, sender, row["person_id"]),
        await side(connection, sender, other) if other else None,
        (await connection.execute(events)).mappings().all(),
    )


async def add_event(connection: AsyncConnection, event: dict[str, Any]) -> None:
    await connection.execute(identity_event.insert(), event)


async def set_state(connection: AsyncConnection, sender: str, question_id: str, state: str) -> None:
    await connection.execute(update(identity_item).filter_by(organisation=sender, id=question_id).values(state=state))


async def hand_over(
    connection: AsyncConnection, sender: str, giver: str, taker: str, referrals: list[str], keys: list[str]
) -> None:
    """Makes one person's referrals (ids) and keys another's."""
    of_giver = {"organisation": sender, "person_id": giver}
    for table, column, names in ((referral, referral.c.id, referrals), (person_key, person_key.c.key, keys)):
        theirs = update(table).filter_by(**of_giver).where(column.in_(names))
        await connection.execute(theirs.values(person_id=taker))


async def point(connection: AsyncConnection, sender: str, person_id: str, merged_into: str | None) -> None:
    """Says whom a person was found to be; None: nobody but themselves."""
    await connection.execute(
        update(person).filter_by(organisation=sender, id=person_id).values(merged_into=merged_into)
    )


@dataclass(frozen=True, slots=True)
class Held:
    """The person of a referral, their referrals that come from the same Patient record, and whether these are all."""

    person_id: str
    referrals: list[str]
    alone: bool


async def held_by_record(connection: AsyncConnection, sender: str, referral_id: str) -> Held | None:
    """None when nobody knows whose the referral is."""
    own = select(referral.c.person_id, referral.c.patient_id).filter_by(organisation=sender, id=referral_id)
    person_id, record = (await connection.execute(own)).one()
    if person_id is None:
        return None
    query = select(referral.c.id, referral.c.patient_id).filter_by(organisation=sender, person_id=person_id)
    theirs = (await connection.execute(query)).all()
    same = [one.id for one in theirs if one.id == referral_id or (record and one.patient_id == record)]
    return Held(person_id, same, len(same) == len(theirs))


async def correct(
    connection: AsyncConnection, sender: str, person_id: str, birth_date: str | None, names: str, keys: list[str]
) -> None:
    """Makes a person say what their record says now; of identifiers only these keys stay theirs."""
    said = update(person).filter_by(organisation=sender, id=person_id)
    await connection.execute(said.values(birth_date=birth_date, names=names))
    gone = delete(person_key).filter_by(organisation=sender, person_id=person_id)
    await connection.execute(gone.where(person_key.c.key.not_in(keys), person_key.c.key.not_like("record:%")))
