"""What a Patient record says about who the person is. Pure.

Keys are what people are found by. A firm one (`system|value`: a verified NHS number, the sender's own identifiers) may
join a referral to a person; a weak one (an unverified number, an identifier that is said to be old or replaced) only
asks a human, and is written with a tilde before it. Numbers of status 01 and 02 count as verified: what matches by one
must have the same birth date and name besides. Source: NHS Data Dictionary, NHS number status indicator.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gateway.profile.checks import is_nhs_number, is_superseded, is_verified
from gateway.sources import Known, identifiers_of
from mappings.current import current
from mappings.systems import NHS_NUMBER
from mappings.to_referral import Sources, referral_from

Json = dict[str, Any]
Keys = frozenset[str]

LONGEST = 510  # characters of a key; what is longer is no identifier
REPLACING = ("replaced-by", "replaces")  # Patient.link types that say that two records are of one person
NUMBER_KEY = f"{NHS_NUMBER}|"
# What stands where an identifier is not known, as `fold` leaves it; so does any one character three times or more.
NOTHING = """
0 00 x xx na nil none null nk nfa tba tbc tbd test temp unk unknown notknown notapplicable notavailable notrecorded
"""
PLACEHOLDERS = frozenset(["", *NOTHING.split()])


@dataclass(frozen=True, slots=True)
class Names:
    """Family and first given names, present and former, in a form that ignores case, accents and punctuation."""

    family: Keys
    given: Keys

    def agree(self, other: "Names") -> bool:
        """Whether both may be one person's: a given name is the same or short for the other, and the family name is
        the same (or the given name is, which marriage leaves). Twins share all but the given name."""
        families = self.family & other.family
        if not self.given or not other.given:
            return bool(families)
        if self.given & other.given:
            return True
        return bool(families) and any(
            one.startswith(two) or two.startswith(one) for one in self.given for two in other.given
        )


@dataclass(frozen=True, slots=True)
class Identity:
    firm: Keys
    weak: Keys
    number: str | None  # the NHS number, verified or not
    birth_date: str | None
    names: Names
    superseded: bool  # the record is inactive, or was replaced by another

    @property
    def fingerprint(self) -> str:
        """A key that only records of the very same content have: what was asked about one is not asked again."""
        said = [sorted(self.firm), sorted(self.weak), self.number, self.birth_date, self.superseded]
        names = [sorted(self.names.family), sorted(self.names.given)]
        return f"record:{sha256(repr([said, names]).encode()).hexdigest()}"

    def wanted(self) -> list[str]:
        """All keys under which this person, or somebody taken for this person, may be known."""
        both = self.firm | self.weak
        return [*both, *(f"~{key}" for key in both), self.fingerprint] if both else []


def identity_of(sources: Sources, person: Json, known: Known) -> Identity:
    """Who the referral's Patient is; `person` is their translation, and `known` finds the records that theirs links
    to. A record without any identifier is known by its own id."""
    record, patient = sources.record or {}, sources.patient or {}
    now, ever = set(_keys(patient)), set(_keys(record))
    linked = {key for link in record.get("link", []) if link.get("type") in REPLACING for key in _linked(link, known)}
    numbers = {key for key in now if key.startswith(NUMBER_KEY)}
    doubtful = numbers if len(numbers) > 1 or not is_verified(person) else set[str]()
    superseded = is_superseded(record)
    firm = set[str]() if superseded else now - doubtful
    weak = (ever | linked) - firm
    subject = sources.service_request.get("subject", {}).get("reference", "")
    if not firm and not weak and subject.startswith("Patient/"):
        firm = {subject}
    return Identity(
        frozenset(firm),
        frozenset(weak),
        person.get("nhs_number"),
        person.get("birth_date"),
        _names(record),
        superseded,
    )


def identity_of_record(record: Json, day: str) -> Identity:
    """Who a Patient is that comes without a referral, by what holds on the day (2026-03-02)."""
    sources = Sources(patient=current(record, day), record=record)
    return identity_of(sources, referral_from(sources).referral["person"], {})


def agreement(one: Json, other: Json) -> int:
    """In how many respects two Patient records say the same of who the person is: an identifier, the date of birth,
    the name."""
    days = one.get("birthDate", ""), other.get("birthDate", "")
    digits = min(map(len, days))  # 1984 does not contradict 1984-05-17
    same = (
        not identifiers_of(one).isdisjoint(identifiers_of(other)),
        digits > 0 and days[0][:digits] == days[1][:digits],
        _names(one).agree(_names(other)),
    )
    return sum(same)


def _names(record: Json) -> Names:
    names = record.get("name", [])
    return Names(frozenset(filter(None, _families(names))), frozenset(filter(None, _givens(names))))


def _keys(holder: Json) -> Iterator[str]:
    for system, value in identifiers_of(holder):
        key = f"{system}|{value}"
        if len(key) <= LONGEST and (is_nhs_number(value) if system == NHS_NUMBER else not is_placeholder(value)):
            yield key


def is_placeholder(value: str) -> bool:
    """Whether it stands for no identifier, and so for anybody: UNKNOWN, N/A, 000000."""
    folded = fold(value)
    return folded in PLACEHOLDERS or (len(folded) > 2 and len(set(folded)) == 1)


def _linked(link: Json, known: Known) -> Iterator[str]:
    other = link.get("other", {})
    yield from _keys(other)
    yield from _keys(known.get(other.get("reference", ""), {}))


def _families(names: list[Json]) -> Iterator[str]:
    """Family names; and names in full, for those that come as text only."""
    for name in names:
        yield fold(name.get("family"))
        yield fold(name.get("text"))
        given = [one for one in name.get("given", []) if one]
        if given and "family" in name:
            yield fold(f"{given[0]}{name['family']}")
            yield fold(f"{''.join(given)}{name['family']}")


def _givens(names: list[Json]) -> Iterator[str]:
    yield from (fold(name["given"][0]) for name in names if name.get("given"))


def fold(text: str | None) -> str:
    """Letters and digits only, without accents and in one case: O'Brien-Lés is obrienles."""
    plain = unicodedata.normalize("NFKD", text or "").casefold()
    return "".join(each for each in plain if each.isalnum())
