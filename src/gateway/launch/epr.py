"""What the EPR tells of its user and its patient, as the pages need it."""

import asyncio
import re
from typing import Any

from adapters.smart.client import EprTrouble, SmartEprs
from gateway.errors import Unreadable
from gateway.ids import instant, now
from gateway.launch.session import User
from gateway.validation import check, dump, parse
from mappings.current import holds
from mappings.words import name_in_full

Json = dict[str, Any]

FHIR_USER = re.compile(r"(?:.*/)?(Practitioner|PractitionerRole)/([A-Za-z0-9.-]{1,64})")
MOST_IDENTIFIERS = 100  # thousands keep PostgreSQL busy for longer than a minute, looking for who it may be
FORM_READS = ("Condition", "Flag", "Observation")


async def read_patient(eprs: SmartEprs, epr: Json, token: str, id_: str) -> Json:
    """Who the launch is about. Raises EprTrouble."""
    patient = await _read(eprs, epr, token, "Patient", id_)
    if len(patient.get("identifier", [])) > MOST_IDENTIFIERS:
        raise EprTrouble("The Patient has more identifiers than anybody has.")
    return patient


async def _read(eprs: SmartEprs, epr: Json, token: str, type_: str, id_: str) -> Json:
    found = await eprs.read(epr, token, type_, id_)
    if found.get("id") != id_:
        raise EprTrouble(f"Reading {type_} gave another one.")
    if not _is_valid(found):
        raise EprTrouble(f"The {type_} is not valid FHIR R4.")
    return found


async def _search(eprs: SmartEprs, epr: Json, token: str, type_: str, **given: str) -> list[Json]:
    """What is valid of what is found; nothing when the EPR refuses."""
    try:
        found = await eprs.search(epr, token, type_, **given)
    except EprTrouble:
        return []
    return [one for one in found if _is_valid(one)]


def _is_valid(resource: Json) -> bool:
    """By FHIR R4, its characters too: there are some that PostgreSQL does not keep."""
    try:
        parse(dump(resource))
    except Unreadable:
        return False
    return not check(resource)


async def read_user(eprs: SmartEprs, epr: Json, token: str, fhir_user: str) -> tuple[User, list[str]]:
    """The clinician, and by which codes and names the EPR calls their teams. Raises EprTrouble."""
    found = FHIR_USER.fullmatch(fhir_user)
    if not found:
        raise EprTrouble("fhirUser must be a Practitioner or a PractitionerRole.")
    type_, id_ = found.groups()
    if type_ == "PractitionerRole":
        roles = [await _read(eprs, epr, token, type_, id_)]
        named = FHIR_USER.fullmatch(roles[0].get("practitioner", {}).get("reference", ""))
        if not named:
            raise EprTrouble("PractitionerRole.practitioner names no Practitioner.")
        id_ = named[2]
    else:
        roles = await _search(eprs, epr, token, "PractitionerRole", practitioner=f"Practitioner/{id_}")
    practitioner = await _read(eprs, epr, token, "Practitioner", id_)
    names = practitioner.get("name") or [{}]
    name = name_in_full(names[0])
    if not name:
        raise EprTrouble("The Practitioner has no name.")
    roles = [one for one in roles if _is_held_by(one, id_)]
    telecom = [*(one for role in roles for one in role.get("telecom", [])), *practitioner.get("telecom", [])]
    role = next((text for one in roles for text in _texts(one.get("code"))), None)
    user = User(
        f"Practitioner/{id_}",
        name,
        role,
        _first(telecom, "phone"),
        _first(telecom, "email"),
        next(iter(practitioner.get("identifier", [])), None),
    )
    return user, [name for one in roles for name in teams_of(one)]


def _is_held_by(role: Json, practitioner_id: str) -> bool:
    """Whether this Practitioner holds it now: an EPR may not know the parameter that it is searched by, and pass over
    it (R4 search.html, handling errors)."""
    reference = str(role.get("practitioner", {}).get("reference"))
    today = instant(now())[:10]
    theirs = f"/{reference}".endswith(f"/Practitioner/{practitioner_id}")
    return theirs and role.get("active") is not False and holds(role.get("period"), today)


def _texts(concepts: Any) -> list[str]:
    return [text for one in concepts or [] for text in [one.get("text"), *_displays(one)] if text]


def _displays(concept: Json) -> list[str]:
    return [coding["display"] for coding in concept.get("coding", []) if coding.get("display")]


def teams_of(role: Json) -> list[str]:
    """By which codes and names a PractitionerRole calls its teams."""
    services = role.get("healthcareService", [])
    told = [text for one in services for text in (one.get("identifier", {}).get("value"), one.get("display")) if text]
    return [*told, *(text for one in role.get("specialty", []) for text in _texts([one]))]


def _first(telecom: list[Json], system: str) -> str | None:
    return next((one["value"] for one in telecom if one.get("system") == system and one.get("value")), None)


async def read_for_form(eprs: SmartEprs, epr: Json, token: str, patient_id: str) -> dict[str, list[Json]]:
    """What a form is filled from, by type; what the EPR does not give is left out."""

    found = await asyncio.gather(
        *(_search(eprs, epr, token, type_, patient=patient_id, _count="100") for type_ in FORM_READS)
    )
    return dict(zip(FORM_READS, found, strict=True))
