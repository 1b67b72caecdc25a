"""What the platform API answers, as the contract shows it. What it takes is in `gateway.changes`."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from mappings.referral import Advisor, Referral, Shape, Standing
from mappings.vocabularies import CodeOf

ReferralStatus = Annotated[str, CodeOf("referral-status")]

ID = "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"
PERSON: dict[str, Any] = {"given_names": ["Maya"], "family_name": "Testcase", "birth_date": "1984-05-17"}
HUB = {"id": "northdale-wellbeing-hub", "name": "Northdale Wellbeing Hub", "phone": "01632 960100", "response_days": 5}


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class AllowedMove(Shape):
    """Where the referral may go now, and what the request must give or what must have happened: element -> what."""

    model_config = _example(
        to="on-hold", needs={"text": "why it is paused", "review_date": "the day to look again, today or later"}
    )

    to: ReferralStatus
    needs: dict[str, str]


class ReferralView(Standing):
    """A referral as it stands: what was asked (`referral`), what has been done, and what may be done now."""

    model_config = _example(
        id=ID,
        version=4,
        reference="SP-4821-0937-5564",
        sender="XND01",
        status="allocated",
        submitted_at="2026-03-02T09:30:00.000Z",
        updated_at="2026-03-03T08:05:12.345Z",
        hub=HUB,
        advisor={"name": "Priya Nadar", "phone": "01632 960101"},
        contacts=[],
        prescriptions=[],
        measures=[],
        warnings=["No risk is stated. Say 'no known risks' when there is none."],
        referral={
            "route": "epr-api",
            "urgency": "routine",
            "person": PERSON,
            "referrer": {
                "name": "Dr Amara Osei",
                "organisation": {"ods_code": "XND01", "name": "Northdale Mental Health NHS Foundation Trust"},
            },
            "reasons": [{"domain": "financial-and-debt-advice", "label": "Financial and debt advice", "primary": True}],
        },
        allowed_moves=[{"to": "accepted", "needs": {}}],
    )

    sender: str
    person_id: str | None = Field(
        default=None, description="Who it is about: the same in all referrals of one person by one sender."
    )
    referral: Referral
    allowed_moves: list[AllowedMove]


class PersonName(Shape):
    given_names: list[str]
    family_name: str | None = None
    birth_date: str | None = None


class ReferralSummary(Shape):
    """A line of the list."""

    id: str
    version: int
    reference: str
    sender: str
    hub: str
    status: ReferralStatus
    urgency: str
    submitted_at: str
    updated_at: str
    person: PersonName
    person_id: str | None = None
    reasons: list[str]
    advisor: Advisor | None = None


class ReferralPage(Shape):
    """Those longest without a change first. Ask again with the same filters and `cursor` = `next_cursor`, until there
    is none."""

    model_config = _example(
        referrals=[
            {
                "id": ID,
                "version": 1,
                "reference": "SP-4821-0937-5564",
                "sender": "XND01",
                "hub": "northdale-wellbeing-hub",
                "status": "submitted",
                "urgency": "routine",
                "submitted_at": "2026-03-02T09:30:00.000Z",
                "updated_at": "2026-03-02T09:30:00.000Z",
                "person": PERSON,
                "reasons": ["Financial and debt advice"],
            }
        ],
        next_cursor=None,
    )

    referrals: list[ReferralSummary]
    next_cursor: str | None = None


class Actor(Shape):
    client: str
    organisation: str
    role: str
    person: str | None = None


class Event(Shape):
    """One change; `number` is also the version of the referral, and of its Task, that the change made."""

    number: int
    at: str
    type: str
    actor: Actor
    change: dict[str, Any]
    request_id: str
    correlation_id: str


class Events(Shape):
    """The journal of a referral, oldest first."""

    model_config = _example(
        events=[
            {
                "number": 2,
                "at": "2026-03-02T10:00:00.000Z",
                "type": "received",
                "actor": {
                    "client": "demo-platform",
                    "organisation": "XNP01",
                    "role": "platform",
                    "person": "Priya Nadar",
                },
                "change": {"from": "submitted", "to": "received"},
                "request_id": "0b0d7f8e-6f0e-4b7e-9d5c-2f6d0a1c3e55",
                "correlation_id": "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c11",
            }
        ]
    )

    events: list[Event]


class Attempt(Shape):
    number: int
    at: str
    milliseconds: int
    phase: str
    status: int | None = None
    answer: str | None = None


class Delivery(Shape):
    """One event on its way to one destination: due, delivered or dead (out of retries)."""

    id: str
    number: int
    destination: str
    state: str
    due_at: str
    delivered_at: str | None = None
    attempts: list[Attempt]


class Deliveries(Shape):
    """Each event of a referral on its way to each destination."""

    model_config = _example(
        deliveries=[
            {
                "id": "01981f40-0000-7000-8000-000000000001",
                "number": 2,
                "destination": "northdale-rio",
                "state": "delivered",
                "due_at": "2026-03-02T10:00:00.000Z",
                "delivered_at": "2026-03-02T10:00:00.061Z",
                "attempts": [
                    {"number": 1, "at": "2026-03-02T10:00:00.012Z", "milliseconds": 48, "phase": "done", "status": 200}
                ],
            }
        ]
    )

    deliveries: list[Delivery]


class TracedField(Shape):
    """Where one field of the referral came from: the element received, and the row of the map that took it."""

    target: str
    source: str
    row: str
    map: str | None
    version: str | None
    note: str | None


class UnknownCode(Shape):
    """A code that no map knows; its text was kept."""

    expression: str | None = None
    system: str | None = None
    code: str | None = None
    text: str | None = None


class Trace(Shape):
    """Where each field of a referral came from, and what was not understood."""

    model_config = _example(
        fields=[
            {
                "target": "urgency",
                "source": "ServiceRequest.priority",
                "row": "urgency",
                "map": "priority",
                "version": "1.0.0",
                "note": "FHIR's asap is our soon.",
            }
        ],
        unknown=[{"expression": "ServiceRequest.reasonCode[1]", "system": "urn:local", "code": "X9", "text": "Pets"}],
    )

    fields: list[TracedField]
    unknown: list[UnknownCode]
