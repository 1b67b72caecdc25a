"""What the operators' door takes and answers, as the contract shows it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.changes import Moment, Name
from gateway.heartbeat import Colour
from gateway.platform.models import Attempt
from mappings.referral import Shape

DeliveryState = Literal["due", "delivered", "dead", "dropped"]
DestinationState = Literal["healthy", "failing", "paused", "disabled", "retired", "requested", "error"]


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Transition(Asked):
    model_config = _example(to="paused", reason="The EPR is being upgraded until 6 pm.")

    to: Literal["paused", "healthy", "disabled", "retired"]
    reason: Name = Field(description="Why, for whoever asks later. Name nobody.")


class ReplaySince(Asked):
    model_config = _example(since="2026-03-02T09:00:00Z")

    since: Moment | None = Field(
        default=None,
        description="Also what the destination was told at this time or later, as after its restore from a backup; "
        "with a time zone. Without it: only what is out of retries.",
    )
    after: str = Field(
        default="", pattern="^[0-9a-f-]{0,36}$", description="The `last` of the answer before, to go on from."
    )


class WatchedDelivery(Shape):
    """One change on its way to one destination.

    due, delivered, dead (out of retries) or dropped (its destination was retired). `number` is the version of the
    referral; `attempts` has something only where one delivery is read.
    """

    id: str
    organisation: str
    referral_id: str
    reference: str | None = None
    number: int
    event: str
    changed_at: str
    destination: str
    owner: str
    state: DeliveryState
    due_at: str
    delivered_at: str | None = None
    attempts_made: int
    last_failure: str | None = None
    attempts: list[Attempt]


class DeliveryPage(Shape):
    """By sender, the oldest first. Ask again with `cursor` = `next_cursor` until there is none."""

    deliveries: list[WatchedDelivery]
    next_cursor: str | None = None


class WatchedDestination(Shape):
    """How a destination is doing: a colour, and words that say what it means. Ages are in seconds."""

    id: str
    organisation: str
    kind: str
    owner: str
    state: DestinationState
    colour: Colour
    words: str
    version: str | None = None
    last_success_at: str | None = None
    last_failure_at: str | None = None
    last_failure: str | None = None
    undelivered: int
    oldest_undelivered_seconds: float | None = None
    dead: int


class Destinations(Shape):
    """All destinations, those retired last."""

    destinations: list[WatchedDestination]


class Moved(Shape):
    """The state of a destination now: failing, when it was resumed and has still to show that it is well."""

    id: str
    state: DestinationState


class Replayed(Shape):
    """How many deliveries are due again; `remaining` are still to be: ask again with `after` = `last` until it is
    null."""

    replayed: int
    remaining: int
    last: str | None = None
