"""What each attempt makes of a destination's health."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.health import FAILING_AFTER, LONGEST_PROBE_WAIT, Health, health_after, probe_wait

START = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
WELL = Health("healthy", 0, None, None, None, None, None, None, None, None)


@dataclass(frozen=True)
class Attempt:
    ended_at: datetime = START
    took: float = 0.1
    failure: str | None = None
    blames_destination: bool = False
    leave_alone: float | None = None
    version: str | None = None

    @property
    def at(self) -> datetime:
        return self.ended_at - timedelta(seconds=self.took)


def down(second: float = 0, leave_alone: float | None = None, took: float = 0.1) -> Attempt:
    return Attempt(START + timedelta(seconds=second), took, "no answer (connect)", True, leave_alone)


def up(second: float = 0) -> Attempt:
    return Attempt(START + timedelta(seconds=second))


def refused(second: float = 0) -> Attempt:
    return Attempt(START + timedelta(seconds=second), failure="answered 422")


def test_one_or_two_failures_are_no_outage() -> None:
    health = health_after(WELL, [down(0), down(1)], 0)

    assert (health.state, health.failures, health.failing_since) == ("healthy", 2, START)
    assert health_after(health, [up(2)], 0) == replace(
        WELL, last_success_at=START + timedelta(seconds=2), last_failure_at=START + timedelta(seconds=1),
        last_failure="no answer (connect)",
    )  # fmt: skip


def test_three_in_a_row_are_and_the_next_probe_waits() -> None:
    health = health_after(WELL, [down(0), down(1), down(2)], 1)

    assert (health.state, health.failing_since) == ("failing", START)
    assert health.not_before == START + timedelta(seconds=2 + probe_wait(FAILING_AFTER, 1))


def test_sends_that_failed_together_are_one_failure() -> None:
    together = [down(15 + second / 100, took=15) for second in range(8)]

    assert (health_after(WELL, together, 0).state, health_after(WELL, together, 0).failures) == ("healthy", 1)


@pytest.mark.parametrize("back", [up(9), refused(9)], ids=["it takes one", "it refuses one: it is there"])
def test_it_has_recovered_with_the_first_answer_of_its_own(back: Attempt) -> None:
    failing = health_after(WELL, [down(second) for second in range(5)], 0.5)

    health = health_after(failing, [back], 0.5)

    assert (health.state, health.failures, health.failing_since, health.not_before) == ("healthy", 0, None, None)


def test_an_update_that_is_refused_again_and_again_is_no_outage() -> None:
    assert health_after(WELL, [refused(second) for second in range(10)], 0).state == "healthy"


@pytest.mark.parametrize("state", ["paused", "disabled", "retired"])
def test_what_a_person_decided_stays(state: str) -> None:
    health = health_after(replace(WELL, state=state), [down(0), down(1), down(2), down(3), up(4)], 0)

    assert health.state == state


def test_who_asks_to_be_left_alone_is() -> None:
    assert health_after(WELL, [down(0, leave_alone=600)], 0).not_before == START + timedelta(seconds=600)
    long_wait = health_after(WELL, [down(0), down(1), down(2, leave_alone=600), down(3)], 0)
    assert long_wait.not_before == START + timedelta(seconds=2 + 600)


def test_probes_are_further_and_further_apart_a_minute_at_most() -> None:
    waits = [probe_wait(failures, 1) for failures in range(FAILING_AFTER, FAILING_AFTER + 12)]

    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == waits[-1] == LONGEST_PROBE_WAIT
    assert probe_wait(FAILING_AFTER, 0) == 0.5
