"""One referral as its page shows it: what is in it, and what is not."""

from datetime import date
from typing import Any

import pytest
from tests.view.examples import DEBT, MET, REFERRAL, event, standing

from mappings.clinician import LINES
from mappings.view import progress_note, view_of
from mappings.view.chart import CAVEAT, chart_of
from mappings.view.referral import REFUSED, SENSITIVE

TODAY = date(2026, 7, 3)
AT = "2026-07-03T09:42:00.000Z"
SCORES = [
    {"tool": "swemwbs", "stage": "closure", "at": "2026-09-02T09:00:00Z", "raw": 25, "score": 22.35},
    {"tool": "swemwbs", "stage": "baseline", "at": "2026-07-02T09:00:00Z", "raw": 21, "score": 19.25},
]


@pytest.mark.parametrize("status", LINES)
def test_each_status_makes_a_view_and_a_note(status: str) -> None:
    view = view_of(standing(status), REFERRAL, [], TODAY)

    assert view.line
    assert view.next
    assert view.state == ("mistake" if status == "entered-in-error" else "open" if view.takes_messages else "ended")
    assert f"Status: {view.status_words}. {view.line}" in progress_note(view, AT)


def test_a_prescription_is_a_card_in_words() -> None:
    [card] = view_of(standing("in-support", prescriptions=[DEBT]), REFERRAL, [], TODAY).supports

    assert (card.service, card.provider, card.status, card.tag) == (
        "Debt advice appointment",
        "Northdale Money Advice",
        "Started",
        "green",
    )
    assert (card.sessions, card.missed, card.last_session) == ("2 of 4 attended", 1, "22 July 2026")
    assert (card.goal, card.issued) == ("A repayment plan", "6 July 2026")


@pytest.mark.parametrize(
    ("changed", "sessions"),
    [
        ({"planned_sessions": None}, "2 attended"),
        ({"planned_sessions": 1}, "2 attended, 1 planned"),
        ({"planned_sessions": None, "sessions": []}, "None recorded"),
        ({"sessions": []}, "0 of 4 attended"),
    ],
)
def test_sessions_are_counted_against_what_was_planned(changed: dict[str, Any], sessions: str) -> None:
    [card] = view_of(standing("in-support", prescriptions=[DEBT | changed]), REFERRAL, [], TODAY).supports

    assert card.sessions == sessions


def test_a_prescription_entered_in_error_is_not_shown() -> None:
    wrong = DEBT | {"status": "entered-in-error"}

    assert view_of(standing("in-support", prescriptions=[wrong]), REFERRAL, [], TODAY).supports == []


def test_the_chart_goes_by_time_and_its_words_say_the_change() -> None:
    chart = chart_of(SCORES)

    assert chart
    assert [one.score for one in chart.points] == ["19.25", "22.35"]
    assert chart.points[0].x < chart.points[1].x
    assert chart.points[0].y > chart.points[1].y
    assert chart.title == "SWEMWBS from 19.25 on 2 July 2026 to 22.35 on 2 September 2026 (+3.10)."
    assert chart.count == "2 measurements"
    assert "1 to 3 points" in CAVEAT


def test_one_measurement_shows_no_change_and_none_no_chart() -> None:
    chart = chart_of(SCORES[:1])

    assert chart
    assert chart.title.endswith("One measurement shows no change.")
    assert chart_of([]) is None
    assert chart_of([{**SCORES[0], "tool": "other"}]) is None


def test_scores_stay_inside_the_drawing() -> None:
    chart = chart_of([{**SCORES[0], "score": 7.0}, {**SCORES[1], "score": 35.0}])

    assert chart
    assert {one.y for one in chart.points} == {22, 140}


def test_actions_for_the_clinician_and_none_in_words() -> None:
    closing = view_of(standing("closed-completed", closure=MET), REFERRAL, [], TODAY).closing
    assert closing
    assert (closing.actions, closing.needs_action) == ("Please review her medication", True)

    nothing = MET | {"actions_for_referrer": "no action needed."}
    closing = view_of(standing("closed-completed", closure=nothing), REFERRAL, [], TODAY).closing
    assert closing
    assert (closing.actions, closing.needs_action) == ("No action needed", False)


def test_messages_go_both_ways_the_newest_first() -> None:
    messages = [
        {"at": "2026-07-02T10:00:00.000Z", "by": "Dr Osei", "text": "Yes.", "answers": "A phone?"},
        {"at": "2026-07-02T11:00:00.000Z", "by": "Dr Osei", "text": "No!", "in_error": True},
    ]
    asked = event("info-requested", {"to": "info-requested", "text": "A phone?"})
    words = view_of(standing("received", messages=messages), REFERRAL, [asked], TODAY).words

    assert [(one.text, one.from_hub, one.in_error) for one in words] == [
        ("No!", False, True),
        ("Yes.", False, False),
        ("A phone?", True, False),
    ]


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (None, "The hub has not answered yet."),
        ("agreed", "The referral was cancelled (4 July 2026): Done."),
        ("declined", "The hub declined (4 July 2026): Done."),
        ("overtaken", "had come to its end before this was answered (4 July 2026): Done."),
        ("taken-back", "This is no longer asked (4 July 2026): Done."),
    ],
)
def test_a_request_to_cancel_says_how_it_stands(decision: str | None, words: str) -> None:
    asked = {"asked_at": "2026-07-03", "by": "Dr Osei", "text": "She moved.", "decision": decision}
    answer = {"answered_at": "2026-07-04", "answer": "Done."} if decision else {}
    view = view_of(standing("engaged", cancellation=asked | answer), REFERRAL, [], TODAY)

    assert view.cancellation
    assert view.cancellation.startswith("Dr Osei asked to cancel on 3 July 2026: She moved.")
    assert view.cancellation.endswith(words)


@pytest.mark.parametrize(
    ("changed", "referral", "sensitive", "why"),
    [
        ({"consent_refused_at": "2026-07-02"}, {}, False, REFUSED),
        ({}, {"consent": {"decision": "deny"}}, False, REFUSED),
        ({}, {"person": {"sensitive": True}}, False, SENSITIVE),
        ({}, {}, True, SENSITIVE),
    ],
)
def test_what_privacy_forbids_is_not_in_it(changed: Any, referral: Any, sensitive: bool, why: str) -> None:
    full = standing(
        "closed-completed",
        prescriptions=[DEBT],
        measures=SCORES,
        closure=MET,
        messages=[{"at": AT, "by": "Dr Osei", "text": "Secret"}],
        **changed,
    )
    events = [event("prescription", {"prescription": DEBT})]
    view = view_of(full, REFERRAL | referral, events, TODAY, sensitive=sensitive)

    assert view.hidden == why
    assert (view.reference, view.hub_phone, view.status_words) == ("SP-4821-0937-5564", "01632 960100", "Ended")
    for secret in ("Debt", "Money", "medication", "Secret", "19.25", "plan"):
        assert secret not in f"{view}{progress_note(view, AT)}"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("delivery-failed", "NOT RECEIVED - phone Northdale Wellbeing Hub on 01632 960100."),
        ("info-requested", "The hub has a question for you: phone Northdale Wellbeing Hub on 01632 960100."),
        ("engaged", "With Northdale Wellbeing Hub since 1 July 2026. For more, phone Northdale Wellbeing Hub on"),
        ("withdrawn", "Ended on 2 July 2026. For more, phone Northdale Wellbeing Hub on 01632 960100."),
        ("entered-in-error", "Entered in error. Do not use."),
    ],
)
def test_what_must_be_acted_on_is_said_even_then(status: str, line: str) -> None:
    reason = {"code": status, "text": "Secret question"}
    view = view_of(standing(status, reason=reason), REFERRAL, [], TODAY, sensitive=True)

    assert view.line.startswith(line)
    assert "Secret" not in str(view)


def test_the_progress_note_is_dated_and_names_its_source() -> None:
    full = standing("closed-completed", prescriptions=[DEBT], measures=SCORES, closure=MET)

    assert progress_note(view_of(full, REFERRAL, [], TODAY), AT).splitlines() == [
        "Social prescribing, 3 July 2026",
        "Reference: SP-4821-0937-5564. Sent to Northdale Wellbeing Hub on 1 July 2026.",
        "Status: Closed: completed. Completed on 2 July 2026: goals met. SWEMWBS 19.25 to 22.35 (+3.10). "
        "For you: Please review her medication.",
        "Actions for the clinician: Please review her medication",
        "Support: Debt advice appointment with Northdale Money Advice: started. Sessions: 2 of 4 attended.",
        "  Goal: A repayment plan",
        "Outcome: SWEMWBS from 19.25 on 2 July 2026 to 22.35 on 2 September 2026 (+3.10). Scores alone do not show "
        "that support caused a change.",
        "Summary of the hub: Debts are in a plan.",
        "Source: social prescribing gateway, as at 10:42 on 3 July 2026, version 3.",
    ]
