"""What an EPR may change in the Task of its referral: take it back, or add to it. The rest is the hub's, or fixed.

Who sets what: Gravity SDOHCC Task for referral management; what stays fixed: requester, owner, basedOn, partOf, for
and focus (as ORCA does), and all else that was asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.arrival import Revision
from gateway.errors import IllegalMove, Issue
from mappings.systems import REFERENCE_SYSTEM
from mappings.to_task import GATEWAY, OWNED
from mappings.words import answer_in_words, concept_in_words

Json = dict[str, Any]

TAKEN_BACK = {"cancelled": "withdrawn", "entered-in-error": "entered-in-error"}
GROWING = ("note", "input", "contained")
ALLOWED = (
    "In the Task of a referral the referrer may set status to cancelled or entered-in-error, with the reason in "
    "statusReason.text, and add entries to note and input; the rest of the request is amended in the ServiceRequest."
)
# Judged by itself, or written anew whatever is sent: who changes a Task says when, and the narrative is the sender's.
APART = frozenset({"resourceType", "id", "meta", "text", "status", "statusReason", "lastModified", *GROWING})


@dataclass(frozen=True, slots=True)
class TaskWish:
    """What the EPR wants: `to` a status of the referral, for the reason in `text`; `told`, (who, what) of each entry
    that it added, and `said`, the Task with them."""

    to: str | None
    text: str | None
    told: list[tuple[str | None, str]]
    said: Json


def read_task(revision: Revision, earlier: Sequence[Json]) -> TaskWish:
    """Raises IllegalMove with every element that is not the referrer's to change.

    What a PUT leaves out is not meant to go: an EPR that keeps its own copy of the Task has none of the hub's part.
    What a PATCH removes is. Nor is it a wish when that copy says what the Task said before: `earlier` are the versions
    before the one that is changed, the first one first; none for a PATCH, which is made from the current one.
    """
    before, given = revision.before, revision.kept.content
    to, text, issues = _status(revision, earlier)
    issues += _others(revision, to, earlier)
    told: list[tuple[str | None, str]] = []
    said = before
    for name in GROWING:
        old, new = _of_sender(before, name), _of_sender(given, name)
        added = [one for one in new if one not in old and all(one not in version.get(name, []) for version in earlier)]
        left_out = revision.kept.method != "PATCH" and (to is not None or name not in given)
        if any(one not in new for one in old) and not left_out:
            place = f"{revision.at}.{name}"
            issues.append(
                Issue("business-rule", f"{place}: what was said stays. Add entries, and keep the others.", place)
            )
        if added:
            said = said | {name: [*before.get(name, []), *added]}
            told += [_words(name, one) for one in added if name != "contained"]
    if issues:
        raise IllegalMove(issues=issues)
    return TaskWish(to, text, told, said)


def _status(revision: Revision, earlier: Sequence[Json]) -> tuple[str | None, str | None, list[Issue]]:
    before, given, at = revision.before, revision.kept.content, revision.at
    reason = given.get("statusReason")
    if given["status"] == before["status"]:
        if reason in (None, before.get("statusReason")):
            return None, None, []
        text = f"{at}.statusReason is the hub's to give, unless you cancel. {ALLOWED}"
        return None, None, [Issue("business-rule", text, f"{at}.statusReason")]
    to = TAKEN_BACK.get(given["status"])
    if to is None:
        text = f"{at}.status: from {before['status']} the hub moves this Task on. {ALLOWED}"
        return None, None, [Issue("business-rule", text, f"{at}.status")]
    said_before = any(reason == one.get("statusReason") for one in [*earlier, before])
    return to, None if said_before else concept_in_words(reason), []


def _others(revision: Revision, to: str | None, earlier: Sequence[Json]) -> Iterator[Issue]:
    for name in changed_elements(revision, APART):
        place = f"{revision.at}.{name}"
        owned = name.lstrip("_") in OWNED or name == "output"
        # As it was sent it may come again: a request that was fetched is known by another address here. Of what the
        # hub sets an old copy is understood only in one that takes the referral back.
        said = earlier if to else [] if owned else earlier[:1]
        if any(_of_sender(revision.kept.content, name) == _of_sender(one, name) for one in said):
            continue
        whose = "is the hub's to set: leave it as it is now" if owned else "stays as it was sent"
        yield Issue("business-rule", f"{place} {whose}. {ALLOWED}", place)


def changed_elements(revision: Revision, apart: frozenset[str]) -> Iterator[str]:
    """Of all elements but those `apart`, the ones that say something else than before."""
    before, given = revision.before, revision.kept.content
    for name in sorted((before.keys() | given.keys()) - apart):
        old, new = _of_sender(before, name), _of_sender(given, name)
        if old != new and (new or revision.kept.method == "PATCH"):
            yield name


def _of_sender(task: Json, name: str) -> Any:
    """The element without what in it is the gateway's."""
    if name == "note":
        return [note for note in task.get("note", []) if note.get("authorString") != GATEWAY]
    if name == "identifier":
        return [one for one in task.get("identifier", []) if one.get("system") != REFERENCE_SYSTEM]
    return task.get(name, [])


def _words(name: str, entry: Json) -> tuple[str | None, str]:
    if name == "note":
        return entry.get("authorString") or entry.get("authorReference", {}).get("display"), entry["text"]
    return None, answer_in_words(entry) or "Something was added to the Task, without words: see Task.input."
