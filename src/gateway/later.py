"""What the referrer says after the referral, and what it makes of where the referral stands. Pure.

Before work began the referrer takes a referral back; after that it asks, and the hub answers (Gravity SDOHCC, FHIR
COW). An answer to the hub's question brings the referral back to the hub; anything else the referrer adds, or
amends, is told and moves nothing. Each raises IllegalMove when it is not possible now, saying what is.
"""

from datetime import datetime

from gateway.errors import IllegalMove
from gateway.ids import instant
from gateway.lifecycle import BEGUN, REFERRAL_MOVES, TO_COME, check_move, moves_from
from gateway.work import Applied
from mappings.clinician import is_asked_to_cancel
from mappings.referral import Amendment, Cancellation, Message, Standing, StatedReason

WITHDRAWN = "Withdrawn by the referrer"
STOP_SHARING = (
    "STOP SHARING: the person's consent to this referral was refused or withdrawn. Pass on nothing more about them, "
    "and speak with the referrer."
)


def is_open(standing: Standing) -> bool:
    return standing.status in REFERRAL_MOVES


def take_back(standing: Standing, to: str, text: str | None, at: datetime, element: str) -> Applied:
    """To `withdrawn`, before work began, or at any time to `entered-in-error`; `element` is the one that says so."""
    check_move("referral", standing.status, to, "referrer", standing.resumes_as, element)
    reason = StatedReason(code=to, text=text or WITHDRAWN) if to == "withdrawn" else None
    ended = {"status": to, "reason": reason, "closed_at": instant(at), **TO_COME}
    return Applied(standing.model_copy(update=ended), to)


def tell(standing: Standing, messages: list[Message], element: str) -> Applied:
    """Adds what was told; what answers the hub's question (`Message.answers`) brings the referral back to the hub."""
    if not is_open(standing):
        hub = standing.hub
        call = f" on {hub.phone}" if hub.phone else ""
        raise IllegalMove(
            f"This referral is {standing.status}: nobody at the hub reads messages about it any more. Telephone "
            f"{hub.name}{call}, or send a new referral.",
            expression=element,
        )
    told = standing.model_copy(update={"messages": [*standing.messages, *messages]})
    if not any(one.answers for one in messages):
        return Applied(told, "information-added")
    check_move("referral", standing.status, "received", "referrer", element=element)
    return Applied(told.model_copy(update={"status": "received", "reason": None}), "answered")


def question(standing: Standing) -> str | None:
    """What the hub asks the referrer now."""
    return standing.reason.text if standing.status == "info-requested" and standing.reason else None


def take_word_back(standing: Standing, communication_id: str) -> Applied:
    """A message that was entered in error stays to be seen, and is not to be used."""
    messages = [
        one.model_copy(update={"in_error": True}) if one.communication_id == communication_id else one
        for one in standing.messages
    ]
    return Applied(standing.model_copy(update={"messages": messages}), "information-withdrawn")


def ask_to_cancel(standing: Standing, task_id: str, by: str, text: str | None, at: datetime, element: str) -> Applied:
    """By an abort Task (FHIR COW CancellationRequest): at once before work began, else for the hub to answer."""
    if is_asked_to_cancel(standing.model_dump()):
        raise IllegalMove("You ask to cancel this referral already; wait for the answer.", expression=element)
    asked = Cancellation(task_id=task_id, asked_at=instant(at), by=by, text=text or WITHDRAWN)
    if standing.status in BEGUN:
        return Applied(standing.model_copy(update={"cancellation": asked}), "cancellation-requested")
    if "withdrawn" not in moves_from("referral", standing.status):
        raise IllegalMove(
            f"This referral is {standing.status}: there is nothing left to cancel. A mistake is marked by status "
            "entered-in-error of its Task.",
            expression=element,
        )
    agreed = asked.model_copy(update={"decision": "agreed", "answered_at": instant(at)})
    taken_back = take_back(standing, "withdrawn", text, at, element)
    return Applied(taken_back.standing.model_copy(update={"cancellation": agreed}), taken_back.event_type)


def ask_no_more(standing: Standing, at: datetime) -> Applied:
    """The referrer no longer wants to cancel."""
    assert standing.cancellation is not None
    over = standing.cancellation.model_copy(update={"decision": "taken-back", "answered_at": instant(at)})
    return Applied(standing.model_copy(update={"cancellation": over}), "cancellation-taken-back")


def amend(standing: Standing, amendment: Amendment, warnings: list[str], refused: bool, at: datetime) -> Applied:
    """The referral says something else now: `refused` whether its consent does. Whether consent was given is no
    detail, so its change is an event of its own kind."""
    changed = refused != (standing.consent_refused_at is not None)
    given = {
        "amendments": [*standing.amendments, amendment],
        "warnings": [STOP_SHARING, *warnings] if refused else warnings,
        "consent_refused_at": (standing.consent_refused_at or instant(at)) if refused else None,
    }
    return Applied(standing.model_copy(update=given), "consent-changed" if changed else "amended")


def settle(standing: Standing, at: datetime) -> Standing:
    """Where a referral has come to its end, a request to cancel that is still open is over too: the outcome wins
    (BSeR, transition 24)."""
    if is_open(standing) or not is_asked_to_cancel(standing.model_dump()):
        return standing
    assert standing.cancellation is not None
    over = {"decision": "overtaken", "answered_at": instant(at)}
    return standing.model_copy(update={"cancellation": standing.cancellation.model_copy(update=over)})
