"""Searches over HTTP in a small store and in a large one, in turn: does what they cost stay the same?"""

import asyncio
import os
import random
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
from rich.console import Console

from bench.filling import fill
from bench.load import exchange, get, post
from bench.processes import running
from gateway.demo.parties import prepare_demo, private_key
from gateway.demo.story import free_port
from gateway.security import fetch_token

SMALL = 10_000
LARGE = int(os.environ.get("BENCH_REFERRALS", "1000000"))
TIMES = 200  # of each search in each store
SAMPLES = 40  # different referrals asked for
NHS = "https://fhir.nhs.uk/Id/nhs-number"
OWN = "https://northdale.example/rio/referral"
console = Console(highlight=False)

Sample = asyncpg.Record
SEARCHES = {
    "task-by-patient": "Task?patient={patient}",
    "task-by-status-rare": "Task?status=on-hold",
    "task-by-status-common": "Task?status=in-progress",
    "task-changed-since": "Task?_lastUpdated=gt{instant}",
    "request-by-identifier": f"ServiceRequest?identifier={OWN}|{{own}}",
    "patient-by-nhs-number": f"Patient?identifier={NHS}|{{number}}",
    "patient-by-name-and-birth": "Patient?family=H{family}&birthdate={birth}",
    "task-by-patients-number": f"Task?patient.identifier={NHS}|{{number}}",
    "task-and-its-request": "Task?patient={patient}&_include=Task:focus",
    "task-listing": "Task",
}
SAMPLE = "SELECT * FROM copy WHERE i = ANY($1)"


def measure_search(host: str, folder: Path) -> list[dict[str, Any]]:
    """p50 of each search in the large store, in ms, and its ratio to that in the small one; p95."""
    with ExitStack() as stack:
        stores = [Store(stack, host, folder, referrals) for referrals in (SMALL, LARGE)]
        taken = asyncio.run(_measure(stores))
    rows = []
    for name, (small, large) in taken.items():
        p50, p95 = (statistics.quantiles(large, n=20)[part] for part in (9, 18))
        before = statistics.median(small)
        rows.append({"name": f"search-{name}", "value": p50, "unit": "ms", "ceiling": before, "ratio": p50 / before})
        rows.append({"name": f"search-{name}-p95", "value": p95, "unit": "ms", "ceiling": None, "ratio": None})
    return [{key: round(one, 3) if isinstance(one, float) else one for key, one in row.items()} for row in rows]


class Store:
    """A database of so many referrals, and a gateway that serves it."""

    def __init__(self, stack: ExitStack, host: str, folder: Path, referrals: int) -> None:
        self.port, database = free_port(), f"search_{referrals}"
        url = f"postgresql+asyncpg://postgres@/{database}?host={host}"
        asyncio.run(_create(host, database))
        asyncio.run(prepare_demo(url, folder / "keys"))
        environment = os.environ | {
            "GATEWAY_DATABASE_URL": url,
            "GATEWAY_BASE_URL": f"http://127.0.0.1:{self.port}",
            "GATEWAY_TOKEN_SECRET_FILE": str(folder / "token-secret"),
            "GATEWAY_TOKEN_SECONDS": "7200",
            "GATEWAY_WORKER": "false",
            "GATEWAY_LOG_LEVEL": "WARNING",
        }
        stack.enter_context(running(environment, _serve(self.port), self.port))
        key = private_key("demo-epr", folder / "keys")
        token = fetch_token(f"http://127.0.0.1:{self.port}", "demo-epr", key)["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.samples: list[Sample] = asyncio.run(self._fill(host, database, referrals))

    async def _fill(self, host: str, database: str, referrals: int) -> list[Sample]:
        bundle = (Path(__file__).parents[1] / "src/gateway/demo/referral.json").read_bytes()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        headers = self.headers | {"Content-Type": "application/fhir+json", "X-Request-Id": str(uuid4())}
        if await exchange(reader, writer, post("/FHIR/R4", bundle, headers)) != 200:
            raise SystemExit("The first referral was refused.")
        writer.close()
        await fill(host, database, referrals, lambda text: console.print(f"search: {text}"))
        connection = await asyncpg.connect(host=host, user="postgres", database=database)
        chosen = random.Random(7).sample(range(referrals // 100, referrals), SAMPLES)
        samples: list[Sample] = await connection.fetch(SAMPLE, chosen)
        await connection.close()
        return samples


async def _create(host: str, database: str) -> None:
    connection = await asyncpg.connect(host=host, user="postgres", database="postgres")
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()


def _serve(port: int) -> list[str]:
    return [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", "1"]


async def _measure(stores: list[Store]) -> dict[str, list[list[float]]]:
    """Milliseconds of each search, in the small store and in the large one in turn; the first round of all is left
    out, so that what is asked for has been read before."""
    connections = [await asyncio.open_connection("127.0.0.1", store.port) for store in stores]
    taken: dict[str, list[list[float]]] = {}
    for name, search in SEARCHES.items():
        taken[name] = [[] for _ in stores]
        for number in range(-SAMPLES, TIMES):
            for store, connection, times in zip(stores, connections, taken[name], strict=True):
                address = quote(search.format(**store.samples[number % SAMPLES]), safe="?=&:/")
                request = get(f"/FHIR/R4/{address}", store.headers)
                started = time.perf_counter()
                status = await exchange(*connection, request)
                if number >= 0:
                    times.append((time.perf_counter() - started) * 1000)
                if status != 200:
                    raise SystemExit(f"{name} was answered with {status}")
        console.print(f"search: {name} {' -> '.join(f'{statistics.median(times):.2f} ms' for times in taken[name])}")
    for _, writer in connections:
        writer.close()
    return taken
