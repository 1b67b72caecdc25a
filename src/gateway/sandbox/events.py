"""The next deed towards an event that is no status of a referral: a contact, a prescription, a measure. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from gateway.changes import CancellationAnswered
from gateway.errors import IllegalMove
from gateway.lifecycle import ASK_TO_CANCEL, PRESCRIPTION_MOVES, WORK
from gateway.sandbox import deeds
from gateway.sandbox.deeds import ADVISOR, Deed
from gateway.sandbox.walk import end_open_one, no_way, shortest_way, towards
from mappings.referral import Standing
from mappings.translate import vocabulary
from mappings.vocabularies import CLOSURE_REASONS

EVENTS: Mapping[str, str] = {
    "contact": "a conversation with the person",
    "attempt": "an attempt to reach the person, without an answer",
    "prescription": "a social prescription is issued",
    "session": "a session of a prescription, attended",
    "measure": "the answers to an outcome measure (SWEMWBS)",
    "cancellation-agreed": "the hub agrees to cancel, as the referrer has asked",
    "cancellation-declined": "the hub declines to cancel",
}
OF_PRESCRIPTION = tuple(f"prescription-{status}" for status in vocabulary("prescription-status").displays)


def event_towards(standing: Standing, event: str, at: datetime) -> tuple[Deed, bool]:
    """The next deed towards an event (EVENTS, OF_PRESCRIPTION), and whether it is the event itself. Raises
    IllegalMove when it cannot happen."""
    if event.startswith("prescription-"):
        return _prescription_towards(standing, event.removeprefix("prescription-"), at)
    if event.startswith("cancellation-"):
        return _answer_to_cancel(standing, "agreed" if event == "cancellation-agreed" else "declined")
    if event == "measure" and standing.status in CLOSURE_REASONS:
        return deeds.measure("follow-up"), True
    if first := _ready_for(standing, "contact" if event == "attempt" else event, at):
        return first, False
    match event:
        case "contact":
            return deeds.conversation(), True
        case "attempt":
            return deeds.attempt("telephone"), True
        case "prescription":
            return deeds.prescription(), True
        case "measure":
            return deeds.measure("review" if standing.measures else "baseline"), True
    return _prescription_towards(standing, "session", at)


def _ready_for(standing: Standing, work: str, at: datetime) -> Deed | None:
    """What must happen before such work can be recorded; None when it can."""
    statuses, _ = WORK[work]
    if standing.status in statuses:
        return None
    ways = {
        status: len(way)
        for status in sorted(statuses)
        if (way := shortest_way("referral", standing.status, status, standing.resumes_as))
    }
    if not ways:
        raise IllegalMove(no_way(standing, " or ".join(sorted(statuses))))
    return towards(standing, min(ways, key=ways.__getitem__), at)


def _prescription_towards(standing: Standing, wanted: str, at: datetime) -> tuple[Deed, bool]:
    """Towards a status of the last prescription, or towards a session of it."""
    if first := _ready_for(standing, "prescription move", at):
        return first, False
    if not standing.prescriptions:
        return deeds.prescription(), wanted == "sent"
    one = standing.prescriptions[-1]
    if wanted == "session" and one.status in {"accepted", "waiting", "started"}:
        return deeds.session(one), True
    way = shortest_way("prescription", one.status, "accepted" if wanted == "session" else wanted)
    if way:
        return deeds.prescription_move(one, way[0]), way == [wanted]
    if one.status in PRESCRIPTION_MOVES or wanted in {"proposed", "agreed"}:
        raise IllegalMove(f"No move leads a prescription from {one.status} to {wanted}.")
    return deeds.prescription(), wanted == "sent"  # that one has ended: another is issued


def _answer_to_cancel(standing: Standing, decision: Literal["agreed", "declined"]) -> tuple[Deed, bool]:
    asked = standing.cancellation
    if asked is None or asked.decision is not None:
        raise IllegalMove(f"The referrer does not ask to cancel this referral. {ASK_TO_CANCEL}")
    if decision == "agreed" and (first := end_open_one(standing, None)):
        return first, False
    text = "She asks to go on with the course." if decision == "declined" else None
    return Deed(f"cancellation: {decision}", CancellationAnswered(decision=decision, text=text, by=ADVISOR)), True
