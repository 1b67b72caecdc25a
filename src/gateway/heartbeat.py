"""How one destination is doing, as people who watch are told it: a colour, and words that say what it means. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Colour = Literal["green", "amber", "red", "grey"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One destination. `version` is of its software, when it tells; ages are in seconds."""

    id: str
    organisation: str
    kind: str
    owner: str
    state: str
    version: str | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None
    undelivered: int
    oldest_undelivered_seconds: float | None
    dead: int


def colour_of(beat: Heartbeat, late_seconds: float) -> tuple[Colour, str]:
    """The colour, and why: the first reason that there is, the worst first."""
    oldest = beat.oldest_undelivered_seconds or 0
    trouble: list[tuple[bool, Colour, str]] = [
        (beat.state == "retired", "grey", "Retired: it is told nothing any more"),
        (beat.state == "disabled", "red", "Given up: nothing is sent until somebody resumes it"),
        (beat.state == "failing", "red", f"Failing: {beat.last_failure or 'no answer'}"),
        (
            beat.state == "error",
            "red",
            f"In error, until its client subscribes again: {beat.last_failure or 'no answer'}",
        ),
        (beat.dead > 0, "red", f"{beat.dead} out of retries, waiting for a person"),
        (beat.state == "paused", "amber", "Paused by a person: updates wait"),
        (beat.state == "requested", "amber", "Asked for: its handshake is still to come"),
        (oldest > late_seconds, "red", f"Behind: the oldest update waits for {in_words(oldest)}"),
        (oldest > late_seconds / 5, "amber", f"Slow: the oldest update waits for {in_words(oldest)}"),
        (beat.last_success_at is None, "amber", "Untried: nothing has been delivered yet"),
    ]
    return next(((colour, words) for holds, colour, words in trouble if holds), ("green", "Well"))


def in_words(seconds: float) -> str:
    """A length of time as people say it: 45 s, 12 min, 5 h, 3 days."""
    for length, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
