"""What an EPR may change in the ServiceRequest of a referral: nearly all while it is open, and its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.arrival import Revision
from gateway.errors import IllegalMove, Issue
from gateway.later import is_open
from gateway.sources import is_same_person
from gateway.store.referrals import Stored
from gateway.store.resources import identifiers
from mappings.words import concept_in_words

Json = dict[str, Any]

TAKEN_BACK = {"revoked": "withdrawn", "entered-in-error": "entered-in-error"}
# Task.status -> what the placer may make of the request then (FHIR COW: completed follows the Task).
AFTERWARDS = {"completed": "completed", "rejected": "revoked", "failed": "revoked", "cancelled": "revoked"}


@dataclass(frozen=True, slots=True)
class RequestWish:
    """What the EPR wants: `to` a status of the referral, for the reason in `text`; and whether it says something else
    about what is asked, or whom it asks."""

    to: str | None
    text: str | None
    amended: bool
    another_performer: bool


def read_request(revision: Revision, stored: Stored) -> RequestWish:
    """Raises IllegalMove with everything that may not change, or not now."""
    before, given = revision.before, revision.kept.content
    amended = _matter(before) != _matter(given)
    to = TAKEN_BACK.get(given["status"]) if given["status"] != before["status"] else None
    if to == "withdrawn" and not is_open(stored.standing):
        to = None  # the placer tidies up after the end
    issues = [*_fixed(revision), *_status(revision, stored, to)]
    if amended and not is_open(stored.standing) and to is None:
        text = f"This referral is {stored.standing.status}: it can no longer be amended. Send a new ServiceRequest."
        issues.append(Issue("business-rule", text, revision.at))
    if issues:
        raise IllegalMove(issues=issues)
    return RequestWish(to, _reason(before, given), amended, before.get("performer") != given.get("performer"))


def _matter(request: Json) -> Json:
    return {name: value for name, value in request.items() if name not in {"id", "meta", "text", "status"}}


def _fixed(revision: Revision) -> Iterator[Issue]:
    before, given, at = revision.before, revision.kept.content, revision.at
    if not identifiers(before) <= identifiers(given):
        text = f"{at}.identifier: the referral is known by these; add some, and keep the others."
        yield Issue("business-rule", text, f"{at}.identifier")
    if not _same_person(before, given):
        text = f"{at}.subject: a referral stays one person's. Mark this one as entered-in-error, and send a new one."
        yield Issue("business-rule", text, f"{at}.subject")


def _same_person(before: Json, given: Json) -> bool:
    old, new = before["subject"].get("reference", ""), given["subject"].get("reference", "")
    if old != new or not old.startswith("#"):
        return bool(old == new)
    one, other = ({f"#{each.get('id')}": each for each in one.get("contained", [])}.get(old) for one in (before, given))
    return one is not None and other is not None and is_same_person(one, other)


def _status(revision: Revision, stored: Stored, to: str | None) -> Iterator[Issue]:
    wanted, standing = revision.kept.content["status"], stored.standing
    if wanted == revision.before["status"] or to is not None:
        return
    place = f"{revision.at}.status"
    afterwards = AFTERWARDS.get(stored.row["task_status"])
    if is_open(standing):
        text = (
            f"{place}: while the referral is {standing.status} its request is active; before work began it may be set "
            "to revoked, and at any time to entered-in-error. completed follows when the Task is completed. To ask "
            "for a pause send a Communication about the Task."
        )
        yield Issue("business-rule", text, place)
    elif wanted != afterwards or revision.before["status"] != "active":
        allowed = f"{afterwards} or " if afterwards and revision.before["status"] == "active" else ""
        text = f"{place}: the referral is {standing.status}; its request may be set to {allowed}entered-in-error only."
        yield Issue("business-rule", text, place)


def _reason(before: Json, given: Json) -> str | None:
    """Why it is taken back: BaRS says it in reasonCode, others in a note."""
    if given.get("reasonCode") != before.get("reasonCode"):
        return next(filter(None, map(concept_in_words, given.get("reasonCode", []))), None)
    return next((note["text"] for note in given.get("note", []) if note not in before.get("note", [])), None)
