"""Counterparts on real ports, healthy ones and broken ones, and the runner in front of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from starlette.types import ASGIApp

from gateway.contract.config import Config
from gateway.contract.results import Report, Teller
from gateway.contract.running import run_suite
from gateway.contract.suite import Role, suite_of


@dataclass(frozen=True)
class Broken:
    """A counterpart with one thing wrong. `app` puts the fault around a healthy one; `caught_by` has the ids of all
    tests that fail for it, in the suite's order."""

    wrong: str
    caught_by: tuple[str, ...]
    app: Callable[[ASGIApp], ASGIApp]


read_once = cache(suite_of)  # reading takes longer than running
QUIET = Teller(lambda _test: None, lambda _result: None, lambda _say: None, lambda _url: None)


async def prove(role: Role, target: str | None, config: Config, *only: str, cues: str | None = None) -> Report:
    return await run_suite(read_once(role), target, config, QUIET, only, cues=cues)


def failed(report: Report) -> list[str]:
    return [one.test.id for one in report.results if one.verdict == "fail"]


def told(report: Report) -> str:
    """Why what failed failed: for the message of an assertion."""
    return "\n".join(f"{one.test.id} step {one.step}: {one.failures}" for one in report.results if one.failures)
