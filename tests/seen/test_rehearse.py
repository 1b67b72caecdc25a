"""A synthetic referral goes the real way round: real processes, a real EPR, and what is left of it afterwards."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.parties import private_key
from gateway.demo.story import Stage, running, send
from gateway.security import fetch_token


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The demo's gateway, worker and mock RiO, in processes of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var/demo").mkdir(parents=True)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "sqlite+aiosqlite:///var/demo/gateway.db")
    with running() as stage:
        yield stage


def rehearse(stage: Stage, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "gateway", "rehearse", "--client", "demo-epr", "--url", stage.gateway]
    return subprocess.Popen(
        [*command, "--keys", "var/demo/keys", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def status(stage: Stage) -> Any:
    token = fetch_token(stage.gateway, "demo-operator", private_key("demo-operator", Path("var/demo/keys")))
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return send("GET", f"{stage.gateway}/_status", headers=headers)["rehearsal"]


def test_it_goes_round_is_taken_back_and_its_age_is_told(stage: Stage) -> None:
    process = rehearse(stage)
    told, trouble = process.communicate(timeout=90)

    assert (process.returncode, told) == (0, "The rehearsal went all the way round.\n"), trouble
    (updates,) = stage.record()["referrals"].values()
    assert [update["business_status"] for update in updates] == ["sent-awaiting-receipt", "entered-in-error"]
    shown = status(stage)
    assert (shown["failure"], shown["age_seconds"] < 60, 0 < shown["milliseconds"] < 60_000) == (None, True, True)
    listed = stage.call("demo-platform", "GET", "/platform/v1/referrals")["referrals"]
    assert [(one["person"]["family_name"], one["status"]) for one in listed] == [("REHEARSAL", "entered-in-error")]
    view = stage.call("demo-platform", "GET", f"/platform/v1/referrals/{listed[0]['id']}")
    assert "REHEARSAL - not a person. Do nothing" in json.dumps(view["referral"])
    task = stage.call("demo-epr", "GET", f"/FHIR/R4/Task/{listed[0]['id']}")
    assert [label["code"] for label in task["meta"]["security"]] == ["HTEST"]


def test_an_epr_that_takes_nothing_is_told_and_the_referral_taken_back(stage: Stage) -> None:
    send("POST", f"{stage.rio}/faults", {"fail_next": 1000, "status": 503}, {"Content-Type": "application/json"})
    process = rehearse(stage, "--patience", "1.5")
    _, trouble = process.communicate(timeout=90)

    assert process.returncode == 1
    assert "northdale-rio: version 1 was not delivered within 1.5 s (answered 503)" in trouble
    assert status(stage)["failure"] == "version 1 was not delivered within 1.5 s (answered 503)"
    assert statuses(stage) == ["entered-in-error"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_taken_back_when_it_is_interrupted(stage: Stage, number: int) -> None:
    send("POST", f"{stage.rio}/faults", {"fail_next": 1000, "status": 503}, {"Content-Type": "application/json"})
    process = rehearse(stage)
    until = time.monotonic() + 30
    while not statuses(stage):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert statuses(stage) == ["entered-in-error"]


def test_who_is_not_registered_is_told_so(stage: Stage) -> None:
    process = rehearse(stage, "--client", "nobody")
    _, trouble = process.communicate(timeout=60)

    assert (process.returncode, "no client nobody is registered" in trouble) == (1, True)


def statuses(stage: Stage) -> list[str]:
    return [one["status"] for one in stage.call("demo-platform", "GET", "/platform/v1/referrals")["referrals"]]
