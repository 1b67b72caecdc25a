"""What is stored of whose a referral is, and what the sender and the advisor are told where it is in doubt."""

from datetime import datetime

import orjson

from gateway.errors import Issue
from gateway.ids import new_id
from gateway.people.identity import Identity
from gateway.people.matching import Placed
from gateway.store.engine import Rows
from gateway.store.schema import identity_item, person, person_key

UNDECIDED = "The two were not joined. Check who this is, and decide the open question of identity."

KINDS = {
    "birth-date-differs": ("Patient.birthDate", "Somebody with the same identifier has another date of birth."),
    "birth-date-missing": (
        "Patient.birthDate",
        "The NHS number is known here, without a date of birth to confirm it.",
    ),
    "identifier-superseded": ("Patient.identifier", "An identifier that is old or replaced leads to another person."),
    "name-differs": ("Patient.name", "Somebody with the same identifier has another name."),
    "number-differs": ("Patient.identifier", "Somebody with the same local identifier has another NHS number."),
    "number-unverified": ("Patient.identifier", "The NHS number is known here, but not verified on both sides."),
    "record-corrected": ("Patient", "The Patient record was corrected, and may be about another person now."),
    "record-superseded": ("Patient.active", "The Patient record is inactive, or was replaced by another."),
    "two-local-identifiers": ("Patient.identifier", "Somebody with the same NHS number has another local identifier."),
    "two-people": ("Patient.identifier", "The identifiers sent lead to two people."),
}
"""Kind of question -> the element that raises it, and what it is."""


def doubt_issues(placed: Placed) -> list[Issue]:
    kinds = sorted({kind for kind, _ in placed.doubts})
    return [Issue("conflict", f"{KINDS[kind][1]} {UNDECIDED}", KINDS[kind][0], "warning") for kind in kinds]


def names_json(identity: Identity) -> str:
    names = {"family": sorted(identity.names.family), "given": sorted(identity.names.given)}
    return orjson.dumps(names).decode()


def person_rows(organisation: str, placed: Placed, referral_id: str, at: datetime) -> list[Rows]:
    """The person when new, the keys that became theirs, and the questions."""
    identity = placed.identity
    here = {"organisation": organisation}
    new = {
        **here,
        "id": placed.person_id,
        "birth_date": identity.birth_date,
        "names": names_json(identity),
        "created_at": at,
    }
    items = [
        {
            **here,
            "id": new_id(),
            "kind": kind,
            "referral_id": referral_id,
            "person_id": placed.person_id,
            "other_person_id": other,
            "found_at": at,
            "state": "open",
        }
        for kind, other in placed.doubts
    ]
    keys = [{**here, "key": key, "person_id": placed.person_id} for key in placed.keys]
    return [(person, [new] if placed.new else []), (person_key, keys), (identity_item, items)]
