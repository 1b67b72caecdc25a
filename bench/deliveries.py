"""Deliveries to a local sink: how many a second beside a bare loop of PUTs; whether dead destinations slow others."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console

from bench.processes import Process, running
from bench.updates import refer
from gateway.delivery import PLACES
from gateway.demo.parties import prepare_demo, private_key
from gateway.demo.story import free_port
from gateway.security import fetch_token

DELIVERIES = int(os.environ.get("BENCH_DELIVERIES", "100000"))  # due at once, for all destinations
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
DESTINATIONS, REFUSING, HANGING = 50, 3, 2
DATABASE = "deliver"
console = Console(highlight=False)

FILL = """
CREATE TEMP TABLE due AS SELECT gen_random_uuid()::text AS id, destination
FROM unnest($1::text[]) destination, generate_series(1, $2::int) ORDER BY random()
"""
EVENTS = """
INSERT INTO event SELECT 'XND01', id, 1, now(), 'submitted', '{}', '{}', id, id FROM due
"""
TASKS = """
INSERT INTO resource (organisation, type, id, version, updated_at, method, content)
SELECT 'XND01', 'Task', id, 1, now(), 'POST', replace($1, $2, id) FROM due
"""
DUE = """
INSERT INTO delivery (organisation, id, referral_id, number, destination_id, state, due_at, attempts, created_at)
SELECT 'XND01', gen_random_uuid()::text, id, 1, destination, 'due', now(), 0, now() FROM due
"""
REGISTER = """
INSERT INTO destination (id, organisation, kind, url, secret, owner, content, state, failures, events)
SELECT id, 'XND01', 'fhir-callback', url, 'whsec_YmVuY2gtb25seS1ub3QtZm9yLXByb2R1Y3Rpb24=', 'Bench',
       '{"private": true}', 'healthy', 0, 0
FROM unnest($1::text[], $2::text[]) one(id, url)
"""
SPAN = """
SELECT count(*) AS delivered, extract(epoch FROM max(delivered_at) - (SELECT min(at) FROM attempt))::float AS seconds
FROM delivery WHERE state = 'delivered' AND destination_id LIKE 'healthy%'
"""


def measure_deliveries(host: str, folder: Path) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        sink = Sink(stack)
        bench = Bench(host, folder, sink)
        rates, ceilings = [], []
        for number in range(ROUNDS):
            console.print(f"deliver: round {number + 1} of {ROUNDS} ...")
            ceilings.append(bench.ceiling(min(DELIVERIES, 10_000)))
            rates.append(bench.run(healthy=1, each=min(DELIVERIES, 10_000)).per_second)
        each = DELIVERIES // DESTINATIONS
        well = DESTINATIONS - REFUSING - HANGING
        console.print(f"deliver: {well * each:,} due for {well} destinations ...")
        alone = bench.run(healthy=well, each=each)
        console.print(f"deliver: {DELIVERIES:,} due for {DESTINATIONS}, {REFUSING} refusing and {HANGING} hanging ...")
        beside = bench.run(healthy=well, each=each, dead=True)
    ratios = statistics.median(rate / top for rate, top in zip(rates, ceilings, strict=True))
    return [
        _row("deliver-rate", statistics.median(rates), "deliveries/s", statistics.median(ceilings), ratios),
        _row("deliver-50-destinations", alone.per_second, "deliveries/s"),
        _row("deliver-beside-dead", beside.seconds, "s", alone.seconds, beside.seconds / alone.seconds),
        _row("deliver-memory", beside.memory_end, "MB", beside.memory_start, beside.memory_end / beside.memory_start),
    ]


def _row(
    name: str, value: float, unit: str, ceiling: float | None = None, ratio: float | None = None
) -> dict[str, Any]:
    rounded = [None if one is None else round(one, 3) for one in (value, ceiling, ratio)]
    return {"name": name, "value": rounded[0], "unit": unit, "ceiling": rounded[1], "ratio": rounded[2]}


class Sink:
    """A receiver, a port where nobody answers, and one where nobody listens."""

    def __init__(self, stack: ExitStack) -> None:
        self.port, self.hanging, self.refusing = free_port(), free_port(), free_port()
        command = [sys.executable, "-m", "bench.sink", str(self.port), str(self.hanging)]
        stack.enter_context(running(dict(os.environ), command, self.port))


@dataclass
class Run:
    """Seconds from the first attempt to the last arrival at a healthy destination; the worker's memory in MB."""

    delivered: int
    seconds: float
    memory_start: float
    memory_end: float

    @property
    def per_second(self) -> float:
        return self.delivered / self.seconds


class Bench:
    def __init__(self, host: str, folder: Path, sink: Sink) -> None:
        self.host, self.sink, self.folder = host, sink, folder
        url = f"postgresql+asyncpg://postgres@/{DATABASE}?host={host}"
        asyncio.run(self._sql("CREATE DATABASE " + DATABASE, database="postgres"))
        asyncio.run(prepare_demo(url, folder / "keys"))
        port = free_port()
        self.environment = os.environ | {
            "GATEWAY_DATABASE_URL": url,
            "GATEWAY_BASE_URL": f"http://127.0.0.1:{port}",
            "GATEWAY_TOKEN_SECRET_FILE": str(folder / "token-secret"),
            "GATEWAY_WORKER": "false",
            "GATEWAY_LOG_LEVEL": "ERROR",
        }
        serve = [sys.executable, "-m", "gateway", "serve", "--port", str(port)]
        with running(self.environment, serve, port):
            token = fetch_token(f"http://127.0.0.1:{port}", "demo-epr", private_key("demo-epr", folder / "keys"))
            [self.task_id] = refer(port, token["access_token"], count=1)
        self.task = asyncio.run(self._sql("SELECT content FROM resource WHERE type = 'Task'"))[0]["content"]

    def ceiling(self, count: int) -> float:
        file = self.folder / "task.json"
        file.write_text(self.task)
        command = [sys.executable, "-m", "bench.puts", str(self.sink.port), str(count), str(PLACES), str(file)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def run(self, healthy: int, each: int, *, dead: bool = False) -> Run:
        asyncio.run(self._fill(healthy, each, dead))
        with self._worker() as worker:
            time.sleep(3)
            start = worker.memory()
            until = time.monotonic() + 600
            while asyncio.run(self._sql(STILL_DUE)):
                if time.monotonic() > until:
                    raise SystemExit("The deliveries did not come to an end.")
                time.sleep(0.3)
            end = worker.memory()
        [span] = asyncio.run(self._sql(SPAN))
        if span["delivered"] != healthy * each:
            raise SystemExit(f"{span['delivered']} of {healthy * each} were delivered")
        return Run(span["delivered"], span["seconds"], start, end)

    @contextmanager
    def _worker(self) -> Iterator[Process]:
        child = subprocess.Popen([sys.executable, "-m", "gateway", "work"], env=self.environment)
        try:
            yield Process(child.pid)
        finally:
            child.terminate()
            child.wait()

    async def _fill(self, healthy: int, each: int, dead: bool) -> None:
        ports = {f"healthy-{number}": self.sink.port for number in range(healthy)}
        if dead:
            ports |= {f"refusing-{number}": self.sink.refusing for number in range(REFUSING)}
            ports |= {f"hanging-{number}": self.sink.hanging for number in range(HANGING)}
        urls = [f"http://127.0.0.1:{port}/{name}" for name, port in ports.items()]
        connection = await self._connect(DATABASE)
        await connection.execute("TRUNCATE delivery, attempt, destination, tally, event, resource")
        await connection.execute(REGISTER, list(ports), urls)
        await connection.execute(FILL, list(ports), each)
        await connection.execute(EVENTS)
        await connection.execute(TASKS, self.task, self.task_id)
        await connection.execute(DUE)
        await connection.execute("CHECKPOINT")
        await connection.close()

    async def _sql(self, statement: str, database: str = DATABASE) -> Any:
        connection = await self._connect(database)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    async def _connect(self, database: str) -> Any:
        return await asyncpg.connect(host=self.host, user="postgres", database=database, command_timeout=600)


STILL_DUE = """
SELECT id FROM destination WHERE id LIKE 'healthy%'
AND EXISTS (SELECT 1 FROM delivery WHERE state = 'due' AND destination_id = destination.id) LIMIT 1
"""
