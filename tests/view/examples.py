"""A standing and a referral as dicts, to be changed by an example."""

from typing import Any

Json = dict[str, Any]

HUB = {"id": "h", "name": "Northdale Wellbeing Hub", "phone": "01632 960100", "response_days": 5}
DEBT = {
    "id": "p1",
    "kind": "supported-referral",
    "categories": ["debt-advice"],
    "service": "Debt advice appointment",
    "provider": "Northdale Money Advice",
    "goal": "A repayment plan",
    "status": "started",
    "planned_sessions": 4,
    "issued_at": "2026-07-06T09:00:00.000Z",
    "sessions": [
        {"at": "2026-07-08T09:00:00.000Z", "attendance": "attended"},
        {"at": "2026-07-15T09:00:00.000Z", "attendance": "did-not-attend"},
        {"at": "2026-07-22T09:00:00.000Z", "attendance": "attended-late"},
    ],
}
PRIYA = {"name": "Priya Nadar", "phone": "01632 960101"}
MET = {"reason": "goals-met", "summary": "Debts are in a plan.", "actions_for_referrer": "Please review her medication"}
REFERRAL: Json = {
    "route": "epr-api",
    "urgency": "routine",
    "person": {"family_name": "Harrow"},
    "referrer": {"name": "Dr Amara Osei", "organisation": {"name": "Northdale Trust"}},
    "reasons": [{"label": "Debt", "primary": True}],
    "consent": {"decision": "permit"},
}


def standing(status: str, **changed: Any) -> Json:
    """Sent on Tuesday 30 June 2026, in the UK already 1 July."""
    return {
        "id": "r1",
        "version": 3,
        "reference": "SP-4821-0937-5564",
        "status": status,
        "submitted_at": "2026-06-30T23:30:00.000Z",
        "updated_at": "2026-07-02T09:00:00.000Z",
        "hub": HUB,
    } | changed


def event(type_: str, change: Json | None = None, role: str = "platform", person: str | None = "Priya Nadar") -> Json:
    actor = {"client": "c", "organisation": "o", "role": role, "person": person}
    return {"type": type_, "at": "2026-07-02T09:00:00.000Z", "actor": actor, "change": change or {}}
