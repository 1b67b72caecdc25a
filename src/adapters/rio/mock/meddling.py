"""Faults that change the record for real just before a call, as others in the trust do."""

from collections.abc import Callable
from typing import Any

from adapters.rio.mock.contract import Values
from adapters.rio.mock.faults import Rule
from adapters.rio.mock.operations import Call, Refused
from adapters.rio.mock.store import Row, Store

ANOTHER_NHS_NUMBER = "9994445553"
LISTS = {
    "NoteType": "NoteType",
    "Type": "DocumentType",
    "DischargeReason": "DischargeReason",
    "Reason": "ReferralReason",
}


def meddle(rule: Rule, call: Call) -> None:
    """Does what the rule's fault does to the record, if it is of that kind. Raises Refused for what only a person can
    put right."""
    if rule.fault == "validation-needed":
        raise Refused("VALIDATION_NEEDED", "A clinician must validate the note before it is amended.", "NoteNum")
    if rule.fault in MEDDLING:
        with call.store.transaction():
            MEDDLING[rule.fault](call)


def _lock_record(call: Call) -> None:
    sql = "UPDATE Referral SET TimeStamps = CAST(TimeStamps AS INTEGER) + 1 WHERE ReferralNumber = ?"
    call.store.change(sql, call.values["ReferralNumber"])


def _amend_note(call: Call) -> None:
    sql = "SELECT * FROM ProgressNote WHERE NoteNum = ? ORDER BY SubNum DESC LIMIT 1"
    note = call.store.one(sql, call.values["NoteNum"])
    if note:
        call.store.insert("ProgressNote", note | {"SubNum": note["SubNum"] + 1, "EnteredBy": "AOSEI"})


def _retire_code(call: Call) -> None:
    element = next(name for name in LISTS if name in call.values)
    call.store.change("UPDATE Lookup SET Active = 0 WHERE Name = ? AND Code = ?", LISTS[element], call.values[element])
    call.store.change("UPDATE LookupVersion SET Version = Version + 1 WHERE Name = ?", LISTS[element])


def _discharge(call: Call) -> None:
    sql = (
        "UPDATE Referral SET Status = 'DISCHARGED', DischargeReason = 'COMPLETE', DischargeDateTime = ?,"
        " TimeStamps = CAST(TimeStamps AS INTEGER) + 1 WHERE ReferralNumber = ?"
    )
    call.store.change(sql, call.at, call.values["ReferralNumber"])


def _close_team(call: Call) -> None:
    call.store.change("UPDATE Team SET Open = 0 WHERE Code = ?", call.values.get("Team"))


def _let_go(call: Call) -> None:
    call.store.change("UPDATE HCP SET Active = 0 WHERE Code = ?", call.values.get("HCP"))


def _clients(call: Call) -> list[Row]:
    sql = "SELECT * FROM Client WHERE ClientID = ? OR NHSNumber = ? ORDER BY ClientID"
    return call.store.all(sql, call.values.get("ClientID"), call.values.get("NHSNumber"))


def _twin(store: Store, client: Row) -> str:
    """A second record of the same person; returns its ClientID, the next free one."""
    last = store.one("SELECT max(CAST(ClientID AS INTEGER)) AS ClientID FROM Client") or {}
    twin = f"{int(last['ClientID']) + 1:07d}"
    store.insert("Client", client | {"ClientID": twin, "MergedInto": None})
    return twin


def _duplicate(call: Call) -> None:
    for client in _clients(call)[:1]:
        _twin(call.store, client)


def _merge(call: Call) -> None:
    for client in _clients(call)[:1]:
        twin = _twin(call.store, client)
        _set(call, client, MergedInto=twin)


def _set(call: Call, client: Row, **changes: Any) -> None:
    columns = ", ".join(f"{name} = ?" for name in changes)
    sql = f"UPDATE Client SET {columns}, TimeStamps = CAST(TimeStamps AS INTEGER) + 1 WHERE ClientID = ?"  # noqa: S608
    call.store.change(sql, *changes.values(), client["ClientID"])


def _each(**changes: Any) -> Callable[[Call], None]:
    def change(call: Call) -> None:
        for client in _clients(call):
            _set(call, client, **changes)

    return change


def _die(call: Call) -> None:
    _each(Deceased=1, DateOfDeath=call.at[:10])(call)


MEDDLING: dict[str, Callable[[Call], None]] = {
    "record-locked": _lock_record,
    "note-chain-conflict": _amend_note,
    "lookup-code-retired": _retire_code,
    "referral-discharged": _discharge,
    "team-closed": _close_team,
    "hcp-left": _let_go,
    "duplicate-client": _duplicate,
    "nhs-number-superseded": _each(SupersedingNHSNumber=ANOTHER_NHS_NUMBER),
    "merged-meanwhile": _merge,
    "unmerged": _each(MergedInto=None),
    "deceased-meanwhile": _die,
    "sensitive-meanwhile": _each(Sensitive=1),
}


def with_another_nhs_number(answer: Values) -> Values:
    """One ClientID with two NHS numbers: the first client stands in the answer twice."""
    return {"Client": [*answer["Client"], *(one | {"NHSNumber": ANOTHER_NHS_NUMBER} for one in answer["Client"][:1])]}
