"""The shapes on the social-prescribing side: Elemental-style, because no public Elemental API exists.

Content follows the Social Prescribing Information Standard v1.1 (PRSB / NHS England). The translation produces and
reads plain dicts in these shapes; the models describe them for the platform API and hold them to account in tests.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict

from mappings.vocabularies import CodeOf


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identifier(Shape):
    system: str
    value: str


class Address(Shape):
    lines: list[str] = []
    city: str | None = None
    postcode: str | None = None


class Telephone(Shape):
    value: str
    use: str | None = None
    preference: int | None = None


class Practice(Shape):
    ods_code: str | None = None
    name: str | None = None


class ContactPerson(Shape):
    """Next of kin, carer or emergency contact."""

    name: str | None = None
    relationship: str | None = None
    phone: str | None = None


class Person(Shape):
    family_name: str | None = None
    given_names: list[str] = []
    preferred_name: str | None = None
    birth_date: str | None = None
    nhs_number: str | None = None
    nhs_number_status: str | None = None
    local_identifiers: list[Identifier] = []
    gender: str | None = None
    ethnicity: str | None = None
    language: str | None = None
    interpreter_needed: bool | None = None
    address: Address | None = None
    phones: list[Telephone] = []
    emails: list[str] = []
    preferred_contact: str | None = None
    contacts: list[ContactPerson] = []
    gp_practice: Practice | None = None
    deceased: str | None = None
    sensitive: bool = False


class Organisation(Shape):
    ods_code: str | None = None
    name: str | None = None


class Referrer(Shape):
    name: str | None = None
    role: str | None = None
    team: str | None = None
    organisation: Organisation
    phone: str | None = None
    email: str | None = None


class Reason(Shape):
    """One referral reason; `domain` is one of the 24, or None when the code sent is not in the map (text is kept)."""

    domain: str | None = None
    label: str
    primary: bool = False
    text: str | None = None


class Category(Shape):
    """What the request is filed under: a kind of request or one of the 24 domains, or the sender's words alone."""

    code: str | None = None
    label: str


class Risk(Shape):
    type: str | None = None
    text: str


class Consent(Shape):
    scope: str | None = None
    decision: Literal["permit", "deny", "not-asked"]
    given_at: str | None = None
    basis: str | None = None


class SafeContact(Shape):
    """How the person can be reached safely, as they told the referrer; codes of leave-message and contact-method."""

    phone: str | None = None
    leave_message: Annotated[str, CodeOf("leave-message")] | None = None
    times: str | None = None
    method: Annotated[str, CodeOf("contact-method")] | None = None


class SharedDocument(Shape):
    """Something sent along that is no risk, goal or consent, in words; `type` is a FHIR resource type."""

    type: str | None = None
    text: str


class Referral(Shape):
    """What the clinician asked for, in the words of the social-prescribing side, as last amended by the referrer."""

    route: Literal["epr-api", "epr-message", "epr-hl7v2", "epr-launch"]
    urgency: Literal["routine", "soon", "urgent"]
    submitted_at: str | None = None
    person: Person
    referrer: Referrer
    return_response_to: str | None = None
    reasons: list[Reason]
    categories: list[Category] = []
    contact_prohibited: bool = False  # the referrer asks not to contact the person directly
    order_details: list[str] = []
    presenting_text: str | None = None
    what_matters: str | None = None
    risks: list[Risk] = []
    consent: Consent | None = None
    safe_contact: SafeContact | None = None
    communication_needs: str | None = None
    shared_documents: list[SharedDocument] = []
    requested_hub: str | None = None


class Contact(Shape):
    at: str
    mechanism: str
    outcome: str
    by: str
    note: str | None = None


class Session(Shape):
    at: str
    attendance: str


class Prescription(Shape):
    id: str
    kind: str
    categories: list[str]
    provider: str
    service: str
    goal: str | None = None
    status: str
    status_reason: str | None = None
    planned_sessions: int | None = None
    issued_at: str
    sessions: list[Session] = []


class Measure(Shape):
    tool: str
    stage: str
    at: str
    raw: int
    score: float


class Hub(Shape):
    id: str
    name: str
    phone: str | None = None
    response_days: int = 5


class Advisor(Shape):
    name: str
    phone: str | None = None


class StatedReason(Shape):
    """Why a referral was not accepted, paused, withdrawn or closed: a code of the vocabulary, and words."""

    code: str
    text: str


class Closure(Shape):
    reason: str
    summary: str
    actions_for_referrer: str  # never blank: "No action needed" is said in words (PRSB: plan and requested actions)


class Message(Shape):
    """What the referrer told the hub after the referral; `answers` is the question that it answers."""

    at: str
    by: str
    text: str
    answers: str | None = None
    communication_id: str | None = None  # None: it was said in the Task itself
    in_error: bool = False  # the referrer took it back: do not use


class FieldChanged(Shape):
    """A field of the referral that was amended, by its path (person.phones), with both values in words."""

    field: str
    before: str | None = None
    after: str | None = None


class Amendment(Shape):
    at: str
    by: str
    fields: list[FieldChanged]


class Cancellation(Shape):
    """The referrer asks to cancel after work began; no decision: nobody has answered yet. `overtaken`: the referral
    came to its end before, `taken-back`: the referrer no longer asks."""

    task_id: str  # of the abort Task
    asked_at: str
    by: str
    text: str
    decision: Literal["agreed", "declined", "overtaken", "taken-back"] | None = None
    answered_at: str | None = None
    answer: str | None = None


class Undelivered(Shape):
    """Who has not had the latest, since when: the hub, or the record system of the organisation that refers."""

    to: Literal["hub", "record"]
    since: str


class Standing(Shape):
    """Where a referral stands now: all that a Task, the platform API or a page needs to show it."""

    id: str
    version: int
    reference: str
    status: str
    submitted_at: str
    updated_at: str
    hub: Hub
    advisor: Advisor | None = None
    reason: StatedReason | None = None
    alternative: str | None = None  # what to do instead, when not accepted
    review_date: str | None = None  # when on hold
    resumes_as: str | None = None  # when on hold: the status it comes back to
    contacts: list[Contact] = []
    prescriptions: list[Prescription] = []
    measures: list[Measure] = []
    closure: Closure | None = None
    closed_at: str | None = None  # when it came to its end; what is recorded later does not move it
    warnings: list[str] = []  # what the checks noticed, on receipt and at each amendment
    messages: list[Message] = []
    amendments: list[Amendment] = []
    cancellation: Cancellation | None = None  # the last one that was asked for
    consent_refused_at: str | None = None  # when the sender said so; until the person agrees again
    undelivered: list[Undelivered] = []  # who has been without the latest for too long
