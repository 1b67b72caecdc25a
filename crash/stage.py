"""All processes that a round plays with: database, gateway, workers and EPR, on one database of its own."""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import asyncpg

from crash.checks import Books, Found
from crash.clients import Acknowledged, Clients
from crash.machines import Machine, Postgres
from gateway.demo.parties import prepare_demo, private_key
from gateway.demo.story import free_port
from gateway.security import fetch_token

LEASE, SEND_TIMEOUT = 3.0, 1.0
RETRIES = [0.3, 0.6, *[1.0] * 300]
DRAINED_WITHIN = 120.0  # seconds
FAULTS = 0.15  # of the EPR's answers


class Stage:
    """`machines` by name; with PostgreSQL one of them is the database. Close it at the end."""

    def __init__(self, folder: Path, engine: str, seed: int, faults: float = FAULTS) -> None:
        folder.mkdir(parents=True)
        self.folder, self.engine, self.chance = folder, engine, random.Random(seed)
        self.postgres = self.start_postgres() if engine == "postgresql" else None
        self.epr_port, self.port = free_port(), free_port()
        self.database_url = self.make_database()
        epr = f"http://127.0.0.1:{self.epr_port}"
        asyncio.run(prepare_demo(self.database_url, folder / "keys", f"{epr}/FHIR/R4"))
        self.environment = os.environ | {
            "GATEWAY_DATABASE_URL": self.database_url,
            "GATEWAY_DATABASE_CONNECTIONS": "4",
            "GATEWAY_BASE_URL": f"http://127.0.0.1:{self.port}",
            "GATEWAY_TOKEN_SECRET_FILE": str(folder / "token-secret"),
            "GATEWAY_TOKEN_SECONDS": "86400",
            "GATEWAY_WORKER": "false",
            "GATEWAY_LEASE_SECONDS": str(LEASE),
            "GATEWAY_SEND_TIMEOUT_SECONDS": str(SEND_TIMEOUT),
            "GATEWAY_RETRY_SECONDS": json.dumps(RETRIES),
            "GATEWAY_LOG_LEVEL": "WARNING",
        }
        record = folder / "epr"
        self.books = Books(self.database_url, record)
        serve = [sys.executable, "-m", "gateway", "serve", "--port", str(self.port)]
        take = [sys.executable, "-m", "crash.epr", str(self.epr_port), str(record), str(seed), str(faults)]
        self.machines: dict[str, Machine | Postgres] = {
            "gateway": self.machine("gateway", serve, f"http://127.0.0.1:{self.port}/_ping"),
            "worker": self.machine("worker", [sys.executable, "-m", "gateway", "work"]),
            "worker-2": self.machine("worker-2", [sys.executable, "-m", "gateway", "work"]),
            "epr": self.machine("epr", take, epr),
        }
        for machine in self.machines.values():
            machine.start()
        if self.postgres:
            self.machines["database"] = self.postgres
        for machine in self.machines.values():
            machine.wait_until_up()
        tokens = {
            who: fetch_token(f"http://127.0.0.1:{self.port}", who, private_key(who, folder / "keys"))["access_token"]
            for who in ("demo-epr", "demo-platform")
        }
        self.clients = Clients(f"http://127.0.0.1:{self.port}", tokens, self.chance)

    def machine(self, name: str, command: list[str], url: str = "", **environment: str) -> Machine:
        return Machine(name, command, self.environment | environment, self.folder / f"{name}.log", url)

    def start_postgres(self) -> Postgres:
        return Postgres(self.folder / "postgres.log")

    def make_database(self) -> str:
        """Its URL."""
        if self.postgres is None:
            return f"sqlite+aiosqlite:///{self.folder.resolve()}/gateway.db"
        self.postgres.wait_until_up()
        asyncio.run(self.sql("CREATE DATABASE crash"))
        return f"postgresql+asyncpg://postgres@/crash?host={self.postgres.host}"

    async def sql(self, statement: str) -> None:
        assert self.postgres is not None
        connection = await asyncpg.connect(host=self.postgres.host, user="postgres", database="postgres")
        await connection.execute(statement)
        await connection.close()

    @property
    def acknowledged(self) -> Acknowledged:
        return self.clients.acknowledged

    def seen(self) -> Counter[str]:
        """What the EPR did and saw: each kind of fault, and repeats."""
        return Counter((self.folder / "epr.seen").read_text().splitlines())

    async def drain(self) -> float:
        """Seconds until nothing is due any more."""
        started = time.monotonic()
        while time.monotonic() < started + DRAINED_WITHIN:
            if await self.books.due() == 0:
                return time.monotonic() - started
            await asyncio.sleep(0.2)
        raise SystemExit(
            f"{await self.books.due()} deliveries are still due after {DRAINED_WITHIN:.0f} s: {self.folder}"
        )

    async def settle(self) -> Found:
        """Lets everything arrive, then compares."""
        await self.drain()
        return await self.books.compare(self.acknowledged)

    def close(self) -> None:
        for machine in self.machines.values():
            if isinstance(machine, Machine):
                machine.thaw()
                machine.kill()
        if self.postgres:
            self.postgres.close()
