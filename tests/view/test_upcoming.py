"""What happens next, who does it and by when, status by status."""

from datetime import date
from typing import Any

import pytest
from tests.view.examples import MET, PRIYA, standing

from mappings.clinician import LINES
from mappings.view.upcoming import NEXT, next_step, says_nothing_to_do

TODAY = date(2026, 7, 3)
HUB_NAME, YOU = "Northdale Wellbeing Hub", "You"
NOTHING_MORE = "Nothing more. To start again, send a new referral."
ENDED = "Nobody: this referral has ended"
PROMISED = "By 8 July 2026"


@pytest.mark.parametrize(
    ("status", "changed", "what", "who", "when"),
    [
        ("draft", {}, "Finish the referral and send it", YOU, "Now"),
        ("submitted", {}, "Confirms that it has the referral, and decides", HUB_NAME, PROMISED),
        (
            "delivery-failed",
            {},
            "Nobody at the hub has this referral: phone Northdale Wellbeing Hub on 01632 960100",
            YOU,
            "Now",
        ),
        ("received", {}, "Decides whether it can help", HUB_NAME, PROMISED),
        ("info-requested", {}, "Answer the hub's question. Until then nothing goes on.", YOU, "Now"),
        ("accepted", {}, "Names a Pathways Advisor, who contacts the person", HUB_NAME, PROMISED),
        (
            "allocated",
            {"advisor": PRIYA},
            "Contacts the person for the first time",
            f"Priya Nadar, {HUB_NAME}",
            PROMISED,
        ),
        (
            "contacting",
            {"contacts": [{"at": "2026-07-02", "outcome": "no-answer"}]},
            "Tries again to reach the person",
            HUB_NAME,
            "No day is set",
        ),
        ("contacting", {}, "Reaches the person", HUB_NAME, "No day is set"),
        (
            "engaged",
            {"contacts": [{"at": "2026-07-02", "outcome": "spoke"}]},
            "Agrees with the person what would help. They first spoke on 2 July 2026.",
            HUB_NAME,
            "No day is set",
        ),
        ("in-support", {}, "Goes on with the support below, and looks at what it changes", HUB_NAME, "No day is set"),
        ("on-hold", {"review_date": "2026-08-03"}, "Looks at it again", HUB_NAME, "By 3 August 2026"),
        ("on-hold", {"review_date": "2026-07-02"}, "Looks at it again", HUB_NAME, "Was due by 2 July 2026: overdue"),
        ("not-accepted", {"alternative": "Refer to Eastmere."}, "Refer to Eastmere.", YOU, "Now"),
        ("not-accepted", {"hub": {"name": "A hub"}}, "Ask what to do instead: phone A hub", YOU, "Now"),
        ("withdrawn", {}, NOTHING_MORE, ENDED, "No day is set"),
        ("transferred", {}, NOTHING_MORE, ENDED, "No day is set"),
        ("closed-completed", {"closure": MET}, "Please review her medication", YOU, "Now"),
        (
            "closed-declined",
            {"closure": MET | {"actions_for_referrer": "No action needed."}},
            NOTHING_MORE,
            ENDED,
            "No day is set",
        ),
        ("closed-unable-to-contact", {}, NOTHING_MORE, ENDED, "No day is set"),
        ("closed-disengaged", {}, NOTHING_MORE, ENDED, "No day is set"),
        ("closed-other", {}, NOTHING_MORE, ENDED, "No day is set"),
        ("entered-in-error", {}, "Nothing. Do not use this referral.", "Nobody: it was a mistake", "No day is set"),
    ],
)
def test_each_status_says_what_comes_next(status: str, changed: dict[str, Any], what: str, who: str, when: str) -> None:
    step = next_step(standing(status, **changed), TODAY)

    assert (step.what, step.who, step.when) == (what, who, when)


def test_there_is_a_next_step_for_each_status_that_has_a_line() -> None:
    assert NEXT.keys() == LINES.keys()


def test_a_day_that_has_passed_is_overdue_the_day_itself_is_not() -> None:
    assert not next_step(standing("received"), date(2026, 7, 8)).overdue
    assert next_step(standing("received"), date(2026, 7, 9)).when == "Was due by 8 July 2026: overdue"


def test_a_request_to_cancel_is_answered_first() -> None:
    asked = {"asked_at": "2026-07-02", "by": "Dr Osei", "text": "She moved."}

    assert next_step(standing("engaged", cancellation=asked), TODAY).what == "Answers your request to cancel"
    assert next_step(standing("withdrawn", cancellation=asked), TODAY).what == NOTHING_MORE


@pytest.mark.parametrize(
    ("words", "nothing"),
    [
        ("No action needed", True),
        (" no action needed. ", True),
        ("No action needed, but please phone her", False),
        ("None of the letters arrived: send them again", False),
        ("Please review her medication", False),
    ],
)
def test_only_plain_words_for_nothing_are_taken_as_nothing_to_do(words: str, nothing: bool) -> None:
    assert says_nothing_to_do(words) is nothing
