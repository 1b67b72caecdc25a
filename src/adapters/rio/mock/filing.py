"""POST /FHIR/R4/DocumentReference: what a launched app files becomes a progress note of its user, unvalidated."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from fastapi import APIRouter, Request, Response

from adapters.rio.mock.contract import in_utc
from adapters.rio.mock.fhir_door import outcome
from adapters.rio.mock.fhir_reads import unauthorised
from adapters.rio.mock.smart import Context, Smart, base_of
from adapters.rio.mock.store import Row, Store

SCOPE = "patient/DocumentReference.c"
MOST_NOTE = 20_000  # characters
NOT_READ = (
    "The body must be a DocumentReference with an identifier (system and value), subject.reference (Patient/...), and "
    "content.attachment with a contentType of text/plain and data (base64 of UTF-8)."
)


@dataclass(frozen=True, slots=True)
class Note:
    identifier: str  # system|value: the same one is the same note
    client_id: str
    text: str


def filing_door(store: Store, smart: Smart) -> APIRouter:
    door = APIRouter(prefix="/FHIR/R4")

    @door.post("/DocumentReference")
    async def file_note(request: Request) -> Response:
        context = smart.context(request)
        if context is None:
            return unauthorised()
        if SCOPE not in context.scopes:
            return outcome(403, "forbidden", f"The token does not have the scope {SCOPE}.")
        try:
            note = read_note(await request.body())
        except (ValueError, LookupError, TypeError, AttributeError, binascii.Error):
            return outcome(400, "structure", NOT_READ)
        if note.client_id != context.client_id:
            return outcome(403, "forbidden", "subject must be the patient of the token.")
        if not note.text.strip() or len(note.text) > MOST_NOTE:
            return outcome(422, "business-rule", f"The text of the note must have 1 to {MOST_NOTE} characters.")
        if refusal := _refuse_client(store.one("SELECT * FROM Client WHERE ClientID = ?", note.client_id)):
            return refusal
        with store.transaction():
            return _file(store, context, note, base_of(request))

    return door


def read_note(body: bytes) -> Note:
    """Raises ValueError, LookupError, TypeError or AttributeError when the body is not what is needed."""
    document = orjson.loads(body)
    attachment = document["content"][0]["attachment"]
    if document["resourceType"] != "DocumentReference" or not attachment["contentType"].startswith("text/plain"):
        raise ValueError("another resource, or another type of attachment")
    identifier = "|".join(document["identifier"][0][part] for part in ("system", "value"))
    type_, _, client_id = document["subject"]["reference"].rpartition("/")
    if type_.rpartition("/")[2] != "Patient":
        raise ValueError("subject is no Patient")
    return Note(identifier, client_id, base64.b64decode(attachment["data"], validate=True).decode())


def _refuse_client(client: Row | None) -> Response | None:
    """As the SOAP API does: CLIENT_NOT_FOUND, ACCESS_DENIED, CLIENT_MERGED, CLIENT_DELETED."""
    if client is None:
        return outcome(404, "not-found", "No client has this ClientID; leading zeros count.")
    if client["Sensitive"]:
        return outcome(403, "suppressed", "The record is sensitive: nothing is written to it from outside.")
    if client["MergedInto"] or client["Deleted"]:
        return outcome(422, "business-rule", "The record was merged or deleted: open the one that lives on.")
    return None


def _file(store: Store, context: Context, note: Note, base: str) -> Response:
    sql = "SELECT NoteNum, ClientID FROM FiledNote JOIN ProgressNote USING (NoteNum) WHERE Identifier = ?"
    held = store.one(sql, note.identifier)
    if held and held["ClientID"] != note.client_id:
        return outcome(409, "duplicate", "The identifier is that of a note of somebody else.")
    number = held["NoteNum"] if held else _add(store, context.hcp, note)
    return Response(b"", 200 if held else 201, {"Location": f"{base}/FHIR/R4/DocumentReference/{number}"})


def _add(store: Store, hcp: str, note: Note) -> int:
    last = store.one("SELECT max(NoteNum) AS NoteNum FROM ProgressNote") or {}
    number, at = int(last["NoteNum"] or 0) + 1, in_utc(datetime.now(UTC))
    row = {"NoteNum": number, "SubNum": 1, "ClientID": note.client_id, "NoteDateTime": at, "EnteredAt": at}
    row |= {"EnteredBy": hcp, "NoteType": "SOCPRES", "SubNoteType": "UPDATE", "NoteText": note.text}
    row |= dict.fromkeys(("Significant", "ThirdPartyInfo", "RiskRelated", "HTMLIncluded"), 0)
    store.insert("ProgressNote", row)
    store.insert("FiledNote", {"Identifier": note.identifier, "NoteNum": number})
    digest = hashlib.sha256(note.text.encode()).hexdigest()
    store.note_effect(at, "file-note", f"ProgressNote/{number}/1", note.identifier, digest)
    return number
