"""The gateway with its worker and the mock RiO, as processes of their own with the demo's parties."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gateway.demo.parties import MOCK, prepare_demo, private_key
from gateway.demo.story import Stage, free_port
from gateway.security import fetch_token

PATIENCE = 60.0  # seconds for a process to come up, on a busy machine


@dataclass
class Scene(Stage):
    """As the demo's stage: `gateway` and `rio` are their addresses, `tokens` those of all the demo's clients."""

    database_url: str = ""
    folder: Path = Path()

    def logs(self) -> str:
        return "\n".join(f"{file.name}:\n{file.read_text()}" for file in sorted(self.folder.glob("*.log")))


@contextlib.contextmanager
def play(folder: Path, public: str | None = None, **settings: str) -> Iterator[Scene]:
    """Runs both for the block. `public` is where browsers find the gateway, if that is elsewhere: then nobody has a
    token. `settings` are variables of the gateway, e.g. GATEWAY_LATE_SECONDS="1"."""
    gateway, rio = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    scene = Scene(gateway, rio, database_url=f"sqlite+aiosqlite:///{folder}/gateway.db", folder=folder)
    environment = os.environ | {
        "GATEWAY_DATABASE_URL": scene.database_url,
        "GATEWAY_TOKEN_SECRET_FILE": str(folder / "token-secret"),
        "GATEWAY_BASE_URL": public or gateway,
        "GATEWAY_LOG_LEVEL": "WARNING",
        "GATEWAY_FETCH_TIMEOUT_SECONDS": "20",  # a busy machine takes its time
        **settings,
    }
    asyncio.run(prepare_demo(scene.database_url, folder / "keys", f"{rio}/FHIR/R4", f"{rio}/API/4.0"))
    with contextlib.ExitStack() as stack:
        signing_key = folder / "keys" / f"{MOCK}.json"
        face = ["--signing-key", str(signing_key), "--gateway", public or gateway]
        for command, address, options in (("mock-rio", rio, face), ("serve", gateway, [])):
            log = stack.enter_context((folder / f"{command}.log").open("wb"))
            port = address.rpartition(":")[2]
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", command, "--port", port, *options],
                env=environment,
                stdout=log,
                stderr=log,
            )
            stack.callback(_stop, process)
        for command, address in (("mock-rio", f"{rio}/record"), ("serve", f"{gateway}/_ping")):
            _wait_for(address, folder / f"{command}.log")
        for key in set() if public else {*(folder / "keys").glob("*.json")} - {signing_key}:
            answer = fetch_token(gateway, key.stem, private_key(key.stem, folder / "keys"))
            scene.tokens[key.stem] = answer["access_token"]
        yield scene


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(address: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            httpx.get(address, trust_env=False, timeout=1)
        except httpx.TransportError:
            assert time.monotonic() < until, f"{address} did not come up: {log.read_text()}"
            time.sleep(0.05)
        else:
            return
