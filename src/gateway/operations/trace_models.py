"""What the traces' door takes and answers, as the contract shows it."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from gateway.changes import Name
from gateway.operations.models import Asked, DeliveryState
from gateway.platform.models import Attempt, TracedField, UnknownCode
from mappings.referral import Shape

Tone = Literal["green", "amber", "red", "grey"]


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Identified(Asked):
    model_config = _example(identifier="https://fhir.nhs.uk/Id/nhs-number|9990001014")

    identifier: Name = Field(description="`system|value`, or a value of whatever system.")


class Unmasking(Asked):
    model_config = _example(reason="The EPR says that the address we hold is another.")

    reason: Name = Field(description="Why, in 10 to 200 characters, for whoever asks later. Name nobody.")


class FoundTrace(Shape):
    """A request (with action and outcome), or a referral (with its status); `key` leads to its trace."""

    key: str
    at: str
    organisation: str
    client: str | None = None
    action: str | None = None
    outcome: int | None = None
    reference: str | None = None
    status: str | None = None
    correlation_id: str


class TracePage(Shape):
    """The newest first. Ask again with `cursor` = `next_cursor` until there is none."""

    traces: list[FoundTrace]
    next_cursor: str | None = None


class TracedReferral(Shape):
    id: str
    reference: str
    organisation: str
    hub: str
    status: str
    task_status: str
    urgency: str
    version: int
    correlation_id: str
    submitted_at: str
    updated_at: str


class Finding(Shape):
    """What a check found: in the request of which time (none: noted with the referral), at which element, and against
    which rule of the profile, where it is one of these."""

    at: str | None = None
    severity: str
    code: str | None = None
    element: str | None = None
    text: str
    rule: str | None = None


class TracedRequest(Shape):
    """A request as the audit has it. Of one that was refused nothing else is kept: `findings` say why."""

    at: str
    client: str
    organisation: str
    role: str
    action: str
    target: str | None = None
    request_id: str
    correlation_id: str
    outcome: int
    findings: list[Finding]


class ReceivedBody(Shape):
    """What came in, and what was answered. `body` is None for one of more than 256,000 characters; `raw` is the body
    byte for byte, when nothing is hidden."""

    at: str
    client: str
    organisation: str
    action: str | None = None
    request_id: str
    correlation_id: str
    status: int
    characters: int
    body: Any = None
    raw: str | None = None
    answer: Any = None


class MappedField(TracedField):
    value: Any = None


class StoredResource(Shape):
    type: str
    id: str
    version: int
    method: str
    updated_at: str
    content: Any = None


class TracedStored(Shape):
    """What is held now: the referral in the social-prescribing shape, and the newest version of each resource."""

    referral: dict[str, Any] | None = None
    resources: list[StoredResource]


class TracedEvent(Shape):
    number: int
    at: str
    type: str
    actor: dict[str, Any]
    change: Any = None
    request_id: str
    correlation_id: str


class TracedDelivery(Shape):
    id: str
    number: int
    event: str
    destination: str
    kind: str
    owner: str
    state: DeliveryState
    due_at: str
    created_at: str
    delivered_at: str | None = None
    last_failure: str | None = None
    attempts: list[Attempt]


class Stands(Shape):
    tone: Tone
    words: str


class Step(Stands):
    step: Literal["received", "requests", "findings", "fields", "stored", "deliveries"]
    title: str


class WholeTrace(Shape):
    """All that is kept of a referral, or of a conversation that made none, as it happened.

    Masked, a value that came from a person's record is replaced by what kind of value it is, such as
    `[hidden: 10 digits]`. `received` has the first request and the newest; `received_left_out` are not among them.
    `more_deliveries`: there are newer ones than those shown. `others` are the referrals of a conversation about
    several.
    """

    key: str
    masked: bool
    stands: Stands
    way: list[Step]
    referral: TracedReferral | None = None
    others: list[TracedReferral]
    requests: list[TracedRequest]
    received: list[ReceivedBody]
    received_left_out: int
    findings: list[Finding]
    fields: list[MappedField]
    unknown: list[UnknownCode]
    stored: TracedStored
    events: list[TracedEvent]
    more_deliveries: bool
    deliveries: list[TracedDelivery]
