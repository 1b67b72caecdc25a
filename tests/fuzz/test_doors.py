"""Valid requests of every door, spoilt at random: none gives a 5xx, a hang, or a half-stored referral.

A few hundred by default, the same each time. `make fuzz` sends many more, others each time, and tells the figures.
"""

import asyncio
import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from tests.app import start
from tests.fuzz.attack import Attack, Spoiling, begin, spoilings

CASES = int(os.environ.get("GATEWAY_FUZZ_CASES", "0"))
NIGHTLY = CASES > 0
SHARE = max(CASES * 3 // 8, 1) if NIGHTLY else 110  # for each database; the contract's requests have the rest


def test_spoilt_requests_are_refused_whole_and_with_reasons(database_url: str, tmp_path: Path) -> None:
    with asyncio.Runner() as loop:
        gateway = loop.run(start(database_url, tmp_path, max_body_bytes=400_000, token_seconds=86_400))
        attack = loop.run(begin(gateway))

        @settings(
            max_examples=SHARE,
            derandomize=not NIGHTLY,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(spoilings)
        def strike(spoiling: Spoiling) -> None:
            loop.run(attack.strike(spoiling))
            if NIGHTLY and sum(attack.statuses.values()) % 500 == 0:
                say(attack)

        strike()
        loop.run(gateway.stop())
    if NIGHTLY:
        say(attack)
    assert attack.troubles == {}, "\n\n".join(f"{trouble}\n  {text}" for trouble, (_, text) in attack.troubles.items())
    assert attack.statuses[200]  # some got through ...
    assert attack.statuses[422]  # ... and some were judged


def say(attack: Attack) -> None:
    engine = attack.gateway.store.engine.dialect.name
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(attack.statuses.items()))
    slowest = f"{attack.slowest[0]:.2f} s, {attack.slowest[1]}"
    sent, troubles = sum(attack.statuses.values()), len(attack.troubles)
    line = f"fuzz on {engine}: {sent} of {SHARE} sent, {troubles} troubles; {statuses}; slowest {slowest}"
    print(line, file=sys.stderr, flush=True)
