"""Referrals: a record is changed only by who has read its newest state (TimeStamps)."""

import sqlite3

from adapters.rio.mock.contract import Values
from adapters.rio.mock.operations.call import MOST_IN_ID, Call, Refused
from adapters.rio.mock.store import Row


def get_caseload(call: Call) -> Values:
    sql = (
        "SELECT ClientID, ReferralNumber, Team, HCP, ReferralDateTime AS Since FROM Referral"
        " WHERE (Team = ? OR HCP = ?) AND Status = 'OPEN'"
        " AND ClientID NOT IN (SELECT ClientID FROM Client WHERE Sensitive) ORDER BY ReferralNumber"
    )
    return {"Entry": call.store.all(sql, call.values.get("Team"), call.values.get("HCP"))}


def get_referrals(call: Call) -> Values:
    if "ClientID" in call.values:
        client = call.client(writes=False)
        sql = "SELECT * FROM Referral WHERE ClientID = ? ORDER BY ReferralNumber"
        return {"Referral": call.store.all(sql, client["ClientID"])}
    sql = "SELECT * FROM Referral WHERE SystemName = ? AND ExternalReferralId = ?"
    found = call.store.all(sql, call.system, call.values["ExternalReferralId"])
    for referral in found:
        _check_client(call, referral, writes=False)
    return {"Referral": found}


def create_referral(call: Call) -> Values:
    client = call.client(writes=True)
    if client["Deceased"]:
        raise Refused("CLIENT_DECEASED", "The person has died: no new referral is opened.", "ClientID")
    _check(call)
    row = call.given("ClientID", "Source", "Reason", "Urgency", "Service", "Team", "HCP", "ReferralDateTime")
    external = call.text("ExternalReferralId", MOST_IN_ID)
    row |= {"SystemName": call.system, "Comment": call.text("Comment"), "ExternalReferralId": external}
    try:
        number = call.store.insert("Referral", row)
    except sqlite3.IntegrityError:
        sql = "SELECT ReferralNumber FROM Referral WHERE SystemName = ? AND ExternalReferralId = ?"
        held = call.store.one(sql, call.system, external) or {}
        text = "The ExternalReferralId was used before, for the referral of the Reference."
        raise Refused("DUPLICATE_EXTERNAL_ID", text, str(held.get("ReferralNumber"))) from None
    return {"ReferralNumber": number, "TimeStamps": "1"}


def update_referral(call: Call) -> Values:
    _check(call)
    changes = call.given("Reason", "Urgency", "Service", "Team", "HCP")
    if "Comment" in call.values:
        changes["Comment"] = call.text("Comment")
    return _change(call, changes)


def discharge_referral(call: Call) -> Values:
    call.check_code("DischargeReason", "DischargeReason")
    changes = call.given("DischargeDateTime", "DischargeReason")
    return _change(call, changes | {"DischargeComment": call.text("Comment"), "Status": "DISCHARGED"})


def _check(call: Call) -> None:
    call.check_code("Source", "ReferralSource")
    call.check_code("Reason", "ReferralReason")
    call.check_code("Urgency", "Urgency")
    call.check_code("Service", "Service")
    call.check_staff()


def _change(call: Call, changes: Row) -> Values:
    held = call.store.one("SELECT * FROM Referral WHERE ReferralNumber = ?", call.values["ReferralNumber"])
    if held is None:
        raise Refused("REFERRAL_NOT_FOUND", "No referral has this ReferralNumber.", "ReferralNumber")
    _check_client(call, held, writes=True)
    if held["Status"] == "DISCHARGED":
        raise Refused("REFERRAL_DISCHARGED", "The referral is discharged: it does not change any more.", "Status")
    if held["TimeStamps"] != call.values["TimeStamps"]:
        raise Refused(
            "RECORD_LOCKED", "Somebody changed the referral meanwhile: read it and decide anew.", "TimeStamps"
        )
    changes["TimeStamps"] = str(int(held["TimeStamps"]) + 1)
    columns = ", ".join(f"{name} = ?" for name in changes)
    sql = f"UPDATE Referral SET {columns} WHERE ReferralNumber = ?"  # noqa: S608 - names of the WSDL
    call.store.change(sql, *changes.values(), held["ReferralNumber"])
    return {"TimeStamps": changes["TimeStamps"]}


def _check_client(call: Call, referral: Row, *, writes: bool) -> None:
    Call(call.store, {"ClientID": referral["ClientID"]}, call.system, call.now).client(writes=writes)
