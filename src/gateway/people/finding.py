"""Finds whose each of some referrals is, in one look at the store."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from gateway.people.identity import Identity
from gateway.people.matching import Placed, known_people, place_each
from gateway.store.engine import Store
from gateway.store.people import find
from gateway.store.schema import person_key


async def find_people(store: Store, organisation: str, identities: Sequence[Identity]) -> list[Placed]:
    """Whose the referrals with these identities are, in order. Storing it (`person_rows`) raises an IntegrityError
    that `is_about_people` when one of the keys has become somebody's meanwhile: then find them again."""
    wanted = {key for identity in identities for key in identity.wanted()}
    return place_each(identities, known_people(await find(store, organisation, wanted)))


def is_about_people(clash: IntegrityError) -> bool:
    """Whether it says that a key belongs to a person already."""
    return person_key.name in str(clash.orig)
