"""Whose record it is. Nothing is ever written to a guess: what is not certain stops with a reason for a person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.rio.reasons import (
    MERGED_AWAY,
    NO_IDENTITY,
    NOBODY,
    NOT_A_CLIENT_ID,
    OTHER_ID,
    OTHER_PERSON,
    SEVERAL,
    UNSURE_PERSON,
    Stop,
)
from adapters.rio.session import Calls

CLIENT_ID = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """The record to write to. `formerly` are the ClientIDs that were merged into it and that we came by."""

    client_id: str
    deceased: bool
    formerly: tuple[str, ...] = ()

    @property
    def client_ids(self) -> tuple[str, ...]:
        return (self.client_id, *self.formerly)


async def find_client(calls: Calls, person: Mapping[str, Any], system: str) -> Found:
    """The record of the person (`mappings.referral.Person`), by the ClientID that has this system, else by NHS number.

    Two of ClientID, NHS number, date of birth and family name must agree, and the NHS number may not differ; nor the
    date of birth, unless both numbers agree. Raises Stop.
    """
    client_id = next((one["value"] for one in person.get("local_identifiers") or [] if one["system"] == system), None)
    number = person.get("nhs_number")
    if client_id is not None:
        return await _by_client_id(calls, person, client_id)
    if number is None:
        raise Stop(NO_IDENTITY)
    answered = await calls.call("GetClient", NHSNumber=number) or []
    living = [one for one in answered if not one.MergedInto and not one.Deleted]
    if len(living) != 1:
        raise Stop(SEVERAL if living else NOBODY)
    _check_person(living[0], person, by_client_id=False)
    return Found(living[0].ClientID, bool(living[0].Deceased))


async def _by_client_id(calls: Calls, person: Mapping[str, Any], client_id: str) -> Found:
    client = await _read(calls, client_id)
    if not client.MergedInto:
        _check_person(client, person, by_client_id=True)
        return Found(client_id, bool(client.Deceased))
    survivor = await _read(calls, client.MergedInto)
    try:
        _check_person(survivor, person, by_client_id=False)  # that the one led to the other is no proof
    except Stop:
        raise Stop(MERGED_AWAY) from None
    if survivor.MergedInto:
        raise Stop(MERGED_AWAY)
    return Found(survivor.ClientID, bool(survivor.Deceased), (client_id,))


async def _read(calls: Calls, client_id: str) -> Any:
    if not CLIENT_ID.fullmatch(client_id):
        raise Stop(NOT_A_CLIENT_ID)
    answered = await calls.call("GetClient", ClientID=client_id) or []
    if any(one.ClientID != client_id for one in answered):
        raise Stop(OTHER_ID)
    if len(answered) > 1:
        raise Stop(OTHER_PERSON)
    if not answered or answered[0].Deleted:
        raise Stop(NOBODY)
    return answered[0]


def _check_person(client: Any, person: Mapping[str, Any], *, by_client_id: bool) -> None:
    number, born = _same_number(client, person.get("nhs_number")), _same_birth(client, person.get("birth_date"))
    if number is False or (born is False and not (by_client_id and number)):
        raise Stop(OTHER_PERSON)
    named = client.FamilyName.casefold() == (person.get("family_name") or "").casefold()
    if [by_client_id, number, born, named].count(True) < 2:
        raise Stop(UNSURE_PERSON)


def _same_number(client: Any, number: str | None) -> bool | None:
    """None when one of the two is not known; the number that took the place of another counts as well."""
    known = {one for one in (client.NHSNumber, client.SupersedingNHSNumber) if one}
    return number in known if number and known else None


def _same_birth(client: Any, born: str | None) -> bool | None:
    if not born or client.DateOfBirth is None or client.EstimatedDOB:
        return None
    return str(client.DateOfBirth.isoformat()).startswith(born)  # a year or a month alone is no less true
