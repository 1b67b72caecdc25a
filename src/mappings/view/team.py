"""A referral as a line of a team's list, and why it stands where it does."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from mappings.clinician import uk_date
from mappings.to_task import GATEWAY
from mappings.view.referral import ReferralView, view_of

Json = dict[str, Any]
Group = Literal["yours", "overdue", "others"]

WITHHELD = "Name withheld"


@dataclass(frozen=True, slots=True)
class Listed:
    """`who` is FAMILY, Given; `born` and `local_id` help to find the record; of whom nothing may be shown, neither."""

    view: ReferralView
    group: Group
    who: str
    born: str | None
    local_id: str | None
    referrer: str
    line: str


def listed(standing: Json, referral: Json, task: Json, today: date) -> Listed:
    """From a Standing without its parts, a Referral, and the Task of the same version, whose line is whole."""
    view = view_of(standing, referral, [], today)
    person = referral["person"]
    told = [note["text"] for note in task.get("note", []) if note.get("authorString") == GATEWAY]
    referrer = str(referral["referrer"].get("name") or "Not named")
    if view.hidden:
        return Listed(view, _group(view), WITHHELD, None, None, referrer, view.line)
    given = " ".join(person.get("given_names") or [])
    family = str(person.get("family_name") or "").upper()
    ids = [one["value"] for one in person.get("local_identifiers") or []]
    return Listed(
        view,
        _group(view),
        ", ".join(part for part in (family, given) if part) or "Name not known",
        uk_date(person["birth_date"]) if len(person.get("birth_date") or "") == 10 else person.get("birth_date"),
        ids[0] if ids else None,
        referrer,
        told[-1] if told else view.line,
    )


def _group(view: ReferralView) -> Group:
    urgent = view.status in {"delivery-failed", "info-requested"} or (
        view.status == "closed-unable-to-contact" and not view.hidden
    )
    if view.undelivered or urgent or (view.next is not None and view.next.is_yours):
        return "yours"
    return "overdue" if view.next is not None and view.next.overdue else "others"
