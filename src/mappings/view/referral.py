"""One referral as its page shows it. What the person's privacy forbids to show is not in it at all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from mappings.clinician import (
    ENDED,
    attended,
    clinician_line,
    closed_at,
    is_asked_to_cancel,
    reason_text,
    uk_date,
    uk_moment,
    without_lateness,
)
from mappings.rio_words import referral_lines
from mappings.translate import vocabulary
from mappings.view.chart import Chart, chart_of
from mappings.view.steps import KINDS, SUPPORT_NEXT
from mappings.view.timeline import Entry, timeline
from mappings.view.upcoming import Next, next_step, says_nothing_to_do

Json = dict[str, Any]
State = Literal["open", "ended", "mistake"]

TAGS = {  # status -> colour of an NHS.UK tag; all others are blue
    "delivery-failed": "red",
    "not-accepted": "red",
    "info-requested": "orange",
    "on-hold": "yellow",
    "engaged": "green",
    "in-support": "green",
    **dict.fromkeys((one for one in ENDED if one != "not-accepted"), "grey"),
}
SUPPORT_TAGS = {
    "started": "green",
    "completed": "green",
    "accepted": "aqua-green",
    "at-capacity": "yellow",
    "waiting": "yellow",
    **dict.fromkeys(("declined-by-provider", "declined-by-person", "not-started", "ended-early", "signposted"), "grey"),
}
REFUSED = (
    "The person's consent to this referral was refused or withdrawn, so its details are not shown here. The hub was "
    "told to stop sharing."
)
SENSITIVE = "This person's record is marked as sensitive, so the details of this referral are not shown here."


@dataclass(frozen=True, slots=True)
class Support:
    """A social prescription; `sessions` in words, `next` what comes next."""

    service: str
    provider: str
    kind: str
    status: str
    tag: str
    reason: str | None
    goal: str | None
    sessions: str
    missed: int
    last_session: str | None
    next: str | None
    issued: str


@dataclass(frozen=True, slots=True)
class Word:
    """A message about the referral, to the hub or from it."""

    at: str
    who: str
    text: str
    from_hub: bool
    heading: str
    in_error: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    actions: str
    needs_action: bool
    reason: str
    summary: str | None
    day: str


@dataclass(frozen=True, slots=True)
class ReferralView:
    """`hidden` says why no details are shown; then there are none. Days are UK days in words, `updated_at` is an
    instant."""

    id: str
    version: int
    reference: str
    status: str
    status_words: str
    tag: str
    state: State
    hub: str
    hub_phone: str | None
    sent: str
    updated_at: str
    line: str
    hidden: str | None = None
    undelivered: list[str] = field(default_factory=list)
    next: Next | None = None
    question: str | None = None
    cancellation: str | None = None
    closing: Closing | None = None
    supports: list[Support] = field(default_factory=list)
    chart: Chart | None = None
    words: list[Word] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    @property
    def takes_messages(self) -> bool:
        return self.is_open and self.hidden is None


def view_of(
    standing: Json, referral: Json, events: Iterable[Json], today: date, *, sensitive: bool = False
) -> ReferralView:
    """The view of a Standing and a Referral as dicts, with the journal as `timeline` takes it. `sensitive`: the record
    that the page is opened from is restricted."""
    status, hub = standing["status"], standing["hub"]
    hidden = withheld(standing, referral, sensitive)
    known = {
        "id": standing["id"],
        "version": standing["version"],
        "reference": standing["reference"],
        "status": status,
        "status_words": vocabulary("referral-status").display(status),
        "tag": TAGS.get(status, "blue"),
        "state": "mistake" if status == "entered-in-error" else "ended" if status in ENDED else "open",
        "hub": hub["name"],
        "hub_phone": hub.get("phone"),
        "sent": uk_date(standing["submitted_at"]),
        "updated_at": standing["updated_at"],
        "undelivered": list(_undelivered(standing)),
    }
    if hidden:
        words = {"open": "Open", "ended": "Ended", "mistake": "Entered in error"}[known["state"]]
        urgent = status in ("delivery-failed", "info-requested")
        seen = known if urgent else known | {"status_words": words, "tag": "grey"}
        return ReferralView(**seen, line=_guarded_line(standing, known["state"]), hidden=hidden)
    journal = list(events)
    return ReferralView(
        **known,
        line=without_lateness(clinician_line(standing)),
        next=next_step(standing, today),
        question=reason_text(standing) if status == "info-requested" else None,
        cancellation=_cancellation(standing),
        closing=_closing(standing),
        supports=[_support(one) for one in standing.get("prescriptions") or [] if one["status"] != "entered-in-error"],
        chart=chart_of(standing.get("measures") or []),
        words=sorted(_words(standing, journal), key=lambda one: one.at, reverse=True),
        timeline=timeline(journal, standing, _referrer(referral)),
        asked_for=list(referral_lines(referral)),
    )


def _referrer(referral: Json) -> str:
    """Who sent it; of a system that names nobody, its organisation."""
    referrer = referral["referrer"]
    return str(referrer.get("name") or referrer["organisation"].get("name") or "The referrer")


def withheld(standing: Json, referral: Json, sensitive: bool) -> str | None:
    """Why no more may be told than where it stands: the person has refused that it is shared, or their record is marked
    as sensitive, here or (`sensitive`) where it is read. None: all may be told."""
    denied = (referral.get("consent") or {}).get("decision") == "deny"
    if standing.get("consent_refused_at") or denied:
        return REFUSED
    return SENSITIVE if sensitive or referral["person"].get("sensitive") else None


def _guarded_line(standing: Json, state: State) -> str:
    """Where it stands, as far as it may be told: what the clinician must act on, and no more."""
    hub, phone = standing["hub"]["name"], standing["hub"].get("phone")
    call = f"phone {hub} on {phone}" if phone else f"phone {hub}"
    if standing["status"] == "delivery-failed":
        return f"NOT RECEIVED - {call}."
    if standing["status"] == "info-requested":
        return f"The hub has a question for you: {call}."
    if state == "open":
        return f"With {hub} since {uk_date(standing['submitted_at'])}. For more, {call}."
    if state == "mistake":
        return "Entered in error. Do not use."
    return f"Ended on {uk_date(closed_at(standing))}. For more, {call}."


def _undelivered(standing: Json) -> Iterator[str]:
    """That the hub lacks something; what a record lacks is seen by its deliveries (mappings.view.freshness)."""
    for one in standing.get("undelivered") or []:
        if one["to"] == "hub":
            since = f"{uk_moment(one['since']):%H:%M} on {uk_date(one['since'])}"
            yield f"{standing['hub']['name']} has NOT received changes since {since}."


def _cancellation(standing: Json) -> str | None:
    asked = standing.get("cancellation")
    if not asked:
        return None
    words = f"{asked['by']} asked to cancel on {uk_date(asked['asked_at'])}: {asked['text']}"
    if is_asked_to_cancel(standing):
        return f"{words} The hub has not answered yet."
    decided = {
        "agreed": "The referral was cancelled",
        "declined": "The hub declined",
        "overtaken": "The referral had come to its end before this was answered",
        "taken-back": "This is no longer asked",
    }[asked["decision"]]
    day = f" ({uk_date(asked['answered_at'])})" if asked.get("answered_at") else ""
    answer = f": {asked['answer']}" if asked.get("answer") else "."
    return f"{words} {decided}{day}{answer}"


def _closing(standing: Json) -> Closing | None:
    closure = standing.get("closure")
    if not closure:
        return None
    actions = closure["actions_for_referrer"].strip()
    return Closing(
        "No action needed" if says_nothing_to_do(actions) else actions,
        not says_nothing_to_do(actions),
        vocabulary("closure-reason").display(closure["reason"]),
        closure.get("summary"),
        uk_date(closed_at(standing)),
    )


def _support(prescription: Json) -> Support:
    status, sessions = prescription["status"], prescription.get("sessions") or []
    came, planned = attended(prescription), prescription.get("planned_sessions")
    held = [one["at"] for one in sessions]
    counted = f"{came} attended, {planned} planned" if planned and came > planned else f"{came} of {planned} attended"
    return Support(
        prescription["service"],
        prescription["provider"],
        KINDS.get(prescription["kind"], prescription["kind"].replace("-", " ")),
        vocabulary("prescription-status").display(status),
        SUPPORT_TAGS.get(status, "blue"),
        prescription.get("status_reason"),
        prescription.get("goal"),
        counted if planned else f"{came} attended" if sessions else "None recorded",
        len(sessions) - came,
        uk_date(max(held)) if held else None,
        SUPPORT_NEXT.get(status),
        uk_date(prescription["issued_at"]),
    )


def _words(standing: Json, events: Iterable[Json]) -> Iterator[Word]:
    hub = str(standing["hub"]["name"])
    for one in standing.get("messages") or []:
        heading = "Answer to the hub's question" if one.get("answers") else "Message to the hub"
        yield Word(one["at"], one["by"], one["text"], False, heading, bool(one.get("in_error")))
    for event in events:
        change = event["change"]
        if event["type"] == "info-requested" and change.get("text"):
            yield Word(event["at"], event["actor"].get("person") or hub, change["text"], True, "Question from the hub")
        elif event["type"] == "cancellation-declined" and change["cancellation"].get("text"):
            text = change["cancellation"]["text"]
            yield Word(event["at"], event["actor"].get("person") or hub, text, True, "Why the hub goes on")
