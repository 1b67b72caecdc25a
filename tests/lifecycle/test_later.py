"""What the referrer says later, and what it makes of where the referral stands."""

import pytest
from tests.lifecycle.cases import (
    ADVISOR,
    ALLOCATED,
    ENGAGED,
    IN_SUPPORT,
    NOW,
    PAUSE,
    RECEIVED,
    SUPPORTED,
    after,
    refused,
)

from gateway.changes import CancellationAnswered, ContactMade, Move
from gateway.errors import IllegalMove
from gateway.later import (
    STOP_SHARING,
    amend,
    ask_no_more,
    ask_to_cancel,
    question,
    settle,
    take_back,
    take_word_back,
    tell,
)
from gateway.standing import apply
from mappings.clinician import clinician_line
from mappings.referral import Amendment, Cancellation, Message, Standing

AT = "2026-03-10T12:00:00.000Z"
ASKED = after(Move(to="info-requested", text="Has she a phone?"))
AGREE = CancellationAnswered(decision="agreed")
DECLINE = CancellationAnswered(decision="declined", text="She wants to go on.")


def ask(standing: Standing) -> Standing:
    return ask_to_cancel(standing, "abort-1", "Dr Osei", "She moves house.", NOW, "Task.focus").standing


def message(standing: Standing, text: str = "Yes: 01632 960999.") -> Message:
    return Message(at=AT, by="Dr Osei", text=text, answers=question(standing), communication_id="c1")


@pytest.mark.parametrize("standing", [RECEIVED, ASKED, after(Move(to="accepted")), ALLOCATED])
def test_before_work_began_the_referrer_takes_it_back(standing: Standing) -> None:
    applied = take_back(standing, "withdrawn", "Sent twice", NOW, "Task.status")

    assert (applied.event_type, applied.standing.status, applied.standing.closed_at) == ("withdrawn", "withdrawn", AT)
    assert clinician_line(applied.standing.model_dump()) == "Withdrawn on 10 March 2026: Sent twice."


@pytest.mark.parametrize("standing", [RECEIVED, ENGAGED, after(PAUSE, start=IN_SUPPORT)])
def test_a_mistake_is_said_at_any_time(standing: Standing) -> None:
    assert take_back(standing, "entered-in-error", None, NOW, "Task.status").standing.status == "entered-in-error"


def test_an_answer_brings_the_referral_back_to_the_hub() -> None:
    applied = tell(ASKED, [message(ASKED)], "Communication.about")

    assert (applied.event_type, applied.standing.status, applied.standing.reason) == ("answered", "received", None)
    assert applied.standing.messages[0].answers == "Has she a phone?"
    line = "Question answered on 10 March 2026. Northdale Wellbeing Hub will decide next."
    assert clinician_line(applied.standing.model_dump()) == line


def test_what_is_added_moves_nothing_and_can_be_taken_back() -> None:
    told = tell(ENGAGED, [message(ENGAGED)], "Communication.about")
    taken = take_word_back(told.standing, "c1")

    assert (told.event_type, told.standing.status) == ("information-added", "engaged")
    assert (taken.event_type, [one.in_error for one in taken.standing.messages]) == ("information-withdrawn", [True])


def test_nobody_reads_messages_after_the_end() -> None:
    ended = take_back(RECEIVED, "withdrawn", None, NOW, "Task.status").standing

    with pytest.raises(IllegalMove, match="Telephone Northdale Wellbeing Hub, or send a new referral"):
        tell(ended, [message(ended)], "Communication.about")


def test_to_ask_before_work_began_is_to_take_back() -> None:
    applied = ask_to_cancel(ALLOCATED, "abort-1", "Dr Osei", "Sent twice", NOW, "Task.focus")

    assert (applied.event_type, applied.standing.status) == ("withdrawn", "withdrawn")
    assert applied.standing.cancellation
    assert applied.standing.cancellation.decision == "agreed"


def test_after_work_began_the_hub_answers() -> None:
    asked = ask(ENGAGED)
    agreed, declined = apply(asked, AGREE, "referral_handler", NOW), apply(asked, DECLINE, "referral_handler", NOW)

    assert asked.status == "engaged"
    assert clinician_line(asked.model_dump()).endswith(
        "You asked to cancel on 10 March 2026; the link worker has not answered yet."
    )
    assert (agreed.event_type, agreed.standing.status) == ("withdrawn", "withdrawn")
    assert clinician_line(agreed.standing.model_dump()) == "Withdrawn on 10 March 2026: She moves house."
    assert (declined.event_type, declined.standing.status) == ("cancellation-declined", "engaged")
    assert clinician_line(declined.standing.model_dump()).endswith(
        "You asked to cancel on 10 March 2026; Northdale Wellbeing Hub declined on 10 March 2026: She wants to go on."
    )


def test_one_request_to_cancel_at_a_time() -> None:
    asked = ask(ENGAGED)
    with pytest.raises(IllegalMove, match="already; wait for the answer"):
        ask(asked)

    declined = apply(asked, DECLINE, "referral_handler", NOW).standing
    assert ask(ask_no_more(asked, NOW).standing).cancellation == ask(declined).cancellation == asked.cancellation


def test_an_answer_needs_a_question_words_and_an_end_of_the_support() -> None:
    assert "does not ask to cancel" in str(refused(ENGAGED, AGREE))
    assert "To decline needs text" in str(refused(ask(ENGAGED), CancellationAnswered(decision="declined")))
    assert "Not ended yet: 1" in str(refused(ask(IN_SUPPORT), AGREE))
    assert after(AGREE, start=ask(SUPPORTED)).status == "withdrawn"
    assert "answered by the hub manager or referral handler" in str(refused(ask(ENGAGED), AGREE, "referrer"))


def test_nothing_is_left_to_cancel_at_the_end() -> None:
    with pytest.raises(IllegalMove, match="there is nothing left to cancel"):
        ask(take_back(RECEIVED, "withdrawn", None, NOW, "Task.status").standing)


def test_the_outcome_wins_over_a_request_to_cancel() -> None:
    """BSeR, transition 24."""
    asked = ask(ENGAGED)
    ended = settle(asked.model_copy(update={"status": "closed-completed"}), NOW)

    assert settle(asked, NOW) is asked
    assert (ended.cancellation and ended.cancellation.decision) == "overtaken"


def test_consent_that_is_refused_stops_the_sharing_until_the_person_agrees_again() -> None:
    amendment = Amendment(at=AT, by="Dr Osei", fields=[])
    refusal = amend(ENGAGED, amendment, ["No risk entry was sent."], True, NOW)
    still = amend(refusal.standing, amendment, [], True, NOW)
    again = amend(refusal.standing, amendment, [], False, NOW)

    assert (refusal.event_type, refusal.standing.warnings) == (
        "consent-changed",
        [STOP_SHARING, "No risk entry was sent."],
    )
    assert clinician_line(refusal.standing.model_dump()).endswith(
        "CONSENT REFUSED OR WITHDRAWN on 10 March 2026: Northdale Wellbeing Hub was told to stop sharing."
    )
    assert (still.event_type, still.standing.consent_refused_at) == ("amended", AT)
    assert (again.event_type, again.standing.consent_refused_at, again.standing.warnings) == (
        "consent-changed",
        None,
        [],
    )


def test_work_goes_on_while_a_request_to_cancel_waits() -> None:
    worked = after(ContactMade(mechanism="telephone", outcome="spoke"), start=ask(ENGAGED))

    assert worked.cancellation == Cancellation(task_id="abort-1", asked_at=AT, by="Dr Osei", text="She moves house.")
    assert worked.advisor == ADVISOR
