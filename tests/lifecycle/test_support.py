"""Prescriptions, sessions, measures and closing: what each does to where a referral stands."""

from datetime import timedelta

import pytest
from tests.lifecycle.cases import (
    ALLOCATED,
    CLOSURE,
    DEBT_ADVICE,
    ENGAGED,
    IN_SUPPORT,
    NO_ANSWER,
    NOT_STARTED,
    NOW,
    SUPPORTED,
    after,
    elements,
    refused,
)

from gateway.changes import ClosureGiven, MeasureTaken, Move, OfPrescription, PrescriptionMove, SessionHeld
from gateway.errors import NotFound
from gateway.standing import apply


@pytest.mark.parametrize(
    ("issued", "prescription", "referral"),
    [
        ({}, "sent", "in-support"),
        ({"status": "agreed"}, "agreed", "in-support"),
        ({"status": "proposed"}, "proposed", "engaged"),
        ({"kind": "signpost"}, "signposted", "engaged"),  # name and contact details only: not a referral (PRSB)
    ],
)
def test_a_prescription_puts_the_referral_in_support(issued: dict[str, str], prescription: str, referral: str) -> None:
    standing = after(DEBT_ADVICE.model_copy(update=issued), start=ENGAGED)

    assert (standing.prescriptions[0].status, standing.status) == (prescription, referral)


def test_a_proposal_puts_it_in_support_once_it_is_agreed() -> None:
    proposed = after(DEBT_ADVICE.model_copy(update={"status": "proposed"}), start=ENGAGED)

    agreed = after(OfPrescription(proposed.prescriptions[0].id, PrescriptionMove(to="agreed")), start=proposed)

    assert agreed.status == "in-support"


def test_nothing_is_prescribed_to_someone_nobody_has_spoken_to() -> None:
    assert "Record the first contact that reaches the person." in str(refused(ALLOCATED, DEBT_ADVICE))


def test_sessions_belong_to_a_prescription_that_the_provider_took() -> None:
    id_ = IN_SUPPORT.prescriptions[0].id
    attended = OfPrescription(id_, SessionHeld(attendance="attended"))
    missed = OfPrescription(id_, SessionHeld(attendance="did-not-attend"))
    assert "Record the provider's answer first." in str(refused(IN_SUPPORT, attended))

    accepted = after(OfPrescription(id_, PrescriptionMove(to="accepted")), start=IN_SUPPORT, actor="provider")
    assert after(missed, start=accepted).prescriptions[0].status == "accepted"

    started = after(attended, missed, start=accepted, actor="provider")
    assert started.prescriptions[0].status == "started"
    assert [session.attendance for session in started.prescriptions[0].sessions] == ["attended", "did-not-attend"]


def test_a_provider_moves_its_prescription_but_not_the_referral() -> None:
    id_ = IN_SUPPORT.prescriptions[0].id
    assert "recorded by the hub manager or referral handler" in str(refused(IN_SUPPORT, NO_ANSWER, "provider"))
    assert "Only the" in str(refused(IN_SUPPORT, Move(to="closed-completed", closure=CLOSURE), "provider"))

    declined = OfPrescription(id_, PrescriptionMove(to="declined-by-provider"))
    assert elements(refused(IN_SUPPORT, declined, "provider")) == ["text"]
    told = OfPrescription(id_, PrescriptionMove(to="declined-by-provider", text="No places until June."))
    assert after(told, start=IN_SUPPORT, actor="provider").prescriptions[0].status_reason == "No places until June."


def test_an_unknown_prescription_is_not_found() -> None:
    with pytest.raises(NotFound):
        apply(IN_SUPPORT, OfPrescription("another", PrescriptionMove(to="accepted")), "referral_handler", NOW)


def test_measures_are_scored_and_follow_up_comes_after_closing() -> None:
    def taken(stage: str) -> MeasureTaken:
        return MeasureTaken(tool="swemwbs", stage=stage, items=[2, 3, 2, 2, 3, 3, 2])

    measured = after(taken("baseline"), start=SUPPORTED)
    assert [(one.raw, one.score) for one in measured.measures] == [(17, 16.88)]
    assert "recorded while a referral is closed" in str(refused(measured, taken("follow-up")))

    closed = after(Move(to="closed-completed", closure=CLOSURE), start=measured)
    assert after(taken("follow-up"), start=closed).status == "closed-completed"
    assert "any more" in str(refused(closed, taken("review")))


def test_what_is_recorded_after_closing_does_not_move_the_day_it_closed() -> None:
    closed = after(Move(to="closed-completed", closure=CLOSURE), start=SUPPORTED)
    follow_up = MeasureTaken(tool="swemwbs", stage="follow-up", items=[4] * 7)

    later = apply(closed, follow_up, "referral_handler", NOW + timedelta(days=90)).standing

    assert closed.closed_at == later.closed_at == "2026-03-10T12:00:00.000Z"
    assert SUPPORTED.closed_at is None


def test_closing_ends_what_was_prescribed_and_says_how_many_are_left() -> None:
    close = Move(to="closed-completed", closure=CLOSURE)
    two = after(DEBT_ADVICE, start=IN_SUPPORT)
    assert elements(refused(two, close)) == ["prescriptions"]
    assert "Not ended yet: 2." in str(refused(two, close).issues[0].text)

    one = after(OfPrescription(two.prescriptions[0].id, NOT_STARTED), start=two)
    assert "Not ended yet: 1." in str(refused(one, close).issues[0].text)
    none = after(OfPrescription(two.prescriptions[1].id, NOT_STARTED), start=one)
    assert after(close, start=none).status == "closed-completed"


def test_someone_who_dies_or_moves_away_may_be_closed_from_any_status_of_the_work() -> None:
    closure = CLOSURE.model_copy(update={"reason": "moved-away"})

    for standing in (after(Move(to="accepted")), ALLOCATED, after(NO_ANSWER, start=ALLOCATED), ENGAGED, SUPPORTED):
        assert after(Move(to="closed-other", closure=closure), start=standing).status == "closed-other"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (None, ["closure.reason", "closure.summary", "closure.actions_for_referrer"]),
        ({"reason": "deceased"}, ["closure.reason"]),  # belongs to closed-other
        ({"summary": " "}, ["closure.summary"]),
        ({"summary": "\u00ad\u200b \u2060"}, ["closure.summary"]),  # soft hyphen, zero-width space, word joiner
        ({"actions_for_referrer": ""}, ["closure.actions_for_referrer"]),
    ],
)
def test_a_closure_leaves_nothing_blank(given: dict[str, str] | None, missing: list[str]) -> None:
    closure = None if given is None else ClosureGiven.model_validate(CLOSURE.model_dump() | given)

    error = refused(SUPPORTED, Move(to="closed-completed", closure=closure))

    assert elements(error) == missing
    assert {issue.code for issue in error.issues} == {"required"}
