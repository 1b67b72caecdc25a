"""Runs that do not come to their end: what was found out stands, and the exit code says whether it was enough."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from fhir.resources.R4B.testreport import TestReport as FhirTestReport
from tests.contract_runner.stage import QUIET
from tests.contract_runner.test_targets import ONE, answering, run_beside
from tests.serving import serving
from typer.testing import CliRunner

from gateway.__main__ import app as command
from gateway.contract import running
from gateway.contract.config import Config
from gateway.contract.running import Runner, run_suite
from gateway.contract.suite import read_suite

BODY = ONE[ONE.index("  - id: GWY-01") :]
SECOND = BODY.replace("GWY-01", "GWY-02")
FINE = answering(200, b'{"resourceType": "CapabilityStatement"}')
WRONG = answering(500, b"")


@pytest.mark.parametrize(("app", "code", "result"), [(FINE, 2, "pending"), (WRONG, 1, "fail")])
async def test_what_was_found_out_stands(app: Any, code: int, result: str, tmp_path: Path) -> None:
    """The second test needs a client that the configuration does not have."""
    suite = tmp_path / "suite.yaml"
    suite.write_text(ONE + SECOND.replace("{ path: metadata }", "{ path: metadata, as: nobody-known }"))
    async with serving(app) as url:
        ran = await run_beside(suite, url)
    assert ran.exit_code == code, ran.output
    assert "The run was cut short, and no more is known. GWY-02: The configuration has no client" in ran.output
    assert f"{int(code == 2)} passed, {int(code == 1)} failed" in ran.output
    report = tmp_path / "report"
    assert "The run was cut short" in (report / "report.html").read_text()
    junit = ElementTree.fromstring((report / "report.xml").read_text())[0]
    assert (junit.get("tests"), junit.get("errors")) == ("2", "1")
    (error,) = junit.iter("error")
    assert "nobody-known" in error.get("message", "")
    resource = json.loads((report / "testreport.json").read_text())
    FhirTestReport.model_validate(resource)
    assert (resource["status"], resource["result"], len(resource["test"])) == ("stopped", result, 1)


@pytest.mark.parametrize("at", ["GWY-01", "GWY-02"])
async def test_what_nobody_foresaw_is_no_traceback(at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(ONE + SECOND)
    rightly: Callable[[Runner, Any], Awaitable[Any]] = Runner.run

    async def stumble(runner: Runner, test: Any) -> Any:
        if test.id == at:
            raise ZeroDivisionError("of all things\n")
        return await rightly(runner, test)

    monkeypatch.setattr(Runner, "run", stumble)
    async with serving(FINE) as url:
        ran = await run_beside(suite, url)
    assert ran.exit_code == 2
    assert "the runner itself failed, please report it: ZeroDivisionError: of all things (test_cut" in ran.output
    assert "Traceback" not in ran.output
    assert ("1 passed" in ran.output) == (at == "GWY-02")


async def test_what_was_found_out_before_an_interruption_stands(tmp_path: Path) -> None:
    """Ctrl-C cancels what runs."""
    suite = tmp_path / "suite.yaml"
    suite.write_text(ONE + BODY[: BODY.index("      - send")].replace("01", "02") + "      - wait: 60\n")
    waits = asyncio.Event()
    teller = replace(QUIET, began=lambda test: waits.set() if test.id == "GWY-02" else None)
    async with serving(FINE) as url:
        going = asyncio.create_task(run_suite(read_suite(suite), url, Config(), teller))
        await waits.wait()
        going.cancel()
        report = await going
    assert [one.verdict for one in report.results] == ["pass"]
    assert report.cut_short == "GWY-02: interrupted before its end."


async def test_what_nobody_foresaw_outside_a_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: Any) -> None:
        raise RecursionError("too far")

    monkeypatch.setattr(running, "_bases", stumble)
    suite = tmp_path / "suite.yaml"
    suite.write_text(ONE)
    ran = await run_beside(suite, "http://127.0.0.1:9")
    assert ran.exit_code == 2
    assert "Could not run: the runner itself failed, please report it: RecursionError: too far" in ran.output


async def test_a_folder_that_cannot_be_written_is_found_before_the_run(tmp_path: Path) -> None:
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await FINE(scope, receive, send)

    suite = tmp_path / "suite.yaml"
    suite.write_text(ONE)
    (tmp_path / "a-file").write_text("")
    (tmp_path / "taken" / "report.html").mkdir(parents=True)
    async with serving(app) as url:
        for folder in ("a-file", "a-file/inside", "taken"):
            ran = await run_beside(suite, url, "--report", str(tmp_path / folder))
            assert ran.exit_code == 2, folder
            assert "Could not run: the report cannot be written to" in ran.output
    assert asked == []


async def test_an_error_of_the_system_elsewhere_is_not_the_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running, "_bases", stumble)
    suite = tmp_path / "suite.yaml"
    suite.write_text(ONE)
    ran = await run_beside(suite, "http://127.0.0.1:9")
    assert ran.exit_code == 2
    assert "No space left on device" in ran.output
    assert "cannot be written" not in ran.output


def test_nothing_ran(tmp_path: Path) -> None:
    """All is left out: pending, as FHIR has it, and not passed."""
    suite = tmp_path / "suite.yaml"
    text = ONE.replace("gateway", "epr-sender").replace("    steps:", "    needs: [secret]\n    steps:")
    suite.write_text(text.replace("send: { path: metadata }", "await: { method: GET, path: x }"))
    arguments = ["--role", "epr-sender", "--listen", "127.0.0.1:0", "--suite", str(suite)]
    ran = CliRunner().invoke(command, ["contract", "run", *arguments, "--report", str(tmp_path / "report")])
    assert ran.exit_code == 2
    resource = json.loads((tmp_path / "report" / "testreport.json").read_text())
    FhirTestReport.model_validate(resource)
    assert resource["result"] == "pending"
