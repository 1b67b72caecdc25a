"""Who the page is about, so that a wrong window is noticed. Source: the EPR's own FHIR R4 Patient."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from mappings.clinician import uk_date
from mappings.conversions import nhs_number
from mappings.current import current
from mappings.systems import is_nhs_number_system
from mappings.to_referral import verified_first
from mappings.words import name_in_full

Json = dict[str, Any]

NO_NAME = "Name not given by the record system"
GENDERS = {"male": "Male", "female": "Female", "other": "Other", "unknown": "Not known"}
USES = ("usual", "official")  # the name to call a person by, where several hold


@dataclass(frozen=True, slots=True)
class PersonView:
    """All in words: `born` and `age` as far as the date of birth is known, `nhs_number` in groups of 3, 3 and 4."""

    name: str
    born: str
    age: str | None
    nhs_number: str
    gender: str


def person_of(patient: Json, today: date) -> PersonView:
    held = current(patient, today.isoformat())
    names = sorted(held.get("name", []), key=lambda one: USES.index(one["use"]) if one.get("use") in USES else 9)
    birth = str(patient.get("birthDate") or "")
    died = patient.get("deceasedDateTime") or patient.get("deceasedBoolean")
    age = None if died else _age(birth, today)
    return PersonView(
        next(filter(None, map(name_in_full, names)), NO_NAME),
        _born(birth),
        "Has died" if died else f"{age} years" if age is not None else None,
        _number(held),
        GENDERS.get(patient.get("gender", "unknown"), "Not known"),
    )


def _born(birth: str) -> str:
    return uk_date(birth) if len(birth) == 10 else birth or "Not known"


def _age(birth: str, today: date) -> int | None:
    """In whole years; None where the day of birth is not known."""
    if len(birth) != 10:
        return None
    day = date.fromisoformat(birth)
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def _number(patient: Json) -> str:
    given = verified_first(patient).get("identifier", [])
    found = (one["value"] for one in given if is_nhs_number_system(one.get("system")) and one.get("value"))
    digits = nhs_number(next(found, ""))
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}" if len(digits) == 10 else "Not known"
