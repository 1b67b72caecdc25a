"""What the gateway asks of a neighbour, whatever it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Phase = Literal["connect", "tls", "send", "answer", "fault", "done"]


@dataclass(frozen=True, slots=True)
class Request:
    """What the sender asked for: the ServiceRequest as it was at this version, the id of the message or the Bundle
    that brought it first (of the HTTP request, when that had none), and where a message wants its answers."""

    service_request: Mapping[str, Any]
    message_id: str
    return_to: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """One version of a referral's Task, on its way to one destination.

    `delivery_id` stays the same through every retry: it is the receiver's idempotency key. `body` is the Task as FHIR
    R4 JSON, byte for byte as stored; `event_type` and `at` say what happened and when. `unsure` says that an attempt
    before this one may have had its effect: look before you write. `previous` is the newest version that the
    destination has taken. `secret` is the destination's Standard Webhooks secret (whsec_...), `options` the rest of
    what is registered for its kind (`gateway.parties.destinations`).

    `referral` (in the shape of `mappings.referral.Referral`) and the sender's `request` are there for adapters that ask
    for them, unless the details of the referral are still awaited. For a Subscription, `event_number` counts its events
    and `focus` is the resource that changed, as stored, when that is not the Task.
    """

    delivery_id: str
    task_id: str
    version: int
    body: bytes
    event_type: str
    at: datetime
    correlation_id: str
    url: str
    secret: str
    options: Mapping[str, Any] = field(default_factory=dict)
    unsure: bool = False
    previous: int | None = None
    referral: Mapping[str, Any] | None = None
    request: Request | None = None
    event_number: int | None = None
    focus: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt went.

    `phase` is how far it got: "connect" and nothing was sent, "tls" and neither was; "send" and part of it was;
    "answer" and all was sent but the answer did not come whole, so that the effect is unknown; "fault" and a success
    by HTTP tells of a failure inside; "done". `answer` is at most 2 KB and holds no patient data. `retry_after` is in
    seconds from now. `gone` says that the destination will never take this. `down` says whether the destination itself
    is in trouble, or only this update was refused; None leaves that to phase and status. `version` is of the
    neighbour's software, when it tells.
    """

    phase: Phase
    milliseconds: int
    status: int | None = None
    answer: str = ""
    delivered: bool = False
    retry_after: float | None = None
    gone: bool = False
    down: bool | None = None
    version: str | None = None


class Adapter(Protocol):
    """One kind of destination. `needs_referral` has the worker read the referral, and the request, for it beside
    the Task."""

    @property
    def needs_referral(self) -> bool: ...

    async def send(self, update: Update) -> Answer:
        """Sends it once. Trouble on the way is an Answer; what it raises is a fault of the adapter."""

    async def close(self) -> None: ...
