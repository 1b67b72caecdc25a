"""What each change does to where a referral stands, and what it must bring."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.lifecycle.cases import (
    ADVISOR,
    ALLOCATED,
    CLOSURE,
    DEBT_ADVICE,
    ENGAGED,
    IN_SUPPORT,
    NO_ANSWER,
    NOW,
    PAUSE,
    RECEIVED,
    SPOKE,
    after,
    elements,
    refused,
)

from gateway.changes import ContactMade, MeasureTaken, Move, OfPrescription, PrescriptionMove, SessionHeld
from mappings.referral import Standing


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
