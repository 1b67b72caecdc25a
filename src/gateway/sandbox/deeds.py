"""What is done to a referral of the sandbox, with plausible words: each deed is one legal change, or a day. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.changes import (
    AdvisorGiven,
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
from gateway.lifecycle import HUB_OR_PROVIDER, PRESCRIPTION_NEEDS, moves_from, needs_of
from mappings.referral import Prescription, Standing
from mappings.vocabularies import CLOSURE_REASONS

By = Literal["platform", "epr", "system"]
ADVISOR = "Priya Nadar"
PHONE = "01632 960701"
DAY = timedelta(days=1)
TEXTS = {
    "info-requested": "Which language should the interpreter speak?",
    "on-hold": "She is in hospital for a week.",
    "withdrawn": "No longer wanted.",
}


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing to do now: a change that somebody records, or a day to let pass. `words` say it."""

    words: str
    change: Change | None = None
    by: By = "platform"
    passes: timedelta = timedelta(0)


A_DAY_PASSES = Deed("a day passes", passes=DAY)


def move(standing: Standing, to: str, at: datetime) -> Deed:
    """A move of the referral, with all that it needs, by whoever may make it."""
    needs = needs_of(standing.status, to)
    change = Move(
        to=to,
        by="Hub desk",
        reason="outside-area" if "reason" in needs else None,
        text=TEXTS.get(to) if "text" in needs else None,
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
        return Deed(f"{standing.status} -> {to}", change)
    theirs = change.model_copy(update={"by": None})
    if "referrer" in who:
        return Deed(f"{standing.status} -> {to}, by the referrer", theirs, "epr")
    return Deed(f"{standing.status} -> {to}, by the gateway", theirs, "system")


def attempt(mechanism: Literal["telephone", "letter"]) -> Deed:
    outcome: Literal["no-answer", "message-sent"] = "no-answer" if mechanism == "telephone" else "message-sent"
    return Deed(f"contact: {mechanism}, {outcome}", ContactMade(mechanism=mechanism, outcome=outcome, by=ADVISOR))


def conversation() -> Deed:
    return Deed("contact: telephone, spoke", ContactMade(mechanism="telephone", outcome="spoke", by=ADVISOR))


def prescription() -> Deed:
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


def prescription_move(one: Prescription, to: str) -> Deed:
    text = "So the sandbox was asked." if to in PRESCRIPTION_NEEDS else None
    change = OfPrescription(one.id, PrescriptionMove(to=to, text=text, by=one.provider))
    return Deed(f"prescription: {one.status} -> {to}", change)


def session(one: Prescription) -> Deed:
    return Deed("session: attended", OfPrescription(one.id, SessionHeld(attendance="attended")))


def measure(stage: str) -> Deed:
    taken = MeasureTaken(tool="swemwbs", stage=stage, items=[2, 3, 2, 2, 3, 3, 2], by=ADVISOR)
    return Deed(f"measure: SWEMWBS, {stage}", taken)
