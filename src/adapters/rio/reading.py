"""Reads who a client is from the record of an EPR like RiO, for a page that its user opens. Contract: RECORD.md."""

from collections.abc import Mapping
from typing import Any

from zeep.helpers import serialize_object

from adapters.http import DestinationError
from adapters.rio.finding import CLIENT_ID
from adapters.rio.options import RioOptions
from adapters.rio.session import Session
from adapters.rio.soap import Fault, NoAnswer
from mappings.from_rio import patient_from

Json = dict[str, Any]


class NoPatient(Exception):
    """Nobody certain was found, or the record did not answer; the text says which, without naming anybody."""


class RioReader:
    """Reads from any number of RiOs; `seconds` limits one call."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._sessions: dict[tuple[str, str], Session] = {}

    async def patient(
        self, url: str, registered: Mapping[str, Any], client_id: str, headers: Mapping[str, str]
    ) -> Json:
        """The person of this ClientID as a FHIR Patient. Raises NoPatient; for records that were merged away too."""
        if not CLIENT_ID.fullmatch(client_id):
            raise NoPatient("The patient is no ClientID.")
        options = RioOptions.model_validate(registered)
        key = (url, options.model_dump_json())
        if key not in self._sessions:
            self._sessions[key] = Session(url, options, self._seconds, connections=2)
        try:
            found = await self._sessions[key].call("GetClient", headers, ClientID=client_id) or []
        except (Fault, NoAnswer, DestinationError):
            raise NoPatient("The record did not answer.") from None
        if len(found) != 1 or found[0].ClientID != client_id or found[0].Deleted or found[0].MergedInto:
            raise NoPatient("The record has no such client, or has merged or deleted it.")
        plain = serialize_object(found[0], dict)  # type: ignore[no-untyped-call]  # zeep has no types
        told = {name: value for name, value in plain.items() if value is not None}
        dates = {name: told[name].isoformat() for name in ("DateOfBirth", "DateOfDeath") if name in told}
        return patient_from(told | dates, options.client_id_system)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
