"""The command line of a sandbox, from joining to the end of a course; exit codes as everywhere."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sandbox.engineer import NOTHING, Engineer, Sandbox, reference_of
from typer.testing import CliRunner, Result

from gateway.__main__ import app
from gateway.sandbox.parties import CLIENTS, new_key, public_half

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, list(words))


def _said(result: Result) -> list[str]:
    """What the command says; the sandbox, which runs in this process too, logs to the same place."""
    logged = re.compile(r'\{"|.* \[(info|warning) ')  # as JSON, where another test has set that up
    return [line for line in result.stdout.splitlines() if not logged.match(line)]


def test_join_trigger_and_clock(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    joined = run("sandbox", "join", "--url", sandbox.url, "--name", "Ann")
    assert joined.exit_code == 0, joined.output
    told = json.loads((tmp_path / "var/my-sandbox/sandbox.json").read_text())
    assert "private_keys" not in told  # they were made here, and never left
    keys = {one: json.loads((tmp_path / f"var/my-sandbox/keys/{one}.json").read_text()) for one in CLIENTS}
    ann = Engineer(sandbox, told, keys)
    reference = reference_of(ann.refer(NOTHING))
    token = run("token", "--client", "sandbox-epr", "--url", told["base_url"], "--keys", "var/my-sandbox/keys")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", _said(token)[0])
    moved = run("trigger", "allocated", "--referral", reference)
    assert moved.exit_code == 0
    assert _said(moved) == [
        "submitted -> received",
        "received -> accepted",
        "accepted -> allocated",
        f"{reference} is allocated.",
    ]
    assert _said(run("trigger", "allocated", "--referral", reference)) == [f"{reference} is allocated already."]
    refused = run("trigger", "transferred", "--referral", reference)
    assert (refused.exit_code, refused.stderr) == (1, "No move leads from allocated to transferred.\n")
    assert run("trigger", "nonsense", "--referral", reference).exit_code == 2
    assert run("trigger", "accepted", "--referral", "SP-1").exit_code == 2
    assert run("sandbox", "clock", "P3D").exit_code == 0
    wrong = run("sandbox", "clock", "P9999Y")
    assert (wrong.exit_code, "ISO 8601" in wrong.stderr) == (2, True)
    assert "Maya" in run("sandbox", "scenarios", "--url", sandbox.url).output
    assert run("sandbox", "reset").exit_code == 0
    again = run("sandbox", "join", "--url", sandbox.url)
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)


def test_the_commands_that_are_shown_are_those_that_work(run: Run, sandbox: Sandbox) -> None:
    shown = run("sandbox", "join", "--url", sandbox.url, "--folder", "else where").output
    assert "--folder 'else where'" in shown
    token = re.search(r"\$\((gateway token .*)\)", shown)
    assert token
    script = shown[shown.index("curl") : shown.index("  3.")]
    command = token[1].replace("gateway", f"{sys.executable} -m gateway", 1)
    source = Path(__file__).parents[2] / "src"
    told = subprocess.run(
        ["bash", "-c", f"TOKEN=$({command})\n{script}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    assert json.loads(told.stdout)["type"] == "transaction-response"


def test_joining_with_keys_of_ones_own(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"keys": [public_half(new_key())]}))
    assert run("sandbox", "join", "--url", sandbox.url, "--jwks", "mine.json").exit_code == 0
    assert not (tmp_path / "var/my-sandbox/keys").exists()
    (tmp_path / "private.json").write_text(json.dumps({"keys": [new_key()]}))
    wrong = run("sandbox", "join", "--url", sandbox.url, "--jwks", "private.json", "--folder", "other")
    assert (wrong.exit_code, "this is a private key" in wrong.stderr) == (2, True)
    assert run("sandbox", "join", "--url", sandbox.url, "--jwks", "absent.json", "--folder", "other").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ["sandbox", "join", "--url", "http://127.0.0.1:9"],
        ["sandbox", "join", "--url", "http://example.org"],
        ["sandbox", "join", "--url", "nonsense"],
        ["sandbox", "reset"],
        ["trigger", "accepted", "--referral", "SP-1"],
        ["listen", "--forward-to", "http://127.0.0.1:9"],
        ["sandbox", "--host", "example.org"],
        ["sandbox", "--host", "192.0.2.1"],
        ["sandbox", "--base-url", "sandbox.example"],
        ["sandbox", "--folder", "/proc/nowhere", "--port", "0"],
    ],
)
def test_what_cannot_run_says_so(run: Run, words: list[str]) -> None:
    ended = run(*words)
    assert ended.exit_code == 2, ended.output
    assert len(ended.stderr.strip()) > 20
    assert "Traceback" not in ended.output


def test_a_sandbox_serves_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "sandbox", "--port", "0", "--folder", str(tmp_path / "tenants")]
    source = Path(__file__).parents[2] / "src"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(source)}
    ) as process:
        try:
            assert process.stdout
            said = ""
            while "Stop with" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            assert "SYNTHETIC PEOPLE ONLY" in said
            found = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert found
            with urllib.request.urlopen(f"{found[0]}/sandbox/scenarios", timeout=60) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
