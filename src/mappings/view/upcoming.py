"""What happens next with a referral, who does it and by when: one row of NEXT for each referral status."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from mappings.clinician import ENDED, first_contact, is_asked_to_cancel, reply_day, uk_date, uk_moment
from mappings.vocabularies import UNANSWERED

Json = dict[str, Any]

YOU = "You"
NOBODY = "Nobody: this referral has ended"


@dataclass(frozen=True, slots=True)
class Next:
    """`by` is a day; None: none was set. `overdue` tells that it has passed, `is_yours` that the clinician must act."""

    what: str
    who: str
    by: date | None = None
    overdue: bool = False

    @property
    def is_yours(self) -> bool:
        return self.who == YOU

    @property
    def when(self) -> str:
        if self.by is None:
            return "Now" if self.is_yours else "No day is set"
        day = uk_date(self.by.isoformat())
        return f"Was due by {day}: overdue" if self.overdue else f"By {day}"


def next_step(standing: Json, today: date) -> Next:
    """The next step for a Standing as a dict; `today` is a UK day."""
    if is_asked_to_cancel(standing) and standing["status"] not in ENDED:
        return Next("Answers your request to cancel", _worker(standing))
    step = NEXT[standing["status"]](standing)
    return replace(step, overdue=step.by is not None and step.by < today)


def _worker(standing: Json) -> str:
    hub = str(standing["hub"]["name"])
    return f"{standing['advisor']['name']}, {hub}" if standing.get("advisor") else hub


def _call(standing: Json) -> str:
    hub = standing["hub"]
    return f"phone {hub['name']} on {hub['phone']}" if hub.get("phone") else f"phone {hub['name']}"


def _promised(what: str) -> Callable[[Json], Next]:
    """Until the first contact the hub's promised day holds."""
    return lambda standing: Next(what, _worker(standing), reply_day(standing))


def _contacting(standing: Json) -> Next:
    tried = sum(one["outcome"] in UNANSWERED for one in standing.get("contacts") or [])
    return Next("Tries again to reach the person" if tried else "Reaches the person", _worker(standing))


def _engaged(standing: Json) -> Next:
    spoken = first_contact(standing)
    since = f" They first spoke on {uk_date(spoken)}." if spoken else ""
    return Next(f"Agrees with the person what would help.{since}", _worker(standing))


def _on_hold(standing: Json) -> Next:
    review = standing.get("review_date")
    return Next("Looks at it again", _worker(standing), uk_moment(review).date() if review else None)


def _not_accepted(standing: Json) -> Next:
    return Next(standing.get("alternative") or f"Ask what to do instead: {_call(standing)}", YOU)


def _closed(standing: Json) -> Next:
    actions = (standing.get("closure") or {}).get("actions_for_referrer")
    if actions and not says_nothing_to_do(actions):
        return Next(actions, YOU)
    return Next("Nothing more. To start again, send a new referral.", NOBODY)


def says_nothing_to_do(actions: str) -> bool:
    """Whether the hub says in words that there is nothing to do for the referrer; else they are shown as to be done."""
    return actions.strip().rstrip(".").casefold() in {"no action needed", "no action required", "no actions", "none"}


NEXT: dict[str, Callable[[Json], Next]] = {
    "draft": lambda _: Next("Finish the referral and send it", YOU),
    "submitted": _promised("Confirms that it has the referral, and decides"),
    "delivery-failed": lambda standing: Next(f"Nobody at the hub has this referral: {_call(standing)}", YOU),
    "received": _promised("Decides whether it can help"),
    "info-requested": lambda _: Next("Answer the hub's question. Until then nothing goes on.", YOU),
    "accepted": _promised("Names a Pathways Advisor, who contacts the person"),
    "allocated": _promised("Contacts the person for the first time"),
    "contacting": _contacting,
    "engaged": _engaged,
    "in-support": lambda standing: Next(
        "Goes on with the support below, and looks at what it changes", _worker(standing)
    ),
    "on-hold": _on_hold,
    "not-accepted": _not_accepted,
    "withdrawn": _closed,
    "transferred": _closed,
    "closed-completed": _closed,
    "closed-declined": _closed,
    "closed-unable-to-contact": _closed,
    "closed-disengaged": _closed,
    "closed-other": _closed,
    "entered-in-error": lambda _: Next("Nothing. Do not use this referral.", "Nobody: it was a mistake"),
}
