"""What comes of a run: the result of each test, and all of them together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.contract.config import Config
from gateway.contract.exchange import Exchange
from gateway.contract.masking import Mask
from gateway.contract.suite import Suite, Test

Verdict = Literal["pass", "fail", "skip"]


@dataclass
class Result:
    """What came of one test. `failures` are sentences; `step` counts from 1; `exchanges` is what went over the wire."""

    test: Test
    verdict: Verdict = "pass"
    failures: list[str] = field(default_factory=list)
    step: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    milliseconds: int = 0


@dataclass
class Report:
    """`cut_short` says why the run ended before its end, and is empty where it did not. `mask` knows the secrets that
    the exchanges still hold; sentences hold none."""

    suite: Suite
    target: str
    began: str
    results: list[Result] = field(default_factory=list)
    cut_short: str = ""
    mask: Mask = field(default_factory=lambda: Mask(Config()))

    def count(self, verdict: Verdict) -> int:
        return sum(one.verdict == verdict for one in self.results)


@dataclass(frozen=True)
class Teller:
    """What whoever looks on is told while it runs."""

    began: Callable[[Test], None]
    ended: Callable[[Result], None]
    cue: Callable[[str], None]
    listening: Callable[[str], None]  # the address at which the runner is the gateway
