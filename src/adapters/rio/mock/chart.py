"""One person's record, gathered for the page and as JSON; and what a user may do to it there."""

from datetime import UTC, datetime
from typing import Any

from adapters.rio.mock.contract import in_utc
from adapters.rio.mock.store import Row, Store

TASKS_OF_CLIENT = """
  SELECT * FROM TaskVersion WHERE Patient IN (?1, ?2)
    OR Reference IN (SELECT ExternalReferralId FROM Referral WHERE ClientID = ?1)
    OR Patient IN (SELECT Value FROM AlternativeId WHERE ClientID = ?1)
  ORDER BY rowid
"""

CLIENTS_OF_TASK = """
  SELECT * FROM Client WHERE ?1 IN (ClientID, NHSNumber)
    OR ClientID IN (SELECT ClientID FROM Referral WHERE ExternalReferralId = ?2)
    OR ClientID IN (SELECT ClientID FROM AlternativeId WHERE Value = ?1)
"""


def chart(store: Store, client_id: str) -> dict[str, Any] | None:
    """client, tasks (versions of each, oldest first), referrals, notes (versions of each), documents (revisions of
    each), alternative_ids, alerts; None when there is no such client.

    A Task is of the client whom it names by an identifier, whose RiO referral has the Task's reference as its
    ExternalReferralId, or who has the Task's Patient among the alternative ids.
    """
    client = store.one("SELECT * FROM Client WHERE ClientID = ?", client_id)
    if client is None:
        return None
    tasks = store.all(TASKS_OF_CLIENT, client_id, client["NHSNumber"])
    documents = store.all("SELECT * FROM Document WHERE ClientID = ? ORDER BY SerialNumber, RevisionID", client_id)
    notes = store.all("SELECT * FROM ProgressNote WHERE ClientID = ? ORDER BY NoteNum, SubNum", client_id)
    return {
        "client": client,
        "tasks": _grouped(tasks, "TaskId"),
        "referrals": store.all("SELECT * FROM Referral WHERE ClientID = ? ORDER BY ReferralNumber", client_id),
        "notes": _grouped(notes, "NoteNum"),
        "documents": _grouped([_with_text(document) for document in documents], "SerialNumber"),
        "alternative_ids": store.all("SELECT * FROM AlternativeId WHERE ClientID = ? ORDER BY AddedAt", client_id),
        "alerts": store.all("SELECT * FROM Alert WHERE ClientID = ? ORDER BY Since", client_id),
    }


def client_of(store: Store, task: Row) -> Row | None:
    """The one client whom the Task is of, as above; None when that is nobody or not sure."""
    found = store.all(CLIENTS_OF_TASK, task["Patient"], task["Reference"])
    return found[0] if len(found) == 1 else None


def _grouped(rows: list[Row], by: str) -> list[list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[by], []).append(row)
    return list(groups.values())


def _with_text(document: Row) -> Row:
    """The document with its Text in place of the Content; no Text when it is not one."""
    content: bytes = document.pop("Content")
    try:
        text = content.decode() if b"\0" not in content else None
    except UnicodeDecodeError:
        text = None
    return document | {"Text": text}


def caseload(store: Store) -> list[Row]:
    """All clients with what waits on each: open referrals and notes that nobody has validated."""
    return store.all(
        "SELECT Client.*,"
        " (SELECT count(*) FROM Referral WHERE ClientID = Client.ClientID AND Status = 'OPEN') AS OpenReferrals,"
        " (SELECT count(*) FROM ProgressNote AS n WHERE ClientID = Client.ClientID AND NOT Validated AND SubNum ="
        "   (SELECT max(SubNum) FROM ProgressNote WHERE NoteNum = n.NoteNum)) AS Unvalidated"
        " FROM Client ORDER BY FamilyName, GivenNames"
    )


def validate_note(store: Store, client_id: str, number: int, hcp: str) -> None:
    """Stands for the newest version of the note. Nothing happens to one that is validated or entered in error."""
    store.change(
        "UPDATE ProgressNote SET Validated = 1, VerifiedBy = ?1, VerifyDate = ?2 WHERE NoteNum = ?3 AND ClientID = ?4"
        " AND SubNum = (SELECT max(SubNum) FROM ProgressNote WHERE NoteNum = ?3)"
        " AND NOT Validated AND NOT EnteredInError",
        hcp, in_utc(datetime.now(UTC)), number, client_id,
    )  # fmt: skip
