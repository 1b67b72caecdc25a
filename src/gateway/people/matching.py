"""Decides whose a referral is. Pure; nothing that is in doubt is ever joined, it becomes a question to a human."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from gateway.ids import new_id
from gateway.people.identity import NUMBER_KEY, Identity, Keys, Names
from gateway.store.people import Found


@dataclass(frozen=True, slots=True)
class Known:
    """A person who is known already, with all keys."""

    id: str
    birth_date: str | None
    names: Names
    keys: Keys

    @property
    def numbers(self) -> set[str]:
        """Verified NHS numbers: one, unless people were merged."""
        return {key.removeprefix(NUMBER_KEY) for key in self.keys if key.startswith(NUMBER_KEY)}


def known_people(found: Iterable[Found]) -> dict[str, Known]:
    """Rows of `gateway.store.people.find` as key -> person."""
    sought: dict[str, str] = {}
    people: dict[str, tuple[str | None, str, set[str]]] = {}
    for key, person_id, birth_date, names, other in found:
        sought[key] = person_id
        people.setdefault(person_id, (birth_date, names, set()))[2].add(other)
    known = {id_: Known(id_, day, _names(names), frozenset(keys)) for id_, (day, names, keys) in people.items()}
    return {key: known[id_] for key, id_ in sought.items()}


def _names(stored: str) -> Names:
    names = orjson.loads(stored)
    return Names(frozenset(names["family"]), frozenset(names["given"]))


@dataclass(frozen=True, slots=True)
class Placed:
    """Whose a referral is. `new` tells that the person was not known; `keys` are those that become theirs; `doubts`
    the kinds of question, each with the person whom it is about, if there is one."""

    identity: Identity
    person_id: str
    new: bool = False
    keys: list[str] = field(default_factory=list)
    doubts: list[tuple[str, str | None]] = field(default_factory=list)


def place(identity: Identity, people: Mapping[str, Known]) -> Placed:
    """`people` are those found by `identity.wanted()`, key -> person."""
    asked_before = people.get(identity.fingerprint)
    if asked_before:
        return Placed(identity, asked_before.id)
    # Whoever has a weak claim to a key that somebody has a firm one to was asked about when the later of them came.
    reached = {
        found.id: found for key in identity.firm | identity.weak if (found := people.get(key) or people.get(f"~{key}"))
    }
    firm = {people[key].id for key in identity.firm if key in people}
    doubts = {id_: _doubt(identity, reached[id_]) for id_ in firm}
    if len(firm) > 1:
        doubts = {id_: kind or "two-people" for id_, kind in doubts.items()}
    own = next((id_ for id_, kind in doubts.items() if kind is None), None)
    asked = [(kind, id_) for id_, kind in doubts.items() if kind]
    asked += [
        (_doubt(identity, person) or _weakness(identity, person), id_)
        for id_, person in reached.items()
        if id_ not in firm
    ]
    questions: list[tuple[str, str | None]] = [*asked]
    if identity.superseded and not questions:
        questions.append(("record-superseded", None))
    keys = [key for key in [*identity.firm, *(f"~{weak}" for weak in identity.weak)] if key not in people]
    if questions:
        keys.append(identity.fingerprint)
    return Placed(identity, own or new_id(), own is None, sorted(keys), questions)


def place_each(identities: Iterable[Identity], people: dict[str, Known]) -> list[Placed]:
    """Places one after the other: who is new with one is known with the next. Adds them to `people`."""
    placed = []
    for identity in identities:
        one = place(identity, people)
        held = frozenset(key for key, person in people.items() if person.id == one.person_id)
        for key in one.keys:
            people[key] = Known(one.person_id, identity.birth_date, identity.names, held | frozenset(one.keys))
        placed.append(one)
    return placed


def _doubt(identity: Identity, person: Known) -> str | None:
    """Why this may be another person than the one it leads to; None when nothing speaks against it."""
    shared = (identity.firm | identity.weak) & {key.removeprefix("~") for key in person.keys}
    by_number = any(key.startswith(NUMBER_KEY) for key in shared)
    if identity.number and person.numbers and identity.number not in person.numbers:
        return "number-differs"
    if identity.birth_date and person.birth_date:
        digits = min(len(identity.birth_date), len(person.birth_date))  # 1984 does not contradict 1984-05-17
        if identity.birth_date[:digits] != person.birth_date[:digits]:
            return "birth-date-differs"
    elif by_number:
        return "birth-date-missing"
    if not identity.names.agree(person.names):  # by a local identifier too: a household's number is shared by twins
        return "name-differs"
    if by_number and _systems(identity.firm) & _systems(person.keys) - _systems(shared):
        return "two-local-identifiers"
    return None


def _weakness(identity: Identity, person: Known) -> str:
    """What makes a question of a person against whom nothing speaks."""
    if identity.superseded:
        return "record-superseded"
    shared = {key for key in identity.firm | identity.weak if key in person.keys or f"~{key}" in person.keys}
    current = {key for key in shared if key == f"{NUMBER_KEY}{identity.number}"}
    return "number-unverified" if current else "identifier-superseded"


def _systems(keys: Keys) -> set[str]:
    """The identifier systems of firm keys."""
    return {key.partition("|")[0] for key in keys if "|" in key and not key.startswith("~")}
