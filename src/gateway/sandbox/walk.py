"""The next thing that brings a referral nearer to where somebody wants it: legal, and with plausible words. Pure.

The way is the shortest one through `lifecycle`'s moves. What a move needs is done first: attempts on different days
before a person counts as unreachable, the end of each prescription before a referral is completed.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.changes import (
    AdvisorGiven,
    CancellationAnswered,
    Change,
    ClosureGiven,
    ContactMade,
    MeasureTaken,
    Move,
    OfPrescription,
    PrescriptionIssued,
    PrescriptionMove,
    SessionHeld,
)
from gateway.errors import IllegalMove
from gateway.lifecycle import (
    ASK_TO_CANCEL,
    BEGUN,
    HUB_OR_PROVIDER,
    MECHANISMS,
    PRESCRIPTION_MOVES,
    PRESCRIPTION_NEEDS,
    REFERRAL_MOVES,
    WORK,
    Kind,
    moves_from,
    needs_of,
)
from mappings.clinician import ATTEMPTS, uk_moment
from mappings.referral import Prescription, Standing
from mappings.translate import vocabulary
from mappings.vocabularies import CLOSURE_REASONS, UNANSWERED

By = Literal["platform", "epr", "system"]
ADVISOR = "Priya Nadar"
PHONE = "01632 960701"
DAY = timedelta(days=1)
WAYS: tuple[Literal["telephone", "letter"], ...] = ("telephone", "letter")

EVENTS: Mapping[str, str] = {
    "contact": "a conversation with the person",
    "attempt": "an attempt to reach the person, without an answer",
    "prescription": "a social prescription is issued",
    "session": "a session of a prescription, attended",
    "measure": "the answers to an outcome measure (SWEMWBS)",
    "cancellation-agreed": "the hub agrees to cancel, as the referrer has asked",
    "cancellation-declined": "the hub declines to cancel",
}
STATUSES = tuple(vocabulary("referral-status").displays)
OF_PRESCRIPTION = tuple(f"prescription-{status}" for status in vocabulary("prescription-status").displays)


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing to do now: a change that somebody records, or a day to let pass. `words` say it."""

    words: str
    change: Change | None = None
    by: By = "platform"
    passes: timedelta = timedelta(0)


def towards(standing: Standing, wanted: str, at: datetime) -> Deed | None:
    """The next deed towards a status of the referral; None when it is there. Raises IllegalMove when no move leads
    there, saying why."""
    if standing.status == wanted:
        return None
    way = shortest_way("referral", standing.status, wanted, standing.resumes_as)
    if way is None:
        raise IllegalMove(_no_way(standing, wanted))
    to = way[0]
    if standing.status == "on-hold" and to == standing.resumes_as:
        return _moved(standing, to, at)
    match to:
        case "contacting":
            return _attempt("telephone")
        case "engaged":
            return _conversation()
        case "in-support":
            return _prescription()
        case "closed-unable-to-contact":
            if lacking := _next_attempt(standing, at):
                return lacking
    if to in CLOSURE_REASONS:
        for one in standing.prescriptions:
            if one.status in PRESCRIPTION_MOVES:
                return _end_of(one, "completed" if to == "closed-completed" else None)
    return _moved(standing, to, at)


def event_towards(standing: Standing, event: str, at: datetime) -> tuple[Deed, bool]:
    """The next deed towards an event (EVENTS, OF_PRESCRIPTION), and whether it is the event itself. Raises
    IllegalMove when it cannot happen."""
    if event.startswith("prescription-"):
        return _prescription_towards(standing, event.removeprefix("prescription-"), at)
    if event.startswith("cancellation-"):
        decision: Literal["agreed", "declined"] = "agreed" if event == "cancellation-agreed" else "declined"
        return _answer_to_cancel(standing, decision), True
    work = {"attempt": "contact"}.get(event, event)
    if event == "measure" and standing.status in CLOSURE_REASONS:
        return _measure("follow-up"), True
    if first := _ready_for(standing, work, at):
        return first, False
    match event:
        case "contact":
            return _conversation(), True
        case "attempt":
            return _attempt("telephone"), True
        case "prescription":
            return _prescription(), True
        case "measure":
            return _measure("baseline" if not standing.measures else "review"), True
    return _prescription_towards(standing, "session", at)


def shortest_way(kind: Kind, status: str, to: str, resumes_as: str | None = None) -> list[str] | None:
    """The statuses to go through, the last one `to`; None when there is no way."""
    ways: deque[list[str]] = deque([[status]])
    seen = {status}
    while ways:
        way = ways.popleft()
        for then in moves_from(kind, way[-1], resumes_as if way[-1] == "on-hold" else None):
            if then == to:
                return [*way[1:], then]
            if then not in seen:
                seen.add(then)
                ways.append([*way, then])
    return None


def _no_way(standing: Standing, wanted: str) -> str:
    if standing.status not in REFERRAL_MOVES:
        return f"This referral is {standing.status}, which is final. Send a new one."
    if wanted == "withdrawn" and standing.status in BEGUN:
        return f"Only the referrer can. {ASK_TO_CANCEL} Then: gateway trigger cancellation-agreed."
    return f"No move leads from {standing.status} to {wanted}."


def _moved(standing: Standing, to: str, at: datetime) -> Deed:
    needs = needs_of(standing.status, to)
    move = Move(
        to=to,
        by="Hub desk",
        reason="outside-area" if "reason" in needs else None,
        text=_TEXTS.get(to) if "text" in needs else None,
        alternative="Refer to the Eastham Wellbeing Hub: 01632 960800." if "alternative" in needs else None,
        advisor=AdvisorGiven(name=ADVISOR, phone=PHONE) if "advisor" in needs else None,
        review_date=(at + 7 * DAY).date() if "review_date" in needs else None,
        closure=ClosureGiven(
            reason=CLOSURE_REASONS[to][0], summary="Closed from the sandbox.", actions_for_referrer="No action needed."
        )
        if "closure.reason" in needs
        else None,
    )
    who = moves_from("referral", standing.status, standing.resumes_as)[to]
    if who & HUB_OR_PROVIDER:
        return Deed(f"{standing.status} -> {to}", move)
    if "referrer" in who:
        return Deed(f"{standing.status} -> {to}, by the referrer", move.model_copy(update={"by": None}), "epr")
    return Deed(f"{standing.status} -> {to}, by the gateway", move.model_copy(update={"by": None}), "system")


_TEXTS = {
    "info-requested": "Which language should the interpreter speak?",
    "on-hold": "She is in hospital for a week.",
    "withdrawn": "No longer wanted.",
}


def _attempt(mechanism: Literal["telephone", "letter"]) -> Deed:
    outcome: Literal["no-answer", "message-sent"] = "no-answer" if mechanism == "telephone" else "message-sent"
    return Deed(f"contact: {mechanism}, {outcome}", ContactMade(mechanism=mechanism, outcome=outcome, by=ADVISOR))


def _conversation() -> Deed:
    return Deed("contact: telephone, spoke", ContactMade(mechanism="telephone", outcome="spoke", by=ADVISOR))


def _next_attempt(standing: Standing, at: datetime) -> Deed | None:
    """What still lacks until the person counts as unreachable: an attempt today, or a day that passes."""
    made = [one for one in standing.contacts if one.outcome in UNANSWERED]
    days = {uk_moment(one.at).date() for one in made}
    if len(days) >= ATTEMPTS and len({one.mechanism for one in made}) >= MECHANISMS:
        return None
    if uk_moment(at.isoformat()).date() in days:
        return Deed("a day passes", passes=DAY)
    used = {one.mechanism for one in made}
    return _attempt(next((way for way in WAYS if way not in used), WAYS[0]))


def _prescription() -> Deed:
    issued = PrescriptionIssued(
        kind="referral",
        categories=["debt-advice"],
        provider="Sandham Money Advice",
        service="Debt advice appointment",
        goal="A repayment plan I can keep to",
        planned_sessions=2,
        by=ADVISOR,
    )
    return Deed("prescription: Debt advice appointment, sent", issued)


def _measure(stage: str) -> Deed:
    taken = MeasureTaken(tool="swemwbs", stage=stage, items=[2, 3, 2, 2, 3, 3, 2], by=ADVISOR)
    return Deed(f"measure: SWEMWBS, {stage}", taken)


def _ready_for(standing: Standing, work: str, at: datetime) -> Deed | None:
    """What must happen before such work can be recorded; None when it can."""
    statuses, _ = WORK[work]
    if standing.status in statuses:
        return None
    ways = [
        (len(way), first)
        for status in ("allocated", "contacting", "engaged", "in-support")
        if status in statuses and (way := shortest_way("referral", standing.status, status, standing.resumes_as))
        for first in [status]
    ]
    if not ways:
        raise IllegalMove(_no_way(standing, " or ".join(sorted(statuses))))
    return towards(standing, min(ways)[1], at)


def _prescription_towards(standing: Standing, wanted: str, at: datetime) -> tuple[Deed, bool]:
    """Towards a status of the last prescription, or towards a session of it."""
    if first := _ready_for(standing, "prescription move", at):
        return first, False
    if not standing.prescriptions:
        return _prescription(), wanted == "sent"
    one = standing.prescriptions[-1]
    if wanted == "session":
        if one.status in {"accepted", "waiting", "started"}:
            return _session(one), True
        wanted = "accepted"
        way = shortest_way("prescription", one.status, wanted)
    else:
        way = shortest_way("prescription", one.status, wanted)
        if way and len(way) == 1:
            return _prescription_moved(one, way[0]), True
    if way is None:
        if one.status in PRESCRIPTION_MOVES or wanted in {"proposed", "agreed"}:
            raise IllegalMove(f"No move leads a prescription from {one.status} to {wanted}.")
        return _prescription(), wanted == "sent"  # that one has ended: another is issued
    return _prescription_moved(one, way[0]), False


def _end_of(one: Prescription, to: str | None) -> Deed:
    """The next move towards the end of a prescription: to `to` where a way leads there, else the nearest end."""
    ends = [to] if to else ["ended-early", "not-started", "declined-by-person"]
    ways = [way for end in ends if end and (way := shortest_way("prescription", one.status, end))]
    return _prescription_moved(one, min(ways, key=len)[0])


def _prescription_moved(one: Prescription, to: str) -> Deed:
    text = "So the sandbox was asked." if to in PRESCRIPTION_NEEDS else None
    change = OfPrescription(one.id, PrescriptionMove(to=to, text=text, by=one.provider))
    return Deed(f"prescription: {one.status} -> {to}", change)


def _session(one: Prescription) -> Deed:
    return Deed("session: attended", OfPrescription(one.id, SessionHeld(attendance="attended")))


def _answer_to_cancel(standing: Standing, decision: Literal["agreed", "declined"]) -> Deed:
    asked = standing.cancellation
    if asked is None or asked.decision is not None:
        raise IllegalMove(f"The referrer does not ask to cancel this referral. {ASK_TO_CANCEL}")
    if decision == "agreed":
        for one in standing.prescriptions:
            if one.status in PRESCRIPTION_MOVES:
                return _end_of(one, None)
    text = "She asks to go on with the course." if decision == "declined" else None
    return Deed(f"cancellation: {decision}", CancellationAnswered(decision=decision, text=text, by=ADVISOR))
