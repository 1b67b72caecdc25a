"""Makes the record hold what is wanted: looks what stands there, writes what is missing, and reads it back.

It looks before every write, whether or not an attempt before this one is known to have been unsure: two workers may
be at the same delivery. RiO has been known to say "saved" and not to save, so only what was read back counts.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.rio.finding import Found, find_client
from adapters.rio.options import RioOptions
from adapters.rio.reasons import DIED, ELSEWHERE, NOT_SAVED, SHORTENED, Stop
from adapters.rio.session import Session
from mappings.clinician import uk_moment
from mappings.to_rio import Document, Entry, Note, Wanted, key_in, taken_back

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One person's record, for one delivery. `at` is when it happened."""

    session: Session
    options: RioOptions
    client: Found
    at: datetime


async def write(
    session: Session, options: RioOptions, wanted: Wanted, task: Json, referral: Json, event_type: str, at: datetime
) -> None:
    """Returns once all of it stands in the record. Raises Stop, and what `Session.call` raises; to call it again then
    writes what is still missing."""
    client = await find_client(session, referral["person"], options.client_id_system)
    if client.deceased and wanted.entry and not wanted.ended:
        raise Stop(DIED)
    record = Record(session, options, client, at)
    entry = await _hold_entry(record, wanted)
    held = await _notes(record, wanted.reference)
    for note in wanted.notes:
        await _hold_note(record, wanted.reference, note, held.get(note.key), entry)
    for key in taken_back(task, event_type, held):
        await _mark_mistake(record, wanted.reference, key, held[key])
    if wanted.document:
        await _hold_document(record, wanted.reference, wanted.document, anew=wanted.entry is not None)
    if wanted.ending and entry:
        await _discharge(record, wanted.reference, wanted.ending)


# The referral entry, and the gateway's reference among the person's identifiers


async def _hold_entry(record: Record, wanted: Wanted) -> Any:
    """The entry as it stands; None when there is none, and none is wanted."""
    held = await _entry(record, wanted.reference)
    if wanted.entry is None:
        return held
    if held is None:
        if record.client.deceased:
            return None  # RiO opens none any more; notes and the summary still find their place
        await record.session.call("CreateReferral", **_entry_parts(record, wanted.entry))
        held = await _entry(record, wanted.reference)
        if held is None:
            raise Stop(NOT_SAVED)
        if _is_shortened(held.Comment, wanted.entry.comment):
            raise Stop(SHORTENED)
    elif held.Status == "OPEN":
        held = await _correct_entry(record, held, wanted.entry)
    await _hold_alternative_id(record, wanted.reference)
    return held


async def _entry(record: Record, reference: str) -> Any:
    """By its external id; by the comment, which repeats it, when RiO has shortened the id."""
    found = await record.session.call("GetReferrals", ExternalReferralId=reference) or []
    if not found:
        theirs = await record.session.call("GetReferrals", ClientID=record.client.client_id) or []
        found = [one for one in theirs if f"{reference}." in (one.Comment or "")]
    if any(one.ClientID not in record.client.client_ids for one in found):
        raise Stop(ELSEWHERE)
    return found[0] if found else None


def _entry_parts(record: Record, entry: Entry) -> Json:
    options = record.options
    return {
        "ClientID": record.client.client_id,
        "ExternalReferralId": entry.external_id,
        "Source": options.referral_source,
        "Reason": options.referral_reason,
        "Urgency": getattr(options.urgencies, entry.urgency),
        "Service": options.service,
        "Team": options.team,
        "ReferralDateTime": entry.at,
        "Comment": entry.comment,
    }


async def _correct_entry(record: Record, held: Any, entry: Entry) -> Any:
    urgency = getattr(record.options.urgencies, entry.urgency) if entry.renews else held.Urgency
    if held.Urgency == urgency and not _is_shortened(held.Comment, entry.comment):
        return held
    correct = {"Urgency": urgency, "Comment": entry.comment}
    await record.session.call(
        "UpdateReferral", ReferralNumber=held.ReferralNumber, TimeStamps=held.TimeStamps, **correct
    )
    after = await _entry(record, entry.external_id)
    if after is None or after.Urgency != urgency:
        raise Stop(NOT_SAVED)
    if _is_shortened(after.Comment, entry.comment):
        raise Stop(SHORTENED)
    return after


async def _hold_alternative_id(record: Record, reference: str) -> None:
    system, client_id = record.options.alternative_id_system, record.client.client_id
    for _ in range(2):
        held = await record.session.call("GetAlternativeIds", ClientID=client_id) or []
        if any((one.System, one.Value) == (system, reference) for one in held):
            return
        await record.session.call("AddAlternativeId", ClientID=client_id, System=system, Value=reference)
    raise Stop(NOT_SAVED)


async def _discharge(record: Record, reference: str, ending: str) -> None:
    reason = record.options.discharge_reasons.get(ending)
    held = await _entry(record, reference)
    if reason is None or held.Status != "OPEN":
        return
    comment = f"Social prescribing, {reference}. The outcome is in the progress note of that reference."
    await record.session.call(
        "DischargeReferral",
        ReferralNumber=held.ReferralNumber,
        TimeStamps=held.TimeStamps,
        DischargeDateTime=record.at,
        DischargeReason=reason,
        Comment=comment,
    )
    if (await _entry(record, reference)).Status == "OPEN":
        raise Stop(NOT_SAVED)


# Progress notes


async def _notes(record: Record, reference: str) -> Json:
    """The newest version of each note of this referral, by its key."""
    held: Json = {}
    for client_id in record.client.client_ids:
        found = await record.session.call("GetProgressNotes", ClientID=client_id, Containing=f"[{reference} ") or []
        for note in found:
            if note.Current and (key := key_in(note.NoteText, reference)):
                held.setdefault(key, note)
    return held


async def _hold_note(record: Record, reference: str, note: Note, held: Any, entry: Any) -> None:
    if held is not None and held.NoteText == note.text:
        return
    shortened = held is not None and _is_shortened(held.NoteText, note.text)
    if held is not None and not shortened and not note.renews:
        return  # a clinician has amended it since
    if held is None or held.ClientID != record.client.client_id:  # what was merged away cannot be amended any more
        numbered = entry is not None and entry.ClientID == record.client.client_id
        await record.session.call(
            "AddProgressNote",
            ClientID=record.client.client_id,
            ReferralNumber=entry.ReferralNumber if numbered else None,
            NoteDateTime=record.at,
            NoteType=record.options.note_type,
            Significant=note.significant,
            RiskRelated=note.risk_related,
            HTMLIncluded=False,
            NoteText=note.text,
        )
    else:
        flags = {"Significant": note.significant, "RiskRelated": note.risk_related}
        await _amend(record, held, NoteText=note.text, **flags)
    after = (await _notes(record, reference)).get(note.key)
    if after is None or (held is not None and (after.NoteNum, after.SubNum) == (held.NoteNum, held.SubNum)):
        raise Stop(NOT_SAVED)
    if after.NoteText != note.text:
        raise Stop(SHORTENED)


async def _mark_mistake(record: Record, reference: str, key: str, held: Any) -> None:
    if held.EnteredInError:
        return
    await _amend(record, held, EnteredInError=True)
    after = (await _notes(record, reference)).get(key)
    if after is None or not after.EnteredInError:
        raise Stop(NOT_SAVED)


async def _amend(record: Record, held: Any, **parts: Any) -> None:
    """As the next version of the note, of which the one that was read must still be the newest."""
    await record.session.call(
        "AmendProgressNote", ClientID=held.ClientID, NoteNum=held.NoteNum, SubNum=held.SubNum, **parts
    )


# The closing summary


async def _hold_document(record: Record, reference: str, document: Document, *, anew: bool) -> None:
    """As the next revision of the referral's document; without `anew` only when there is one."""
    held = await _document(record, reference)
    if held is None and not anew:
        return
    if held is None or held.Description != document.description or held.FileSize != len(document.content):
        await record.session.call(
            "AddDocument",
            ClientID=record.client.client_id,
            SerialNumber=held.SerialNumber if held and held.ClientID == record.client.client_id else None,
            Type=record.options.document_type,
            Title=document.title,
            Description=document.description,
            Author="Social prescribing gateway",
            DocumentDate=uk_moment(record.at.isoformat()).date(),
            Final=True,
            FileName=document.file_name,
            Content=document.content,
        )
        held = await _document(record, reference)
    if held is None or held.Description != document.description:
        raise Stop(NOT_SAVED)
    if held.FileSize != len(document.content) or held.Title != document.title:
        raise Stop(SHORTENED)


async def _document(record: Record, reference: str) -> Any:
    """The newest revision of the referral's document."""
    newest = None
    for client_id in record.client.client_ids:
        found = await record.session.call("GetDocuments", ClientID=client_id) or []
        theirs = [one for one in found if (one.Description or "").startswith(f"{reference} v")]
        newest = newest or max(theirs, key=lambda one: one.RevisionID, default=None)
    return newest


def _is_shortened(held: str | None, text: str) -> bool:
    """Whether it is only the beginning of what was sent; what a clinician has made of it since is not."""
    return held != text and text.startswith(held or "")
