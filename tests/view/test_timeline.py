"""The journal in plain words: each type of event, and one that nobody knows."""

from typing import Any

import pytest
from tests.view.examples import DEBT, MET, PRIYA, event, standing

from mappings.translate import vocabulary
from mappings.view.timeline import WORDS, timeline

NOW = "2026-07-02T09:00:00.000Z"
MESSAGE = {"at": NOW, "by": "Dr Osei", "text": "She has a phone."}
DEBT_TOLD = {name: DEBT[name] for name in ("kind", "service", "provider", "goal")}
SERVICE = "Debt advice appointment with Northdale Money Advice"


@pytest.mark.parametrize(
    ("type_", "change", "what", "said", "then"),
    [
        ("submitted", {"to": "submitted"}, "Sent the referral to Northdale Wellbeing Hub", None, "The hub confirms"),
        ("received", {"to": "received"}, "Received the referral", None, "The hub decides whether it can help."),
        (
            "info-requested",
            {"to": "info-requested", "text": "A phone?"},
            "Asked you a question",
            "A phone?",
            "You answer",
        ),
        (
            "answered",
            {"from": "info-requested", "to": "received"},
            "Answered the question",
            "She has a phone.",
            "The hub",
        ),
        ("information-added", {}, "Sent a message to Northdale", "She has a phone.", "The hub reads it."),
        ("information-withdrawn", {"communication": "c"}, "Took back a message", None, None),
        ("accepted", {"to": "accepted"}, "Accepted the referral", None, "A Pathways Advisor is named."),
        (
            "allocated",
            {"to": "allocated", "advisor": PRIYA},
            "Priya Nadar is the Pathways Advisor",
            None,
            "The Pathways",
        ),
        ("contacting", {"to": "contacting"}, "Began to contact the person", None, "The Pathways Advisor tries again."),
        (
            "contact",
            {"contact": {"mechanism": "telephone", "outcome": "no-answer"}, "to": "contacting"},
            "Tried to reach the person: no answer (telephone)",
            None,
            "The Pathways Advisor tries again.",
        ),
        (
            "contact",
            {"contact": {"mechanism": "home-visit", "outcome": "too-unwell", "at": "2026-07-01T09:00:00Z"}},
            "The person was too unwell (home visit, 1 July 2026)",
            None,
            None,
        ),
        ("engaged", {"to": "engaged"}, "Is in contact with the person", None, "The person and the advisor agree"),
        ("in-support", {"to": "in-support"}, "Support goes on", None, "The support goes on."),
        (
            "prescription",
            {"prescription": DEBT_TOLD},
            f"Prescribed {SERVICE}",
            "Goal: A repayment plan",
            "The provider",
        ),
        (
            "prescription",
            {"prescription": DEBT_TOLD | {"kind": "signpost", "goal": ""}, "to": "in-support"},
            f"Gave the name and contact details of {SERVICE}",
            None,
            "The support goes on.",
        ),
        (
            "prescription-move",
            {"prescription_id": "p1", "prescription-move": {"to": "at-capacity", "text": "Full until May."}},
            f"{SERVICE}: provider at capacity",
            "Full until May.",
            "The hub waits for a place",
        ),
        (
            "session",
            {"prescription_id": "p1", "session": {"attendance": "did-not-attend"}},
            f"{SERVICE}: did not come to the session",
            None,
            None,
        ),
        (
            "measure",
            {"measure": {"tool": "swemwbs", "stage": "baseline", "items": [3, 3, 3, 3, 3, 3, 3]}},
            "SWEMWBS taken (at the start): 19.25",
            None,
            None,
        ),
        (
            "on-hold",
            {"to": "on-hold", "text": "In hospital", "review_date": "2026-08-03"},
            "Paused the support",
            "In hospital",
            "The hub looks at it again on 3 August 2026.",
        ),
        (
            "not-accepted",
            {"to": "not-accepted", "reason": "outside-area", "alternative": "Ask Eastmere."},
            "Did not accept the referral",
            "Outside the area\nWhat to do instead: Ask Eastmere.",
            "You do what is suggested instead.",
        ),
        ("withdrawn", {"to": "withdrawn", "text": "A mistake"}, "Withdrew the referral", "A mistake", "Nothing more"),
        (
            "withdrawn",
            {"cancellation": {"decision": "agreed"}, "to": "withdrawn"},
            "Agreed to cancel, as you asked",
            None,
            "Nothing more",
        ),
        (
            "cancellation-requested",
            {"task": "t"},
            "Asked to cancel the referral",
            None,
            "The hub answers your request.",
        ),
        (
            "cancellation-declined",
            {"cancellation": {"decision": "declined", "text": "She wants to go on."}},
            "Declined to cancel",
            "She wants to go on.",
            None,
        ),
        ("cancellation-taken-back", {"task": "t"}, "No longer asks to cancel", None, None),
        ("transferred", {"to": "transferred"}, "Moved the referral to another hub", None, "Nothing more"),
        (
            "closed-completed",
            {"to": "closed-completed", "closure": MET},
            "Closed the referral: goals met",
            "For you: Please review her medication\nDebts are in a plan.",
            "You do what the hub asks for.",
        ),
        (
            "closed-declined",
            {"to": "closed-declined", "closure": MET | {"actions_for_referrer": "No action needed."}},
            "Closed the referral: goals met",
            "For you: No action needed.\nDebts are in a plan.",
            "Nothing more",
        ),
        (
            "amended",
            {"fields": ["person.phones", "risks", "person.phones"]},
            "Changed the referral: phone numbers, risks",
            None,
            None,
        ),
        ("consent-changed", {"fields": []}, "Consent was refused or withdrawn", None, None),
        (
            "entered-in-error",
            {"to": "entered-in-error"},
            "Marked the referral as entered in error",
            None,
            "Nothing more",
        ),
        (
            "delivery-failed",
            {"undelivered": []},
            "NOT RECEIVED: the latest could not be handed to",
            None,
            "It is tried",
        ),
        ("delivery-recovered", {"undelivered": []}, "Northdale Wellbeing Hub has received everything now", None, None),
        (
            "record-behind",
            {"undelivered": []},
            "The record system has not received the latest",
            None,
            "It is sent again",
        ),
        ("record-caught-up", {"undelivered": []}, "The record system has received everything now", None, None),
        ("details-awaited", {"to": "details-awaited"}, "The details are awaited from your record system", None, None),
        ("details-not-received", {}, "The details could not be had from your record system", None, None),
        ("details-refused", {}, "The details could not be taken; nothing was sent", None, None),
        ("withdrawn-by-referrer", {}, "Withdrawn before it was sent", None, None),
        ("moon-landing", {"text": "One step."}, "Recorded: moon landing", "One step.", None),
    ],
)
def test_each_event_says_what_was_done_and_what_was_to_come(
    type_: str, change: dict[str, Any], what: str, said: str | None, then: str | None
) -> None:
    [entry] = timeline(
        [event(type_, change)], standing("received", prescriptions=[DEBT], messages=[MESSAGE]), "Dr Osei"
    )

    assert entry.what.startswith(what)
    assert entry.said == said
    assert (entry.then or "").startswith(then or "")
    assert (entry.then is None) == (then is None)


def test_each_status_has_words_and_each_close_says_why() -> None:
    assert vocabulary("referral-status").displays.keys() - {"draft"} <= WORDS.keys()


@pytest.mark.parametrize(
    ("role", "person", "who"),
    [
        ("platform", "Priya Nadar", "Priya Nadar, Northdale Wellbeing Hub"),
        ("platform", None, "Northdale Wellbeing Hub"),
        ("epr", "Sam Lee", "Sam Lee"),
        ("epr", None, "Dr Amara Osei"),
        ("system", None, "The gateway"),
    ],
)
def test_it_says_who(role: str, person: str | None, who: str) -> None:
    [entry] = timeline([event("received", {}, role, person)], standing("received"), "Dr Amara Osei")

    assert entry.who == who


def test_the_newest_stands_first_and_consent_that_is_given_again_says_so() -> None:
    told = timeline([event("submitted"), event("consent-changed"), event("consent-changed")], standing("received"), "X")

    assert [one.what.split(":")[0] for one in told] == [
        "Consent was given again",
        "Consent was refused or withdrawn",
        "Sent the referral to Northdale Wellbeing Hub",
    ]
