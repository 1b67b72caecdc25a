"""The journal of a referral in plain words: who did what and when, and what was to come next.

One row of WORDS for each type of event. A type without a row still shows, by its own name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.clinician import PUT_OFF, uk_date
from mappings.measures import swemwbs
from mappings.translate import vocabulary
from mappings.view.steps import ATTENDANCE, CONTACTS, FIELDS, SUPPORT_NEXT, THEN
from mappings.view.upcoming import says_nothing_to_do

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """`at` is an ISO 8601 instant; `said` what somebody wrote; `then` what was to come next when it happened."""

    at: str
    who: str
    what: str
    said: str | None = None
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An event with what its words need: the Standing as it is now, and whether consent was refused just then."""

    at: str
    change: Json
    standing: Json
    refused: bool

    @property
    def hub(self) -> str:
        return str(self.standing["hub"]["name"])

    @property
    def service(self) -> str:
        """The service that the event is about, with its provider."""
        named = self.change.get("prescription") or next(
            (
                one
                for one in self.standing.get("prescriptions") or []
                if one["id"] == self.change.get("prescription_id")
            ),
            None,
        )
        return f"{named['service']} with {named['provider']}" if named else "a service"

    @property
    def messages(self) -> str | None:
        """What the referrer wrote at that moment."""
        texts = [one["text"] for one in self.standing.get("messages") or [] if one["at"] == self.at]
        return "\n".join(texts) or None


Line = tuple[str, str | None]  # what happened, and what somebody wrote


def timeline(events: Iterable[Json], standing: Json, referrer: str) -> list[Entry]:
    """The entries, the newest first. `events` are those of the journal, the first first: {type, at, actor, change};
    `referrer` is who sent the referral, or their organisation."""
    return list(_entries(events, standing, referrer))[::-1]


def _entries(events: Iterable[Json], standing: Json, referrer: str) -> Iterator[Entry]:
    refused = False
    for event in events:
        refused ^= event["type"] == "consent-changed"  # a referral begins with consent, and each of these turns it
        told = Told(event["at"], event["change"], standing, refused)
        what, said = WORDS.get(event["type"], _unknown(event["type"]))(told)
        yield Entry(event["at"], _who(event["actor"], standing, referrer), what, said, _then(event, told))


def _who(actor: Json, standing: Json, referrer: str) -> str:
    hub = str(standing["hub"]["name"])
    if actor.get("role") == "platform":
        return f"{actor['person']}, {hub}" if actor.get("person") else hub
    if actor.get("role") == "epr":
        return str(actor.get("person") or referrer)
    return "The gateway"


def _then(event: Json, told: Told) -> str | None:
    """Where the event moved the referral, what that status brings; else what the event itself does."""
    to = told.change.get("to")
    if not says_nothing_to_do((told.change.get("closure") or {}).get("actions_for_referrer") or "none"):
        return "You do what the hub asks for."
    if to == "on-hold" and told.change.get("review_date"):
        return f"The hub looks at it again on {uk_date(told.change['review_date'])}."
    if to in THEN:
        return THEN[to]
    if event["type"] == "prescription-move":
        return SUPPORT_NEXT.get(told.change["prescription-move"]["to"])
    if event["type"] == "prescription":
        return SUPPORT_NEXT.get(told.change["prescription"].get("status", "sent"))
    return THEN.get(event["type"])


def _unknown(type_: str) -> Callable[[Told], Line]:
    return lambda told: (f"Recorded: {type_.replace('-', ' ')}", told.change.get("text"))


def _says(words: str) -> Callable[[Told], Line]:
    return lambda told: (words.format(hub=told.hub), told.change.get("text"))


def _adds(words: str) -> Callable[[Told], Line]:
    return lambda told: (words.format(hub=told.hub), told.messages)


def _contact(told: Told) -> Line:
    made = told.change["contact"]
    words = CONTACTS.get(made["outcome"]) or PUT_OFF.get(made["outcome"]) or made["outcome"].replace("-", " ")
    return f"{words} ({made['mechanism'].replace('-', ' ')}{_on(made)})", None


def _on(made: Mapping[str, Any]) -> str:
    """When it happened, where that was told: it may be recorded later."""
    return f", {uk_date(made['at'])}" if made.get("at") else ""


def _prescription(told: Told) -> Line:
    given = told.change["prescription"]
    signpost = given["kind"] == "signpost"
    what = f"Gave the name and contact details of {told.service}" if signpost else f"Prescribed {told.service}"
    return what, f"Goal: {given['goal']}" if given.get("goal") else None


def _prescription_move(told: Told) -> Line:
    move = told.change["prescription-move"]
    status = vocabulary("prescription-status").display(move["to"]).lower()
    return f"{told.service}: {status}", move.get("text")


def _session(told: Told) -> Line:
    held = told.change["session"]
    words = ATTENDANCE.get(held["attendance"], held["attendance"].replace("-", " "))
    return f"{told.service}: {words}{_on(held)}", None


def _measure(told: Told) -> Line:
    taken = told.change["measure"]
    name, stage = vocabulary("measure-tool").display(taken["tool"]), vocabulary("measure-stage").display(taken["stage"])
    score = f": {swemwbs(taken['items'])[1]:.2f}" if taken["tool"] == "swemwbs" else ""
    return f"{name} taken ({stage.lower()}{_on(taken)}){score}", None


def _allocated(told: Told) -> Line:
    advisor = told.change.get("advisor")
    return (f"{advisor['name']} is the Pathways Advisor" if advisor else "A Pathways Advisor was named"), None


def _not_accepted(told: Told) -> Line:
    reason = told.change.get("text") or vocabulary("not-accepted-reason").display(told.change.get("reason") or "")
    instead = told.change.get("alternative")
    return "Did not accept the referral", f"{reason}\nWhat to do instead: {instead}" if instead else reason


def _withdrawn(told: Told) -> Line:
    if answered := told.change.get("cancellation"):
        return "Agreed to cancel, as you asked", answered.get("text")
    return "Withdrew the referral", told.change.get("text")


def _declined_to_cancel(told: Told) -> Line:
    return "Declined to cancel", told.change["cancellation"].get("text")


def _closed(told: Told) -> Line:
    closure = told.change.get("closure") or {}
    reason = vocabulary("closure-reason").display(closure.get("reason") or "")
    actions = f"For you: {closure['actions_for_referrer']}" if closure.get("actions_for_referrer") else None
    said = "\n".join(filter(None, [actions, closure.get("summary")]))
    return f"Closed the referral: {reason.lower()}" if reason else "Closed the referral", said or None


def _amended(told: Told) -> Line:
    fields = [FIELDS.get(one, one.split(".")[-1].replace("_", " ")) for one in told.change.get("fields") or []]
    return f"Changed the referral: {', '.join(dict.fromkeys(fields))}" if fields else "Changed the referral", None


def _consent(told: Told) -> Line:
    if told.refused:
        return f"Consent was refused or withdrawn: {told.hub} was told to stop sharing", None
    return f"Consent was given again: {told.hub} was told", None


CLOSINGS = ("completed", "declined", "unable-to-contact", "disengaged", "other")
WORDS: dict[str, Callable[[Told], Line]] = {
    "details-awaited": _says("The details are awaited from your record system; nothing was sent yet"),
    "details-not-received": _says("The details could not be had from your record system; nothing was sent"),
    "details-refused": _says("The details could not be taken; nothing was sent"),
    "withdrawn-by-referrer": _says("Withdrawn before it was sent"),
    "submitted": _says("Sent the referral to {hub}"),
    "delivery-failed": _says("NOT RECEIVED: the latest could not be handed to {hub}"),
    "delivery-recovered": _says("{hub} has received everything now"),
    "record-behind": _says("The record system has not received the latest"),
    "record-caught-up": _says("The record system has received everything now"),
    "received": _says("Received the referral"),
    "info-requested": _says("Asked you a question"),
    "answered": _adds("Answered the question"),
    "information-added": _adds("Sent a message to {hub}"),
    "information-withdrawn": _says("Took back a message that was entered in error"),
    "accepted": _says("Accepted the referral"),
    "allocated": _allocated,
    "contacting": _says("Began to contact the person"),
    "contact": _contact,
    "engaged": _says("Is in contact with the person"),
    "in-support": _says("Support goes on"),
    "prescription": _prescription,
    "prescription-move": _prescription_move,
    "session": _session,
    "measure": _measure,
    "on-hold": _says("Paused the support"),
    "not-accepted": _not_accepted,
    "cancellation-requested": _says("Asked to cancel the referral"),
    "cancellation-declined": _declined_to_cancel,
    "cancellation-taken-back": _says("No longer asks to cancel"),
    "withdrawn": _withdrawn,
    "transferred": _says("Moved the referral to another hub"),
    "amended": _amended,
    "consent-changed": _consent,
    "entered-in-error": _says("Marked the referral as entered in error: do not use it"),
    **dict.fromkeys((f"closed-{one}" for one in CLOSINGS), _closed),
}
