"""Progress notes. They land unvalidated; a correction is a new version of the note, and nothing is overwritten."""

from typing import Any

from adapters.rio.reasons import NOT_SAVED, SHORTENED, Stop
from adapters.rio.writing.record import Json, Record, is_shortened
from mappings.to_rio import Note, key_in


async def notes_held(record: Record) -> Json:
    """The newest version of each note of this referral, by its key."""
    held: Json = {}
    for client_id in record.client.client_ids:
        for note in await record.read("GetProgressNotes", client_id, Containing=f"[{record.reference} "):
            if note.Current and (key := key_in(note.NoteText, record.reference)):
                held.setdefault(key, note)
    return held


async def hold_note(record: Record, note: Note, held: Any, entry: Any) -> None:
    """`held` is the newest version of what stands under its key, `entry` the referral entry, where there is one."""
    if held is not None and held.NoteText == note.text:
        return
    shortened = held is not None and is_shortened(held.NoteText, note.text)
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
    after = (await notes_held(record)).get(note.key)
    if after is None or (held is not None and (after.NoteNum, after.SubNum) == (held.NoteNum, held.SubNum)):
        raise Stop(NOT_SAVED)
    if after.NoteText != note.text:
        raise Stop(SHORTENED)


async def mark_mistake(record: Record, key: str, held: Any) -> None:
    """As the next version of the note, entered in error."""
    if held.EnteredInError:
        return
    await _amend(record, held, EnteredInError=True)
    after = (await notes_held(record)).get(key)
    if after is None or not after.EnteredInError:
        raise Stop(NOT_SAVED)


async def _amend(record: Record, held: Any, **parts: Any) -> None:
    """As the next version of the note, of which the one that was read must still be the newest."""
    await record.session.call(
        "AmendProgressNote", ClientID=held.ClientID, NoteNum=held.NoteNum, SubNum=held.SubNum, **parts
    )
