"""Abort Tasks: how a referrer asks to cancel once work began (FHIR COW, CancellationRequest)."""

from datetime import datetime
from typing import Any

from gateway.arrival import Revision
from gateway.errors import IllegalMove, Issue, Rejected
from gateway.later import ask_no_more, ask_to_cancel
from gateway.revise.task import changed_elements
from gateway.store.referrals import Stored
from gateway.store.resources import Resource
from gateway.work import Applied
from mappings.awaited import is_awaited
from mappings.clinician import is_asked_to_cancel
from mappings.systems import TASK_CODE
from mappings.words import concept_in_words

Json = dict[str, Any]

MAY_CHANGE = frozenset({"resourceType", "id", "meta", "text", "status", "statusReason", "lastModified", "note"})
ALLOWED = (
    "In a Task that asks to cancel you may set status to cancelled while it waits for its answer, or to "
    "entered-in-error, with statusReason, and add entries to note."
)


def asks_to_cancel(task: Json) -> bool:
    """Whether this Task is one to stop another (task-code#abort)."""
    codings = task.get("code", {}).get("coding", [])
    return any((coding.get("system"), coding.get("code")) == (TASK_CODE, "abort") for coding in codings)


def focus_of(task: Json) -> str:
    return str(task.get("focus", {}).get("reference", ""))


def read_abort(abort: Resource, stored: Stored, by: str, at: datetime) -> Applied:
    """Raises Rejected for a Task that does not ask as it must, IllegalMove when there is nothing to cancel."""
    content = abort.content
    issues = [
        Issue("business-rule", f"Task.{name} of a Task with code abort must be {must}.", f"Task.{name}")
        for name, must in (("status", "requested"), ("intent", "order"))
        if content[name] != must
    ]
    person = content.get("for", {}).get("reference")
    if person and person != f"Patient/{stored.row['patient_id']}":
        issues.append(Issue("business-rule", "Task.for is another person than the referral's.", "Task.for"))
    if issues:
        raise Rejected(issues=issues)
    return ask_to_cancel(stored.standing, abort.id, by, _reason(content), at, "Task.focus")


def _reason(task: Json) -> str | None:
    notes = (note["text"] for note in task.get("note", []))
    said = [*(concept_in_words(task.get(name)) for name in ("statusReason", "reasonCode", "description")), *notes]
    return next((one for one in said if one), None)


def keep_abort(revision: Revision) -> None:
    """Leaves of the revision of an abort Task what the referrer may change: status, statusReason and notes.

    What a PUT leaves out is not meant to go. Raises IllegalMove for all else that it changes, and for a Task that is
    neither an abort nor the referral's: nobody here would do what it asks.
    """
    before, given = revision.before, revision.kept.content
    changed = list(changed_elements(revision, MAY_CHANGE)) if asks_to_cancel(before) else ["status"]
    said: list[Json] = before.get("note", [])
    notes: list[Json] = given.get("note", [] if revision.kept.method == "PATCH" else said)
    if any(note not in notes for note in said):
        changed.append("note")
    if changed:
        text = f"stays as it was sent. {ALLOWED}"
        places = [f"{revision.at}.{name}" for name in changed]
        raise IllegalMove(issues=[Issue("business-rule", f"{place} {text}", place) for place in places])
    kept = {name: value for name, value in before.items() if name != "text"}  # a narrative may contradict
    revision.kept.content = kept | {name: value for name, value in given.items() if name in MAY_CHANGE - {"text"}}


def read_abort_again(revision: Revision, stored: Stored, at: datetime) -> Applied | None:
    """Of an abort Task that waits for its answer the referrer may say that it asks no more; of any, that it was a
    mistake, which leaves an answer as it was given: None."""
    place = f"{revision.at}.status"
    cancellation, status = stored.standing.cancellation, revision.kept.content["status"]
    waits = is_asked_to_cancel(stored.standing.model_dump())
    if not waits or cancellation is None or cancellation.task_id != revision.kept.id:
        if status == "entered-in-error" != revision.before["status"]:
            return None
        text = f"{place}: this request to cancel is over. POST a new one; this may be set to entered-in-error only."
        raise IllegalMove(text, expression=place)
    if status not in {"cancelled", "entered-in-error"}:
        text = f"{place}: the link worker answers this Task. You may set it to cancelled, to ask no more."
        raise IllegalMove(text, expression=place)
    return ask_no_more(stored.standing, at)


def refuse_focus(focus: Json | None) -> Rejected:
    """`focus` is what the Task would stop, where that is known."""
    text = "Task.focus of a Task with code abort must be the Task of a referral that you sent."
    if focus and is_awaited(focus):
        text += " That one is none yet, its details are awaited: to take it back, set its status to cancelled."
    return Rejected(issues=[Issue("value", text, "Task.focus")])
