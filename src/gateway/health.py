"""How a destination is doing, and what each attempt makes of that. Pure.

healthy: it is called, several at a time. failing: some attempts in a row met trouble of its own; one delivery at a
time tries whether it is back, after longer and longer waits (half-open), so that an outage of hours ends without a
storm. paused: a person said so. disabled: it failed for days, or a person gave it up; nothing is sent, nothing lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

FAILING_AFTER = 3  # failures in a row of the destination itself
LONGEST_PROBE_WAIT = 60.0  # seconds: so long after it is back, at most, deliveries go on


class Sign(Protocol):
    """What an attempt says of its destination."""

    @property
    def at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def blames_destination(self) -> bool: ...
    @property
    def leave_alone(self) -> float | None: ...
    @property
    def version(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Health:
    """The columns of table `destination` that tell of this."""

    state: str
    failures: int
    failing_since: datetime | None
    not_before: datetime | None
    probing_until: datetime | None
    alerted_at: datetime | None
    version: str | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None


def health_after(health: Health, signs: Iterable[Sign], chance: float) -> Health:
    """The health after attempts, in the order they are given; `chance` (0 to 1) is the jitter of the next probe."""
    for sign in signs:
        health = _after(health, sign, chance)
    return health


def _after(health: Health, sign: Sign, chance: float) -> Health:
    at = sign.ended_at
    if sign.version:
        health = replace(health, version=sign.version)
    if sign.failure and sign.blames_destination:
        # Sends that were under way together and failed together are one failure.
        failures = health.failures + (not health.failures or sign.at >= (health.last_failure_at or sign.at))
        health = replace(health, failures=failures, failing_since=health.failing_since or at, probing_until=None)
        if health.state in {"healthy", "failing"} and failures >= FAILING_AFTER:
            waits_until = at + timedelta(seconds=probe_wait(failures, chance))
            health = replace(health, state="failing", not_before=max(waits_until, health.not_before or waits_until))
    else:  # it took it, or refused this one: it is there
        health = replace(health, failures=0, failing_since=None)
        if health.state == "failing":
            health = replace(health, state="healthy", not_before=None, probing_until=None)
    if sign.leave_alone:
        asked = at + timedelta(seconds=sign.leave_alone)
        health = replace(health, not_before=max(asked, health.not_before or asked))
    if sign.failure:
        return replace(health, last_failure_at=max(at, health.last_failure_at or at), last_failure=sign.failure)
    return replace(health, last_success_at=at)


def probe_wait(failures: int, chance: float) -> float:
    """Seconds until a failing destination is tried again: doubling, half of it jitter, a minute at most."""
    whole = min(LONGEST_PROBE_WAIT, 2.0 ** min(failures - FAILING_AFTER, 10))
    return whole / 2 + chance * whole / 2
