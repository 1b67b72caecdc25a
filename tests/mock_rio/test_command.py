"""`gateway mock-rio` as an integration engineer runs it: a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.mock_rio.rio import FOLDER, SECRET, Rio

from gateway.demo.story import free_port

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(port: int) -> Iterator[Start]:
    """Starts the mock on the port and waits until it answers."""
    running = []

    def run(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gateway", "mock-rio", "--port", str(port), *options]
        running.append(subprocess.Popen(command, env=os.environ | {"MOCK_RIO_SECRET": SECRET}))
        for _ in range(400):
            try:
                httpx.get(f"http://127.0.0.1:{port}/record", trust_env=False)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return running[-1]
        raise AssertionError("it did not come up within 20 s")

    yield run
    for process in running:
        process.kill()
        process.wait()


async def test_what_was_answered_survives_a_kill(
    start: Start, port: int, tmp_path: Path, note: dict[str, object]
) -> None:
    process = start("--store", str(tmp_path / "rio.db"))
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        rio = Rio(f"http://127.0.0.1:{port}", client)
        await rio.authenticate()
        for _ in range(20):
            await rio.call("AddProgressNote", **note)
    process.send_signal(signal.SIGKILL)
    process.wait()

    start("--store", str(tmp_path / "rio.db"))

    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        rio = Rio(f"http://127.0.0.1:{port}", client, token=rio.token)
        assert await rio.refused("GetTeams") == "SESSION_EXPIRED"  # sessions do not survive
        await rio.authenticate()
        assert len(await rio.effects()) == len((await rio.chart())["notes"]) == 20


def test_it_runs_with_the_example_of_faults(start: Start, port: int) -> None:
    start("--faults", str(FOLDER / "faults.example.yaml"), "--session-seconds", "5")

    assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("--faults", "rules: [{operations: any, fault: gremlins}]", "rules[0]: fault: must be one of"),
        ("--jwks", "[]", "must be a JWKS"),
        ("--app-keys", "[]", "must be a JWKS"),
        ("--signing-key", "{}", "must be a private JWK"),
        ("--store", "not a database, but long enough to be read as one" * 20, "cannot be used as the mock's store"),
    ],
)
def test_a_file_that_cannot_be_used_ends_it_with_the_reason(
    tmp_path: Path, option: str, content: str, told: str
) -> None:
    file = tmp_path / "given"
    file.write_text(content)

    ended = subprocess.run(
        [sys.executable, "-m", "gateway", "mock-rio", "--port", "0", option, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert str(file) in ended.stderr
    assert told in ended.stderr


def test_a_reset_is_one_under_the_loop_of_the_command_too(start: Start, port: int) -> None:
    start()
    url = f"http://127.0.0.1:{port}"
    httpx.put(f"{url}/faults", content="rules: [{operations: get-task, fault: reset-before-commit}]", trust_env=False)

    with pytest.raises(httpx.ReadError):
        httpx.get(f"{url}/FHIR/R4/Task/t1", trust_env=False)


def test_its_pages_launch_the_gateway_as_told(start: Start, port: int) -> None:
    start("--gateway", "http://127.0.0.1:8123/", "--client-id", "ours", "--launch-secret", "whsec_c2VjcmV0")
    record = f"http://127.0.0.1:{port}/clients/12345/social-prescribing"

    with httpx.Client(trust_env=False, timeout=30) as browser:
        browser.post(f"http://127.0.0.1:{port}/sign-in", data={"name": "amara.osei", "password": "demo"})
        page = browser.get(record).text
        signed = browser.get(f"{record}/signed").headers["location"]
        asked = {"client_id": "ours", "redirect_uri": "http://127.0.0.1:8123/launch/callback"}
        known = browser.get(f"http://127.0.0.1:{port}/oauth2/authorize", params=asked)

    assert 'src="http://127.0.0.1:8123/launch?iss=' in page
    assert signed.startswith("http://127.0.0.1:8123/launch/signed?epr=northdale-rio-pages&user=AOSEI&")
    assert known.headers["location"].startswith("http://127.0.0.1:8123/launch/callback?")
