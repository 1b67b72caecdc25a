"""Progress notes. They land unvalidated; a correction is a new version of the note, and nothing is overwritten."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adapters.rio.reasons import NOT_SAVED, SHORTENED, TWICE, Stop
from adapters.rio.writing.record import Record, is_shortened
from mappings.to_rio import Note, key_in


@dataclass(frozen=True, slots=True)
class Held:
    """The newest version of each note of the referral by its key, and those that stand there a second time."""

    notes: dict[str, Any]
    twins: list[Any]


async def hold_notes(
    record: Record, wanted: Iterable[Note], taken_back: Callable[[Iterable[str]], list[str]], entry: Any
) -> None:
    """Writes what is missing, marks what was a mistake, and reads it all back.

    `taken_back` tells, of the keys that stand in the record, those of mistakes; `entry` is the referral entry, where
    there is one. Two workers that wrote the same note, or a write that RiO carried out very late, leave it there
    twice: then the second one is marked as a mistake.
    """
    held = await _read(record)
    written = [note for note in wanted if await _write(record, note, held.notes.get(note.key), entry)]
    mistakes = [*held.twins, *(held.notes[key] for key in taken_back(held.notes))]
    mistakes = [one for one in mistakes if not one.EnteredInError]
    for one in mistakes:
        await _amend(record, one, EnteredInError=True)
    if written or mistakes:
        _check(held, await _read(record), written, mistakes)


async def _read(record: Record) -> Held:
    held = Held({}, [])
    for client_id in record.client.client_ids:
        alive: set[str] = set()
        for note in await record.read("GetProgressNotes", client_id, Containing=f"[{record.reference} "):
            key = key_in(note.NoteText, record.reference) if note.Current else None
            if key is None:
                continue
            if key in alive and not note.EnteredInError:
                held.twins.append(note)
            held.notes.setdefault(key, note)
            alive |= set() if note.EnteredInError else {key}
    return held


async def _write(record: Record, note: Note, held: Any, entry: Any) -> bool:
    """Whether there was anything to write. `held` is the newest version of what stands under the note's key."""
    if held is not None and held.NoteText == note.text:
        return False
    if held is not None and not note.renews and not is_shortened(held.NoteText, note.text):
        return False  # a clinician has amended it since
    if held is not None and held.ClientID == record.client.client_id:
        flags = {"Significant": note.significant, "RiskRelated": note.risk_related}
        await _amend(record, held, NoteText=note.text, **flags)
        return True
    # Nothing there, or on a record that was merged away, where nothing can be amended any more.
    numbered = entry is not None and entry.ClientID == record.client.client_id
    await record.calls.call(
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
    return True


async def _amend(record: Record, held: Any, **parts: Any) -> None:
    """As the next version of the note, of which the one that was read must still be the newest."""
    await record.calls.call(
        "AmendProgressNote", ClientID=held.ClientID, NoteNum=held.NoteNum, SubNum=held.SubNum, **parts
    )


def _check(before: Held, after: Held, written: list[Note], mistakes: list[Any]) -> None:
    for note in written:
        held, now = before.notes.get(note.key), after.notes.get(note.key)
        if now is None or (held is not None and (now.NoteNum, now.SubNum) == (held.NoteNum, held.SubNum)):
            raise Stop(NOT_SAVED)
        if now.NoteText != note.text:
            raise Stop(SHORTENED)
    still = {one.NoteNum for one in [*after.notes.values(), *after.twins] if not one.EnteredInError}
    if any(one.NoteNum in still for one in mistakes):
        raise Stop(NOT_SAVED)
    if after.twins:
        raise Stop(TWICE)
