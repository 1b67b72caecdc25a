"""A change of a referral -> what the record of an EPR like RiO should then hold. Pure.

Which event writes what is a table, `maps/rio-record.json`. What is written carries a key, by which it is found again:
so it is written once, however often it is told. Corrections are new versions of what stands under the key. The key
stands in the first line, because an EPR that shortens a text leaves its beginning.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from mappings.clinician import uk_moment
from mappings.closing import closing_summary, mistaken_summary
from mappings.rio_words import (
    NOT_ISSUED,
    line_of,
    plain,
    prescribed,
    reference_of,
    referral_lines,
    referrer_of,
    uk_time,
    words_of,
)
from mappings.to_task import ENDED
from mappings.translate import MAPS
from mappings.vocabularies import CLOSURE_REASONS

Json = dict[str, Any]

UNKNOWN = {"writes": "note", "heading": "news of the referral", "from": "gateway"}  # better told once too often
# The events by which a referral comes to its end.
ENDINGS = frozenset({"not-accepted", "withdrawn", "transferred", "entered-in-error", *CLOSURE_REASONS})
OPENING = "Social prescribing: "  # of each note
CLOSING_TITLE = "Social prescribing: closing summary"


@dataclass(frozen=True, slots=True)
class Entry:
    """The referral as RiO lists it. `comment` has at most 150 characters; the first note has the full text."""

    external_id: str  # at most 25 characters
    urgency: str
    at: datetime
    comment: str
    renews: bool = False  # when the record says another urgency, it is corrected


@dataclass(frozen=True, slots=True)
class Note:
    """A progress note. The first line of `text` ends with the `key`; `renews`: when another text stands under the key,
    this is its next version."""

    key: str
    text: str
    significant: bool = False
    risk_related: bool = False
    renews: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A version of the document of this `title`; `description` is its key. Both have at most 150 characters."""

    title: str
    description: str
    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the record should hold. `entry` None: nothing new, only what is there is a mistake now. `ended`: the
    referral has come to its end; `ending`: by this event, just now."""

    reference: str
    entry: Entry | None
    notes: tuple[Note, ...] = ()
    document: Document | None = None
    ended: bool = False
    ending: str | None = None


@cache
def rows() -> dict[str, Json]:
    """The rows of the table by event type."""
    table = json.loads((MAPS / "rio-record.json").read_text(encoding="utf-8"))
    return {row["event"]: row for row in table["events"]}


def wanted(task: Json, referral: Json, event_type: str, at: datetime) -> Wanted | None:
    """What this change writes; None when it writes nothing.

    task: the Task at the version that the change made, `referral` in the shape of `mappings.referral.Referral`.
    """
    row = rows().get(event_type, UNKNOWN)
    notes: list[Note] = []
    document = None
    match row["writes"]:
        case "note":
            notes = [_version_note(task, referral, row)]
        case "referral":
            notes = [_referral_note(task, referral, row, event_type)]
        case "first-contact" if _business_status(task) == "engaged":
            notes = [_note(task, referral, row, "first-contact", [line_of(task)])]
        case "prescriptions":
            notes = _prescription_notes(task, referral, row)
        case "closing":
            filed = f'The closing summary is filed as a document: "{CLOSING_TITLE}".'
            notes, document = [_version_note(task, referral, row, filed)], _summary(task, referral)
        case "scores" if words_of(task, "actions-for-referrer"):
            document = _summary(task, referral)
        case "mistake":
            name = f"{reference_of(task)}.html"
            gone = Document(CLOSING_TITLE, _document_key(task), name, mistaken_summary(reference_of(task)))
            return Wanted(reference_of(task), None, document=gone, ended=True, ending=event_type)
    if not notes and document is None and event_type != "prescription-move":
        return None
    ending = event_type if event_type in ENDINGS else None
    ended = task["status"] in ENDED
    return Wanted(reference_of(task), _entry(task, referral, event_type), tuple(notes), document, ended, ending)


def taken_back(task: Json, event_type: str, keys: Iterable[str]) -> list[str]:
    """Those of the keys of notes in the record that this change says were a mistake."""
    if event_type == "entered-in-error":
        return list(keys)
    if event_type != "prescription-move":
        return []
    standing = {_key(task, _prescription_mark(one.id)) for one in prescribed(task)}
    return [key for key in keys if key.startswith(f"[{reference_of(task)} p-") and key not in standing]


def key_in(text: str, reference: str) -> str | None:
    """The key of a note of ours about the referral with this reference; None for any other text."""
    first, mark, rest = text.partition("\n")[0].rpartition(f"[{reference} ")
    return f"{mark}{rest}" if first.startswith(OPENING) and rest.endswith("]") else None


def _key(task: Json, mark: str) -> str:
    return f"[{reference_of(task)} {mark}]"


def _document_key(task: Json) -> str:
    return f"{reference_of(task)} v{task['meta']['versionId']}"


def _prescription_mark(id_: str) -> str:
    return f"p-{id_[-8:]}"


def _business_status(task: Json) -> str:
    return str(task["businessStatus"]["coding"][0]["code"])


def _entry(task: Json, referral: Json, event_type: str) -> Entry:
    reference, sent = reference_of(task), referral.get("submitted_at") or task["authoredOn"]
    comment = f"Referral to social prescribing, {reference}. The full text is in the progress note of that reference."
    return Entry(reference, referral["urgency"], uk_moment(sent), comment, event_type == "amended")


def _note(
    task: Json, referral: Json, row: Json, mark: str, lines: Iterable[str], *, risk: bool = False, renews: bool = False
) -> Note:
    who = {"referrer": referrer_of(referral), "gateway": "the social prescribing gateway"}.get(row["from"])
    who = who or task["owner"]["display"]
    key = _key(task, mark)
    signed = f"From {who}, {uk_time(task['meta']['lastUpdated'])}."
    text = plain("\n".join([f"{OPENING}{row['heading']} {key}", *lines, signed]))
    return Note(key, text, bool(row.get("significant")), risk, renews)


def _version_note(task: Json, referral: Json, row: Json, *more: str) -> Note:
    return _note(task, referral, row, f"v{task['meta']['versionId']}", [line_of(task), *more])


def _referral_note(task: Json, referral: Json, row: Json, event_type: str) -> Note:
    lines = [f"To {task['owner']['display']}.", *referral_lines(referral)]
    risk, renews = bool(referral.get("risks")), event_type == "amended"
    return _note(task, referral, row, "referral", lines, risk=risk, renews=renews)


def _prescription_notes(task: Json, referral: Json, row: Json) -> list[Note]:
    notes = []
    for one in prescribed(task):
        if one.status not in NOT_ISSUED:
            signpost = {"heading": "signposted (this is no referral)"} if one.status == "signposted" else {}
            lines = [f"{one.what}: {one.where}."]
            notes.append(_note(task, referral, row | signpost, _prescription_mark(one.id), lines))
    return notes


def _summary(task: Json, referral: Json) -> Document:
    name = f"{reference_of(task)}-v{task['meta']['versionId']}.html"
    return Document(CLOSING_TITLE, _document_key(task), name, closing_summary(task, referral, CLOSING_TITLE))
