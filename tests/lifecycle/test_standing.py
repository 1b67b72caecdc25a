"""What each change does to where a referral stands, and what it must bring."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest

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
from gateway.errors import GatewayError, IllegalMove, NotFound
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


def test_what_is_not_accepted_says_why_and_what_to_do_instead() -> None:
    bare = Move(to="not-accepted")
    assert elements(refused(RECEIVED, bare)) == ["reason", "alternative"]
    assert elements(refused(RECEIVED, Move(to="not-accepted", reason="busy", alternative="  "))) == [
        "reason",
        "alternative",
    ]

    given = after(Move(to="not-accepted", reason="outside-area", alternative="Refer to the Eastmere hub."))

    assert given.reason is not None
    assert (given.reason.code, given.reason.text) == ("outside-area", "Outside the area")
    assert given.alternative == "Refer to the Eastmere hub."
    assert elements(refused(RECEIVED, Move(to="not-accepted", reason="outside-area", alternative="\u200b"))) == [
        "alternative"
    ]


def test_allocation_names_the_link_worker_and_reallocation_starts_afresh() -> None:
    accepted = after(Move(to="accepted"))
    assert elements(refused(accepted, Move(to="allocated"))) == ["advisor"]
    assert ALLOCATED.advisor == ADVISOR

    assert after(Move(to="accepted"), start=ALLOCATED).advisor is None


def test_a_question_to_the_referrer_is_the_reason_until_it_is_answered() -> None:
    asked = after(Move(to="info-requested", text="Is the person safe to ring at home?"))
    assert asked.reason is not None
    assert asked.reason.text == "Is the person safe to ring at home?"

    assert after(Move(to="received"), start=asked, actor="referrer").reason is None


def test_what_does_not_go_with_a_move_is_refused_rather_than_lost() -> None:
    assert elements(refused(RECEIVED, Move(to="accepted", advisor=ADVISOR, closure=CLOSURE))) == ["advisor", "closure"]


@pytest.mark.parametrize(
    ("made", "status"),
    [
        ([NO_ANSWER], "contacting"),
        ([NO_ANSWER, NO_ANSWER], "contacting"),
        ([ContactMade(mechanism="letter", outcome="message-sent")], "contacting"),
        ([SPOKE], "engaged"),
        ([NO_ANSWER, ContactMade(mechanism="face-to-face", outcome="attended")], "engaged"),
        ([SPOKE, NO_ANSWER], "engaged"),
    ],
)
def test_contacts_move_an_allocated_referral_on(made: Iterable[ContactMade], status: str) -> None:
    standing = after(*made, start=ALLOCATED)

    assert standing.status == status
    assert {contact.by for contact in standing.contacts} == {"Sam Okafor"}


def test_a_contact_before_allocation_is_refused_with_what_to_do() -> None:
    assert "Accept and allocate it first." in str(refused(RECEIVED, NO_ANSWER))
    assert "Allocate it to a link worker first." in str(refused(after(Move(to="accepted")), NO_ANSWER))


def test_contacting_and_engaged_come_from_contacts_not_from_words() -> None:
    assert elements(refused(ALLOCATED, Move(to="contacting"))) == ["contacts"]
    assert elements(refused(after(NO_ANSWER, start=ALLOCATED), Move(to="engaged"))) == ["contacts"]
    assert elements(refused(ENGAGED, Move(to="in-support"))) == ["prescriptions"]


def test_nothing_is_recorded_before_it_has_happened() -> None:
    tomorrow = NOW + timedelta(days=1)

    assert elements(refused(ALLOCATED, ContactMade(at=tomorrow, mechanism="email", outcome="spoke"))) == ["at"]


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-03-02T00:00:00Z", True),  # the day of the referral, before it came
        ("2026-03-01T23:59:59Z", False),
        ("2026-03-10T12:05:00Z", True),  # clocks differ
        ("2026-03-10T12:05:01Z", False),
        ("0001-01-01T00:00:00Z", False),
        ("9999-12-31T23:59:59Z", False),
    ],
)
def test_what_is_recorded_happened_between_the_day_of_the_referral_and_now(at: str, allowed: bool) -> None:
    started = after(OfPrescription(IN_SUPPORT.prescriptions[0].id, PrescriptionMove(to="accepted")), start=IN_SUPPORT)
    items = [3] * 7
    for made in (
        SPOKE.model_copy(update={"at": datetime.fromisoformat(at)}),
        OfPrescription(started.prescriptions[0].id, SessionHeld(at=datetime.fromisoformat(at), attendance="attended")),
        MeasureTaken(tool="swemwbs", stage="review", at=datetime.fromisoformat(at), items=items),
    ):
        if allowed:
            after(made, start=started)
        else:
            assert elements(refused(started, made)) == ["at"]


def test_the_day_of_the_referral_is_a_uk_day() -> None:
    summer = ALLOCATED.model_copy(update={"submitted_at": "2025-06-30T23:30:00.000Z"})  # 1 July in London
    midnight = datetime(2025, 6, 30, 23, 0, tzinfo=UTC)

    assert after(SPOKE.model_copy(update={"at": midnight}), start=summer).status == "engaged"
    assert elements(refused(summer, SPOKE.model_copy(update={"at": midnight - timedelta(minutes=1)}))) == ["at"]


def test_a_baseline_may_have_been_taken_on_the_way_to_the_referral() -> None:
    def baseline(days: int) -> MeasureTaken:
        at = datetime(2026, 3, 2, tzinfo=UTC) - timedelta(days=days)
        return MeasureTaken(tool="swemwbs", stage="baseline", at=at, items=[3] * 7)

    assert after(baseline(28), start=ENGAGED).measures[0].at == "2026-02-02T00:00:00.000Z"
    assert "before 2 February 2026" in str(refused(ENGAGED, baseline(29)))


def attempts(*made: tuple[int, str], outcome: str = "no-answer") -> Standing:
    return after(
        *(
            ContactMade.model_validate({"at": NOW - timedelta(days=days), "mechanism": mechanism, "outcome": outcome})
            for days, mechanism in made
        ),
        start=ALLOCATED,
    )


@pytest.mark.parametrize(
    ("standing", "allowed"),
    [
        (attempts((3, "telephone"), (2, "telephone"), (1, "letter")), True),
        (attempts((3, "telephone"), (2, "letter")), False),  # two only
        (attempts((3, "telephone"), (2, "telephone"), (1, "telephone")), False),  # one mechanism
        (attempts((3, "telephone"), (3, "letter"), (1, "telephone")), False),  # two on one day
        (attempts((3, "telephone"), (2, "email"), (1, "telephone"), outcome="cancelled-by-us"), False),
        (attempts((3, "telephone"), (2, "email"), (1, "telephone"), outcome="cancelled-by-person"), False),
        (attempts((3, "telephone"), (2, "email"), (1, "telephone"), outcome="too-unwell"), False),
    ],
)
def test_nobody_is_given_up_after_few_attempts(standing: Standing, allowed: bool) -> None:
    closure = CLOSURE.model_copy(update={"reason": "unable-to-contact"})
    give_up = Move(to="closed-unable-to-contact", closure=closure)

    if allowed:
        assert after(give_up, start=standing).status == "closed-unable-to-contact"
    else:
        assert elements(refused(standing, give_up)) == ["contacts"]


def test_a_pause_has_a_reason_and_a_day_to_look_again_and_comes_back_to_where_it_was() -> None:
    assert elements(refused(ALLOCATED, Move(to="on-hold"))) == ["text", "review_date"]
    yesterday = Move(to="on-hold", text="Admitted.", review_date=date(2026, 3, 9))
    assert elements(refused(ALLOCATED, yesterday)) == ["review_date"]

    paused = after(PAUSE, start=ALLOCATED)
    assert (paused.resumes_as, paused.review_date) == ("allocated", "2026-04-01")
    assert "From on-hold it may go to: allocated" in str(refused(paused, Move(to="engaged")))

    resumed = after(Move(to="allocated"), start=paused)
    assert (resumed.status, resumed.reason, resumed.review_date) == ("allocated", None, None)
    assert resumed.advisor == ADVISOR


def test_a_pause_still_hears_news_but_prescribes_nothing() -> None:
    paused = after(PAUSE, start=IN_SUPPORT)
    accepted = after(OfPrescription(paused.prescriptions[0].id, PrescriptionMove(to="accepted")), start=paused)

    assert (accepted.status, accepted.prescriptions[0].status) == ("on-hold", "accepted")
    assert after(NO_ANSWER, start=paused).status == "on-hold"
    assert "Take it off hold first." in str(refused(paused, DEBT_ADVICE))


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
