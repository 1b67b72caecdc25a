"""What a clinician reads, status by status."""

from typing import Any

import pytest

from mappings.clinician import clinician_line, reply_by, uk_date

HUB = {"id": "h", "name": "Northdale Wellbeing Hub", "phone": "01632 960100", "response_days": 5}
DEBT = {
    "service": "Debt advice appointment",
    "provider": "Northdale Money Advice",
    "status": "started",
    "planned_sessions": 4,
    "sessions": [{"attendance": "attended"}, {"attendance": "did-not-attend"}, {"attendance": "attended-late"}],
}
MET = {"reason": "goals-met", "summary": "Done.", "actions_for_referrer": "Please review her medication"}
SCORES = [
    {"tool": "swemwbs", "stage": "baseline", "at": "2026-02-02", "score": 19.25},
    {"tool": "swemwbs", "stage": "closure", "at": "2026-04-02", "score": 17.98},
]


def tried(*days: str) -> dict[str, Any]:
    return {"contacts": [{"at": day, "outcome": "no-answer"} for day in days]}


@pytest.mark.parametrize(
    ("status", "changed", "line"),
    [
        ("draft", {}, "Not sent. Open it again to finish and send it."),
        (
            "submitted",
            {},
            "Sent to Northdale Wellbeing Hub on 1 July 2026 at 12:30am. Not yet confirmed as received.",
        ),
        ("delivery-failed", {}, "NOT RECEIVED - phone Northdale Wellbeing Hub on 01632 960100."),
        ("received", {}, "Received by Northdale Wellbeing Hub. Reply due by 8 July 2026."),
        (
            "info-requested",
            {"reason": {"code": "info-requested", "text": "Does she have a phone?"}},
            "Question for you from Northdale Wellbeing Hub: Does she have a phone?",
        ),
        ("accepted", {}, "Accepted by Northdale Wellbeing Hub. A Pathways Advisor will be named next."),
        (
            "allocated",
            {"advisor": {"name": "Priya Nadar", "phone": "01632 960101"}},
            "With Priya Nadar, Pathways Advisor at Northdale Wellbeing Hub, 01632 960101.",
        ),
        ("allocated", {}, "With a Pathways Advisor at Northdale Wellbeing Hub."),
        (
            "contacting",
            tried("2026-07-02", "2026-07-03"),
            "2 of 3 attempts to contact the person, no answer yet. Last tried on 3 July 2026.",
        ),
        (
            "contacting",
            tried("2026-07-02", "2026-07-03", "2026-07-06", "2026-07-07"),
            "4 attempts to contact the person, no answer yet. Last tried on 7 July 2026.",
        ),
        ("contacting", {}, "Trying to contact the person."),
        (
            "contacting",
            {"contacts": [{"at": "2026-07-06", "outcome": "cancelled-by-person"}]},
            "Trying to contact the person. The person cancelled on 6 July 2026.",
        ),
        (
            "contacting",
            {"contacts": [*tried("2026-07-02")["contacts"], {"at": "2026-07-06", "outcome": "cancelled-by-us"}]},
            "Trying to contact the person: 1 of 3 attempts so far. The hub cancelled on 6 July 2026.",
        ),
        (
            "contacting",
            {"contacts": [{"at": "2026-07-02", "outcome": "too-unwell"}, *tried("2026-07-06")["contacts"]]},
            "1 of 3 attempts to contact the person, no answer yet. Last tried on 6 July 2026.",
        ),
        (
            "engaged",
            {"contacts": [{"at": "2026-07-02", "outcome": "no-answer"}, {"at": "2026-07-06", "outcome": "spoke"}]},
            "In contact with the person since 6 July 2026.",
        ),
        (
            "in-support",
            {"prescriptions": [DEBT]},
            "Support under way: Debt advice appointment with Northdale Money Advice, started, "
            "2 of 4 sessions attended.",
        ),
        (
            "in-support",
            {"prescriptions": [{**DEBT, "status": "entered-in-error"}]},
            "In support, but there is no current social prescription.",
        ),
        (
            "in-support",
            {"prescriptions": [{**DEBT, "planned_sessions": 1}]},
            "Support under way: Debt advice appointment with Northdale Money Advice, started, "
            "2 sessions attended (1 planned).",
        ),
        (
            "in-support",
            {"prescriptions": [{**DEBT, "planned_sessions": None, "sessions": [{"attendance": "attended"}]}]},
            "Support under way: Debt advice appointment with Northdale Money Advice, started, 1 session attended.",
        ),
        (
            "on-hold",
            {"reason": {"code": "on-hold", "text": "In hospital"}, "review_date": "2026-08-03"},
            "Paused: In hospital. To be reviewed on 3 August 2026.",
        ),
        (
            "not-accepted",
            {
                "reason": {"code": "at-capacity", "text": "We are full."},
                "alternative": "Phone Eastmere on 01632 960200",
            },
            "NOT ACCEPTED: We are full. What to do instead: Phone Eastmere on 01632 960200.",
        ),
        ("withdrawn", {"reason": {"code": "w", "text": "Sent twice"}}, "Withdrawn on 10 July 2026: Sent twice."),
        (
            "transferred",
            {"reason": {"code": "t", "text": "Now with Eastmere Wellbeing Hub"}},
            "Moved to another hub on 10 July 2026: Now with Eastmere Wellbeing Hub.",
        ),
        (
            "closed-completed",
            {"closure": MET, "measures": SCORES},
            "Completed on 10 July 2026: goals met. SWEMWBS 19.25 to 17.98 (-1.27). "
            "For you: Please review her medication.",
        ),
        (
            "closed-declined",
            {"closure": {**MET, "reason": "declined-later", "actions_for_referrer": "No action needed."}},
            "The person declined on 10 July 2026. For you: No action needed.",
        ),
        (
            "closed-unable-to-contact",
            {
                "contacts": [
                    *tried("2026-07-02", "2026-07-03", "2026-07-06")["contacts"],
                    {"at": "2026-07-07", "outcome": "cancelled-by-us"},
                ]
            },
            "Could not reach the person after 3 attempts. Closed on 10 July 2026.",
        ),
        (
            "closed-disengaged",
            {"closed_at": "2026-07-08T12:00:00.000Z"},  # a follow-up measure came two days later
            "The person stopped taking part. Closed on 8 July 2026.",
        ),
        (
            "closed-other",
            {"closure": {**MET, "reason": "moved-away"}},
            "Closed on 10 July 2026: Moved away. For you: Please review her medication.",
        ),
        ("entered-in-error", {}, "Entered in error. Do not use."),
    ],
)
def test_the_line(status: str, changed: dict[str, Any], line: str) -> None:
    standing = {
        "status": status,
        "hub": HUB,
        "submitted_at": "2026-06-30T23:30:00.000Z",  # already July in British Summer Time
        "updated_at": "2026-07-10T12:00:00.000Z",
        **changed,
    }
    assert clinician_line(standing) == line


@pytest.mark.parametrize(
    ("sent", "days", "due"),
    [
        ("2026-01-30T17:45:00Z", 5, "6 February 2026"),  # a Friday
        ("2026-01-31T09:00:00Z", 1, "2 February 2026"),  # a Saturday
        ("2026-02-02T09:00:00Z", 0, "2 February 2026"),
    ],
)
def test_a_reply_is_due_in_working_days(sent: str, days: int, due: str) -> None:
    assert reply_by({"submitted_at": sent, "hub": {"response_days": days}}) == due


def test_dates_are_uk_dates() -> None:
    assert uk_date("2026-03-29T00:30:00Z") == "29 March 2026"
    assert uk_date("2026-07-31T23:30:00.000Z") == "1 August 2026"
    assert uk_date("2026-07-31") == "31 July 2026"
