"""The way back: how long after a platform's action the EPR has it, at 50 actions a second, and one at a time."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import uvloop

from bench.load import exchange, post
from bench.processes import running
from gateway.demo.parties import mock_secret, prepare_demo, private_key
from gateway.demo.story import free_port
from gateway.security import fetch_token

PER_SECOND = 50
IDLE_PER_SECOND = 4  # so seldom that all is at rest in between
SECONDS = 10


def measure_lag(host: str, folder: Path) -> list[dict[str, Any]]:
    """Median, p99 and longest lag from an action's time to its arrival at the mock EPR; when idle, the median where
    the process that commits also delivers, and where it notifies a worker in another process."""
    busy = _lags(host, folder, PER_SECOND, SECONDS)
    rows = [_row(name, busy, part) for name, part in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))]
    rows.append(_row("idle", _lags(host, folder, IDLE_PER_SECOND, SECONDS), 0.5))
    rows.append(_row("idle-notified", _lags(host, folder, IDLE_PER_SECOND, SECONDS, worker_elsewhere=True), 0.5))
    return rows


def _row(name: str, lags: list[int], part: float) -> dict[str, Any]:
    value = lags[min(len(lags) - 1, int(len(lags) * part))]
    return {"name": f"deliver-lag-{name}", "value": value, "unit": "ms", "ceiling": None, "ratio": None}


def _lags(host: str, folder: Path, per_second: int, seconds: int, *, worker_elsewhere: bool = False) -> list[int]:
    """The lag of each action in ms, sorted."""
    actions = per_second * seconds
    port, rio_port = free_port(), free_port()
    url = f"postgresql+asyncpg://postgres@/bench?host={host}"
    asyncio.run(prepare_demo(url, folder / "keys", f"http://127.0.0.1:{rio_port}/FHIR/R4"))
    environment = os.environ | {
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{port}",
        "GATEWAY_TOKEN_SECRET_FILE": str(folder / "token-secret"),
        "GATEWAY_TOKEN_SECONDS": "3600",
        "GATEWAY_LOG_LEVEL": "WARNING",
        "GATEWAY_WORKER": str(not worker_elsewhere),
        "MOCK_RIO_SECRET": mock_secret(),
    }
    asyncio.run(_forget_backlog(host))
    rio = [sys.executable, "-m", "gateway", "mock-rio", "--port", str(rio_port)]
    serve = [sys.executable, "-m", "gateway", "serve", "--port", str(port)]
    with ExitStack() as stack:
        stack.enter_context(running(environment, rio, rio_port))
        stack.enter_context(running(environment, serve, port))
        if worker_elsewhere:
            worker = subprocess.Popen([sys.executable, "-m", "gateway", "work"], env=environment)
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
        tokens = {
            client: fetch_token(f"http://127.0.0.1:{port}", client, private_key(client, folder / "keys"))[
                "access_token"
            ]
            for client in ("demo-epr", "demo-platform")
        }
        ids = refer(port, tokens["demo-epr"], count=actions // 5)
        _drain(rio_port, len(ids))
        uvloop.run(_act(port, tokens["demo-platform"], ids, per_second))
        record = _drain(rio_port, len(ids) + actions)
    updates = [update for versions in record["referrals"].values() for update in versions if update["version"] > 1]
    lags = sorted(update["lag_ms"] for update in updates)
    wrong = {name: record[name] for name in ("repeats", "out_of_order", "bad_signature") if record[name]}
    if wrong or len(lags) != actions:
        raise SystemExit(f"{len(lags)} updates arrived of {actions}; {wrong}")
    return lags


async def _forget_backlog(host: str) -> None:
    """What the accept runs left undelivered is not of this measurement."""
    connection = await asyncpg.connect(host=host, user="postgres", database="bench")
    await connection.execute("UPDATE delivery SET state = 'delivered' WHERE state = 'due'")
    await connection.close()


def refer(port: int, token: str, count: int) -> list[str]:
    bundle = (Path(__file__).parents[1] / "src/gateway/demo/referral.json").read_bytes()
    ids = []
    for _ in range(count):
        body = bundle.replace(b"REF-2026-000117", uuid4().hex.encode())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/FHIR/R4", body, headers)
        with urllib.request.urlopen(request) as response:
            entries = json.load(response)["entry"]
        ids.append(
            next(one["resource"]["id"] for one in entries if one.get("resource", {}).get("resourceType") == "Task")
        )
    return ids


async def _act(port: int, token: str, ids: list[str], per_second: int) -> None:
    """Five changes of each referral, referral by referral in turn, evenly over the time."""
    changes = [
        ("transitions", {"to": "received"}),
        ("transitions", {"to": "accepted"}),
        ("transitions", {"to": "allocated", "advisor": {"name": "Priya Nadar"}}),
        ("contacts", {"mechanism": "telephone", "outcome": "no-answer"}),
        ("contacts", {"mechanism": "telephone", "outcome": "spoke"}),
    ]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(16)]
    free: asyncio.Queue[Any] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)

    async def act(path: str, body: dict[str, Any]) -> None:
        reader, writer = await free.get()
        status = await exchange(reader, writer, post(path, json.dumps(body).encode(), headers))
        free.put_nowait((reader, writer))
        if status not in {200, 201}:
            raise SystemExit(f"an action was refused with {status}")

    started = time.perf_counter()
    acting = []
    for number, ((part, body), id_) in enumerate(itertools.product(changes, ids)):
        await asyncio.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        acting.append(asyncio.create_task(act(f"/platform/v1/referrals/{id_}/{part}", body)))
    await asyncio.gather(*acting)
    for _, writer in connections:
        writer.close()


def _drain(rio_port: int, updates: int) -> dict[str, Any]:
    until = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{rio_port}/record") as response:
            record: dict[str, Any] = json.load(response)
        if sum(map(len, record["referrals"].values())) >= updates or time.monotonic() > until:
            return record
        time.sleep(0.2)
