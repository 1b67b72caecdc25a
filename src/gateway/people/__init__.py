"""Who is who: the human being that one or more Patient records of an organisation are about."""

from gateway.people.finding import find_people, is_about_people
from gateway.people.identity import Identity, agreement, identity_of, identity_of_record
from gateway.people.matching import Placed
from gateway.people.rematching import rematch
from gateway.people.rows import KINDS, doubt_issues, person_rows

__all__ = [
    "KINDS",
    "Identity",
    "Placed",
    "agreement",
    "doubt_issues",
    "find_people",
    "identity_of",
    "identity_of_record",
    "is_about_people",
    "person_rows",
    "rematch",
]
