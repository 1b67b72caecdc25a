"""The demo tells a true story: it ends well only when every update arrived once and in order."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.story import Stage, StoryEnded, check


def test_the_demo_ends_well(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo"],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 24 updates of 2 referrals arrived at the EPR once and in order" in done.stdout
    assert "goals-met" in done.stdout
    assert "NOT ACCEPTED" in done.stdout


def update(version: int) -> dict[str, Any]:
    return {"version": version, "status": "received", "business_status": "awaiting-triage", "line": "", "lag_ms": 1}


FINE: dict[str, Any] = {"repeats": 0, "out_of_order": 0, "bad_signature": 0}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (FINE | {"referrals": {"SP-1": [update(1), update(3)]}}, "expected versions 1 to 3"),
        (FINE | {"referrals": {"SP-1": [update(1), update(3), update(2)]}}, "once and in order"),
        (FINE | {"referrals": {"SP-1": [update(1), update(2), update(3)]}, "repeats": 1}, "repeats"),
        (FINE | {"referrals": {"SP-1": [update(n) for n in (1, 2, 3)], "SP-2": [update(1)]}}, "2 referrals"),
    ],
)
def test_it_ends_badly_when_an_update_is_missing_late_twice_or_strange(
    record: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "record", lambda _stage: record)

    with pytest.raises(StoryEnded, match=reason):
        check(Stage("", ""), {"SP-1": 3})


def test_it_ends_well_when_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    record = FINE | {"referrals": {"SP-1": [update(1), update(2), update(3)]}}
    monkeypatch.setattr(Stage, "record", lambda _stage: record)

    check(Stage("", ""), {"SP-1": 3})
