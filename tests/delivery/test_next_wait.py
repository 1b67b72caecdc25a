"""When a failed attempt is tried again."""

import pytest

from adapters.ports import Answer
from gateway.delivery import next_wait

SCHEDULE = (1, 5, 60)


def wait(attempt: int, chance: float = 1, **answer: float | bool) -> float | None:
    return next_wait(attempt, Answer("done", 1, 503, **answer), SCHEDULE, chance)  # type: ignore[arg-type]


@pytest.mark.parametrize(("attempt", "expected"), [(1, 1), (2, 5), (3, 60)])
def test_each_attempt_waits_up_to_its_place_in_the_schedule(attempt: int, expected: float) -> None:
    assert wait(attempt) == expected
    assert wait(attempt, chance=0.5) == expected / 2
    assert wait(attempt, chance=0) == 0


def test_after_the_last_retry_there_is_none() -> None:
    assert wait(4) is None


def test_gone_is_not_tried_again() -> None:
    assert wait(1, gone=True) is None


def test_retry_after_is_waited_out_before_the_jitter() -> None:
    assert wait(1, chance=0, retry_after=30.0) == 30
    assert wait(1, chance=0.5, retry_after=30.0) == 30.5


def test_no_neighbour_can_ask_for_more_than_the_longest_wait() -> None:
    assert wait(1, chance=0, retry_after=10_000_000.0) == 60
