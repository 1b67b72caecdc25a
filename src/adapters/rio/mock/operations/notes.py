"""Progress notes: a chain of versions each, unvalidated until a clinician validates them; nothing is overwritten."""

from adapters.rio.mock.contract import Values
from adapters.rio.mock.operations.call import Call, Refused

FLAGS = ("Significant", "ThirdPartyInfo", "RiskRelated")


def add_progress_note(call: Call) -> Values:
    client = call.client(writes=True)
    call.check_code("NoteType", "NoteType")
    call.check_code("SubNoteType", "SubNoteType")
    number = call.values.get("ReferralNumber")
    sql = "SELECT 1 FROM Referral WHERE ReferralNumber = ? AND ClientID = ?"
    if number is not None and call.store.one(sql, number, client["ClientID"]) is None:
        raise Refused("REFERRAL_NOT_FOUND", "The client has no referral of this ReferralNumber.", "ReferralNumber")
    last = call.store.one("SELECT max(NoteNum) AS NoteNum FROM ProgressNote") or {}
    row = call.given("ClientID", "ReferralNumber", "NoteDateTime", "NoteType", "SubNoteType")
    row |= {flag: call.values.get(flag, False) for flag in (*FLAGS, "HTMLIncluded")}
    row |= {"NoteNum": (last["NoteNum"] or 0) + 1, "SubNum": 1, "NoteText": call.text("NoteText", None)}
    call.store.insert("ProgressNote", row | {"EnteredAt": call.at, "EnteredBy": call.system})
    return {"NoteNum": row["NoteNum"], "SubNum": 1, "Validated": False}


def amend_progress_note(call: Call) -> Values:
    client = call.client(writes=True)
    sql = "SELECT * FROM ProgressNote WHERE NoteNum = ? AND ClientID = ? ORDER BY SubNum DESC LIMIT 1"
    newest = call.store.one(sql, call.values["NoteNum"], client["ClientID"])
    if newest is None:
        raise Refused("NOTE_NOT_FOUND", "The client has no note of this NoteNum.", "NoteNum")
    if newest["SubNum"] != call.values["SubNum"]:
        raise Refused("NOTE_CHAIN_CONFLICT", "The note has a newer version: read it and decide anew.", "SubNum")
    row = newest | call.given(*FLAGS, "EnteredInError")
    row |= {"SubNum": newest["SubNum"] + 1, "Validated": False, "VerifiedBy": None, "VerifyDate": None}
    if "NoteText" in call.values:
        row["NoteText"] = call.text("NoteText", None)
    call.store.insert("ProgressNote", row | {"EnteredAt": call.at, "EnteredBy": call.system})
    return {"NoteNum": row["NoteNum"], "SubNum": row["SubNum"], "Validated": False}


def get_progress_notes(call: Call) -> Values:
    client = call.client(writes=False)
    sql = (
        "SELECT *, SubNum = max(SubNum) OVER (PARTITION BY NoteNum) AS Current FROM ProgressNote"
        " WHERE ClientID = ? ORDER BY NoteNum, SubNum"
    )
    notes = call.store.all(sql, client["ClientID"])
    since, part = call.values.get("Since", ""), call.values.get("Containing", "")
    return {"Note": [note for note in notes if note["EnteredAt"] >= since and part in note["NoteText"]]}
