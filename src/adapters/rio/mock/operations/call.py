"""One call of an operation: what it was given, what it may read, and how it is refused."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.rio.mock.contract import Values, in_utc
from adapters.rio.mock.store import Row, Store

MOST_IN_FIELD = 150  # characters of Comment, Title and Description
MOST_IN_ID = 25  # characters of ExternalReferralId, as in RiO's referral table
MOST_IN_DOCUMENT = 5_000_000  # bytes


class Refused(Exception):
    """The operation changes nothing. `code` is one of the WSDL's FaultCode; the text names element and rule, never a
    value; `reference` is the record or the element to look at."""

    def __init__(self, code: str, text: str, reference: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.reference = reference


@dataclass(frozen=True, slots=True)
class Cut:
    """How long texts and ids may be before the rest is dropped unsaid."""

    text: int
    id: int


@dataclass(frozen=True, slots=True)
class Call:
    store: Store
    values: Values
    system: str  # SystemName of the caller
    now: datetime
    cut: Cut | None = None
    most_in_document: int = MOST_IN_DOCUMENT

    @property
    def at(self) -> str:
        return in_utc(self.now)

    def given(self, *names: str) -> Row:
        """Those of the elements that the call carries."""
        return {name: self.values[name] for name in names if name in self.values}

    def text(self, name: str, most: int | None = MOST_IN_FIELD) -> Any:
        """A text that is refused when it is too long, or cut unsaid when a fault says so; None when absent."""
        value = self.values.get(name)
        if value is None:
            return None
        if self.cut:
            return value[: self.cut.id if name == "ExternalReferralId" else self.cut.text]
        if most is not None and len(value) > most:
            raise Refused("TOO_LONG", f"{name} holds at most {most} characters.", name)
        return value

    def client(self, *, writes: bool) -> Row:
        """The client that the call is about. Raises Refused when there is none or it is not open to this."""
        client = self.store.one("SELECT * FROM Client WHERE ClientID = ?", self.values["ClientID"])
        if client is None:
            raise Refused("CLIENT_NOT_FOUND", "No client has this ClientID; leading zeros count.", "ClientID")
        if client["Sensitive"]:
            raise Refused("ACCESS_DENIED", "The record is sensitive and closed to this system.", "ClientID")
        if client["MergedInto"] and writes:
            raise Refused("CLIENT_MERGED", "The record was merged into that of the Reference.", client["MergedInto"])
        if client["Deleted"] and writes:
            raise Refused("CLIENT_DELETED", "The record was deleted.", "ClientID")
        return client

    def check_code(self, element: str, lookup: str) -> None:
        """Raises Refused when the element's code, if given, is not active in the local list."""
        code = self.values.get(element)
        sql = "SELECT 1 FROM Lookup WHERE Name = ? AND Code = ? AND Active"
        if code is not None and self.store.one(sql, lookup, code) is None:
            raise Refused("UNKNOWN_CODE", f"{element} must be an active code of the list {lookup}.", element)

    def check_staff(self) -> None:
        """Raises Refused when the team or professional, if given, does not take work any more."""
        team, hcp = self.values.get("Team"), self.values.get("HCP")
        if team is not None:
            held = self.store.one("SELECT Open FROM Team WHERE Code = ?", team)
            if held is None:
                raise Refused("UNKNOWN_CODE", "Team must be a code of GetTeams.", "Team")
            if not held["Open"]:
                raise Refused("TEAM_CLOSED", "The team is closed.", "Team")
        if hcp is not None:
            held = self.store.one("SELECT Active FROM HCP WHERE Code = ?", hcp)
            if held is None:
                raise Refused("UNKNOWN_CODE", "HCP must be a code of GetTeams.", "HCP")
            if not held["Active"]:
                raise Refused("HCP_LEFT", "The professional has left.", "HCP")
