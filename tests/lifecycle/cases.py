"""Referrals at several stages, and the changes that the tests make of them."""

from datetime import UTC, date, datetime

import pytest

from gateway.changes import (
    AdvisorGiven,
    Change,
    ClosureGiven,
    ContactMade,
    Move,
    OfPrescription,
    PrescriptionIssued,
    PrescriptionMove,
)
from gateway.errors import GatewayError, IllegalMove
from gateway.lifecycle import Actor
from gateway.standing import apply
from mappings.referral import Hub, Standing

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

RECEIVED = Standing(
    id="01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10",
    version=2,
    reference="SP-4821-0937-5564",
    status="received",
    submitted_at="2026-03-02T09:30:00.000Z",
    updated_at="2026-03-02T09:30:00.000Z",
    hub=Hub(id="northdale", name="Northdale Wellbeing Hub"),
)
ADVISOR = AdvisorGiven(name="Sam Okafor", phone="01632 960002")
ALLOCATE = Move(to="allocated", advisor=ADVISOR)
NO_ANSWER = ContactMade(mechanism="telephone", outcome="no-answer")
SPOKE = ContactMade(mechanism="telephone", outcome="spoke")
DEBT_ADVICE = PrescriptionIssued(
    kind="referral", categories=["debt-advice"], provider="Northdale Money Advice", service="Debt advice"
)
CLOSURE = ClosureGiven(reason="goals-met", summary="Debt plan agreed.", actions_for_referrer="No action needed.")
PAUSE = Move(to="on-hold", text="Admitted to hospital.", review_date=date(2026, 4, 1))


def after(*changes: Change, start: Standing = RECEIVED, actor: Actor = "referral_handler") -> Standing:
    for change in changes:
        start = apply(start, change, actor, NOW).standing
    return start


ALLOCATED = after(Move(to="accepted"), ALLOCATE)
ENGAGED = after(SPOKE, start=ALLOCATED)
IN_SUPPORT = after(DEBT_ADVICE, start=ENGAGED)
NOT_STARTED = PrescriptionMove(to="not-started", text="She found a job first.")
SUPPORTED = after(OfPrescription(IN_SUPPORT.prescriptions[0].id, NOT_STARTED), start=IN_SUPPORT)  # and may be closed


def refused(standing: Standing, change: Change, actor: Actor = "referral_handler") -> GatewayError:
    with pytest.raises(IllegalMove) as refusal:
        apply(standing, change, actor, NOW)
    return refusal.value


def elements(error: GatewayError) -> list[str | None]:
    return [issue.expression for issue in error.issues]
