"""A team's referrals, one line each: whether it needs the referrer, is overdue at the hub, or goes its way. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from mappings.clinician import ENDED, closed_at, uk_date, uk_moment
from mappings.view.referral import view_of
from mappings.view.upcoming import next_step

Json = dict[str, Any]
Rank = Literal["yours", "overdue", "other"]

REMEMBERED = timedelta(days=28)  # so long an end that asks something of the referrer stands before all others
# Why it needs the referrer, the most pressing first.
WHYS = {
    "not-received": "Not received by the hub: phone them",
    "info-requested": "Question to answer",
    "not-accepted": "Not accepted: see what to do instead",
    "closed-unable-to-contact": "The hub could not reach the person",
    "action": "The hub asks you to do something",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`person` and `born` are withheld (None) of a sensitive record; `hidden` says why there are no details."""

    reference: str
    person: str | None
    born: str | None
    local_id: str | None
    referrer: str | None
    status: str
    tag: str
    line: str
    hidden: str | None
    undelivered: list[str]
    rank: Rank
    why: str | None
    sent: str
    changed: str


def rank_of(standing: Json, today: date, *, hidden: bool = False) -> tuple[Rank, str | None]:
    """Where it stands among others, and the key in WHYS or, of what is overdue, words. `hidden`: its details are
    withheld, so that only what must be acted on counts."""
    status, step = standing["status"], next_step(standing, today)
    if status == "delivery-failed" or any(one["to"] == "hub" for one in standing.get("undelivered") or []):
        return "yours", "not-received"
    if status == "info-requested":
        return "yours", status
    if status in ENDED:
        if hidden or today - uk_moment(closed_at(standing)).date() > REMEMBERED:
            return "other", None
        if status in WHYS:
            return "yours", status
        return ("yours", "action") if step.is_yours else ("other", None)
    if step.overdue and step.by:
        what = "Review" if status == "on-hold" else "The hub's reply"
        return "overdue", f"{what} was due by {uk_date(step.by.isoformat())}"
    return "other", None


def line_of(standing: Json, referral: Json, today: date) -> Line:
    """The line of a Standing and a Referral, as dicts."""
    view, person = view_of(standing, referral, [], today), referral["person"]
    rank, why = rank_of(standing, today, hidden=view.hidden is not None)
    sensitive = bool(person.get("sensitive"))
    family, given = str(person.get("family_name") or "").upper(), " ".join(person.get("given_names") or [])
    ids = [one["value"] for one in person.get("local_identifiers") or []]
    return Line(
        view.reference,
        None if sensitive else ", ".join(filter(None, (family, given))) or "Name not known",
        None if sensitive or not person.get("birth_date") else _day(person["birth_date"]),
        ids[0] if ids else None,
        referral["referrer"].get("name"),
        view.status_words,
        view.tag,
        view.line,
        view.hidden,
        view.undelivered,
        rank,
        WHYS.get(why, why) if why else None,
        view.sent,
        f"{uk_moment(view.updated_at):%H:%M} on {uk_date(view.updated_at)}",
    )


def _day(birth: str) -> str:
    return uk_date(birth) if len(birth) == 10 else birth
