"""Targets that cannot be judged, or should not be trusted: the command says why, and how it went by its exit code."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from tests.certificates import certificate
from tests.serving import serving
from typer.testing import CliRunner, Result

from gateway.__main__ import app as command

Json = dict[str, Any]

ONE = """
role: gateway
title: One test
about: For the tests of the runner.
tests:
  - id: GWY-01
    title: It answers
    clause: { source: ours, rule: none }
    patients: None.
    mend: Answer.
    steps:
      - send: { path: metadata }
        expect: { status: 200, that: ["resourceType = 'CapabilityStatement'"] }
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "suite.yaml"
    file.write_text(ONE)
    return file


def run(suite: Path, target: str, *more: str, charset: str = "utf-8") -> Result:
    arguments = ["contract", "run", "--role", "gateway", "--target", target, "--suite", str(suite)]
    return CliRunner(charset=charset).invoke(command, [*arguments, "--report", str(suite.parent / "report"), *more])


async def run_beside(suite: Path, target: str, *more: str, charset: str = "utf-8") -> Result:
    return await asyncio.to_thread(run, suite, target, *more, charset=charset)


def answering(status: int, body: bytes, times: int = 1, **headers: str) -> Any:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        for left in reversed(range(times)):
            await send({"type": "http.response.body", "body": body, "more_body": left > 0})

    return app


async def test_one_that_answers_as_it_should_passes(suite: Path) -> None:
    async with serving(answering(200, b'{"resourceType": "CapabilityStatement"}')) as url:
        result = await run_beside(suite, url)
    assert result.exit_code == 0, result.output
    assert "1 passed, 0 failed, 0 left out" in result.output


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (answering(302, b"", location="https://elsewhere.example"), "it was 302. Redirects are not followed."),
        (answering(200, b"\x00\xff\xfe binary"), "Expected JSON; the answer is none."),
        (answering(200, b"[" * 100_000), "Expected JSON; the answer is none."),
        (answering(200, b" " * 1_000_000, times=1000), "was not read to its end"),  # a gigabyte
        (answering(200, b'{"resourceType": "Patient"}'), "There is Patient."),
        (answering(500, b""), "Expected status 200; it was 500."),
    ],
)
async def test_one_that_answers_wrongly_fails(app: Any, told: str, suite: Path) -> None:
    async with serving(app) as url:
        result = await run_beside(suite, url)
    assert result.exit_code == 1, result.output
    assert told in " ".join(result.output.split())


def test_nobody_there(suite: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        result = run(suite, f"http://127.0.0.1:{free.getsockname()[1]}")
    assert result.exit_code == 2
    assert "Could not run" in result.output
    assert "nothing answers at that address" in result.output


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections, and never says a word."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen()
        yield f"http://127.0.0.1:{line.getsockname()[1]}"


def test_one_that_hangs(silent: str, suite: Path) -> None:
    config = suite.with_name("config.yaml")
    config.write_text("seconds: 0.5")
    result = run(suite, silent, "--config", str(config))
    assert result.exit_code == 2
    assert "no whole answer came in time" in result.output


async def test_a_certificate_that_nobody_signed_who_is_trusted(suite: Path, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "target")
    app = answering(200, b'{"resourceType": "CapabilityStatement"}')
    async with serving(app, ssl_certfile=pem, ssl_keyfile=key) as url:
        https = url.replace("http:", "https:")
        refused = await run_beside(suite, https)
        config = suite.with_name("config.yaml")
        config.write_text(json.dumps({"authority": str(pem)}))
        trusted = await run_beside(suite, https, "--config", str(config))
    assert refused.exit_code == 2
    assert "certificate" in refused.output
    assert trusted.exit_code == 0, trusted.output


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("http://gateway.example/FHIR/R4", "must start with https://"),
        ("https://user:word@gateway.example", "must not carry a user name or password"),
        ("gateway", "names no host"),
        ("https://gateway.example/?a=1", "must end with its path"),
    ],
)
def test_no_address(target: str, told: str, suite: Path) -> None:
    result = run(suite, target)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
