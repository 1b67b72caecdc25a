"""What the gateway asks of a neighbour, whatever it speaks."""

from dataclasses import dataclass
from typing import Literal, Protocol

Phase = Literal["connect", "send", "answer", "done"]


@dataclass(frozen=True, slots=True)
class TaskUpdate:
    """One version of a referral's Task, on its way to one destination.

    `delivery_id` stays the same through every retry: it is the receiver's idempotency key. `body` is the Task as FHIR
    R4 JSON and is sent byte for byte. `secret` is the destination's Standard Webhooks secret (whsec_...).
    """

    delivery_id: str
    task_id: str
    version: int
    body: bytes
    correlation_id: str
    request_id: str
    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt went.

    `phase` is how far it got: "connect" and nothing was sent; "send" and part of it was; "answer" and all was sent but
    the answer did not come whole, so that the effect is unknown; "done". `answer` is at most 2 KB and holds no patient
    data. `retry_after` is in seconds from now. `gone` says that the destination will never take this.
    """

    phase: Phase
    milliseconds: int
    status: int | None = None
    answer: str = ""
    delivered: bool = False
    retry_after: float | None = None
    gone: bool = False


class EprAdapter(Protocol):
    async def send_task(self, update: TaskUpdate) -> Answer:
        """Sends it once. Trouble on the way is an Answer; what it raises is a fault of the adapter."""

    async def close(self) -> None: ...
