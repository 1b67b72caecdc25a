"""Expressions that would never end on an answer: given up, and told as a failure of the test."""

import signal
import time

import pytest

from gateway.contract import limits
from gateway.contract.exchange import Exchange
from gateway.contract.judging import judge
from gateway.contract.suite import Expect

SLOW = "(a+)+b"
LONG = "a" * 40
ANSWER = Exchange("GET", "http://127.0.0.1", {"x": LONG}, b"", "done", 200, {"x": LONG}, b'{"x": "%s"}' % LONG.encode())


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        (Expect(text=[SLOW]), "The answer, as it came, could not be searched for (a+)+b"),
        (Expect(header={"X": SLOW}), "The answer's header X could not be held against (a+)+b"),
        (Expect(sent_header={"X": SLOW}), "The request's header X could not be held against (a+)+b"),
        (Expect(that=[f"x.matches('^{SLOW}$')"]), "cannot be carried out"),
    ],
)
def test_it_is_given_up(expect: Expect, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    before, began = signal.getsignal(signal.SIGALRM), time.perf_counter()
    (failure,) = judge(expect, ANSWER, {})
    assert time.perf_counter() - began < 60
    assert told in failure
    assert "took longer than 0.2 seconds and was given up" in failure
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_what_ends_is_not_disturbed() -> None:
    assert judge(Expect(text=['a+"}$'], header={"X": "a*"}, that=["x.length() = 40"]), ANSWER, {}) == []
