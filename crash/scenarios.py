"""Troubles of other kinds than a kill, each with its own check: a full disk, a database that is gone for a minute, one
that restarts, a worker that stands still, two workers cut off from each other."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from crash.machines import Machine, Postgres
from crash.network import Link, NotPermittedError, run
from crash.rounds import SENDERS
from crash.stage import LEASE, Stage

GONE = float(os.environ.get("CRASH_GONE_SECONDS", "60"))
CUT = 30.0  # seconds
LEFT = 300_000  # bytes of a disk that is to be full soon


@dataclass
class Outcome:
    told: str
    wrong: list[str] = field(default_factory=list)


def played(engine: str, trouble: Callable[[Stage], str], stage: type[Stage] = Stage) -> Callable[[Path, int], Outcome]:
    """A scenario: the stage is set, the trouble happens under load, everything arrives, the books are compared."""

    def play(folder: Path, seed: int) -> Outcome:
        try:
            one = stage(folder, engine, seed)
        except NotPermittedError as refusal:
            return Outcome(f"not played: {refusal}")
        try:
            started = time.monotonic()
            told = trouble(one)
            drained = time.monotonic()
            found = asyncio.run(one.settle())
            now = time.monotonic()
            return Outcome(
                f"{told}; {found.referrals} referrals, {found.deliveries} deliveries, {one.seen()['repeat']} repeats, "
                f"longest silence {one.acknowledged.longest_silence:.1f} s, "
                f"all there {now - drained:.1f} s after ({now - started:.0f} s in all)",
                found.wrong,
            )
        finally:
            one.close()

    return play


def under_load(stage: Stage, seconds: float, trouble: Callable[[], None]) -> None:
    """The trouble a second after the load has begun; the load goes on for so many seconds."""

    async def play() -> None:
        load = asyncio.create_task(stage.clients.load(seconds, SENDERS))
        await asyncio.sleep(1)
        await asyncio.to_thread(trouble)
        await load

    asyncio.run(play())


def database_gone(stage: Stage) -> str:
    def go_and_come_back() -> None:
        assert stage.postgres is not None
        stage.postgres.kill()
        time.sleep(GONE)
        stage.postgres.start()
        stage.postgres.wait_until_up()

    under_load(stage, GONE + 3, go_and_come_back)
    return f"database gone for {GONE:.0f} s, {stage.acknowledged.refused_for_now} requests refused for now"


def database_restarts(how: str) -> Callable[[Stage], str]:
    def restart(stage: Stage) -> str:
        def stop_and_start() -> None:
            assert stage.postgres is not None
            for _ in range(3):
                stage.postgres.control("stop", "-m", how)
                stage.postgres.start()
                stage.postgres.wait_until_up()
                time.sleep(1)

        under_load(stage, 8, stop_and_start)
        return f"three restarts ({how}) under load"

    return restart


def worker_stands_still(stage: Stage) -> str:
    """Past its lease, so that the other takes over; then it goes on, and reports what nobody waits for any more."""
    worker = stage.machines["worker"]
    assert isinstance(worker, Machine)

    def freeze_and_thaw() -> None:
        for _ in range(3):
            worker.freeze()
            time.sleep(LEASE + 1)
            worker.thaw()
            time.sleep(1)

    under_load(stage, 3 * (LEASE + 2), freeze_and_thaw)
    return f"a worker stood still three times for {LEASE + 1:.0f} s, its leases {LEASE:.0f} s"


class Partitioned(Stage):
    """The second worker has a network of its own, on a link that can be cut."""

    def __init__(self, folder: Path, engine: str, seed: int) -> None:
        self.link = Link()
        os.environ["CRASH_EPR_HOSTS"] = f"127.0.0.1 {Link.here}"
        try:
            super().__init__(folder, engine, seed)
            relay = self.link.within([sys.executable, "-m", "crash.relay", str(self.epr_port), Link.here])
            work = self.link.within([sys.executable, "-m", "gateway", "work"])
            url = f"postgresql+asyncpg://postgres@{Link.here}/crash?ssl=disable"
            self.machines["worker-2"].kill()
            self.machines["relay"] = self.machine("relay", relay)
            self.machines["worker-2"] = self.machine("worker-2", work, GATEWAY_DATABASE_URL=url)
            self.machines["relay"].start()
            self.machines["worker-2"].start()
        except BaseException:
            self.link.close()
            raise
        finally:
            del os.environ["CRASH_EPR_HOSTS"]

    def start_postgres(self) -> Postgres:
        return Postgres(self.folder / "postgres.log", listen=Link.here, trusted=Link.subnet)

    def close(self) -> None:
        super().close()
        self.link.close()


def workers_partitioned(stage: Stage) -> str:
    assert isinstance(stage, Partitioned)

    def cut_and_mend() -> None:
        time.sleep(3)  # until it works too
        stage.link.cut()
        time.sleep(CUT)
        stage.link.mend()

    under_load(stage, CUT + 8, cut_and_mend)
    return f"one of two workers was cut off from the database, the EPR and the other for {CUT:.0f} s"


class OnSmallDisk(Stage):
    """The database is on a disk of its own; `fill` takes what is left of it."""

    def __init__(self, folder: Path, engine: str, seed: int) -> None:
        self.disk = Path(tempfile.mkdtemp(prefix="gateway-disk-"))
        self.disk.chmod(0o777)
        run("mount", "-t", "tmpfs", "-o", "size=64m,mode=777", "tmpfs", str(self.disk))
        try:
            super().__init__(folder, engine, seed)
        except BaseException:
            self._unmount()
            raise

    def make_database(self) -> str:
        if self.postgres is None:
            return f"sqlite+aiosqlite:///{self.disk}/gateway.db"
        self.postgres.wait_until_up()
        shutil.chown(self.disk, self.postgres.user)
        asyncio.run(self.sql(f"CREATE TABLESPACE small LOCATION '{self.disk}'"))
        asyncio.run(self.sql("CREATE DATABASE crash TABLESPACE small"))
        return f"postgresql+asyncpg://postgres@/crash?host={self.postgres.host}"

    def fill(self) -> None:
        with suppress(OSError), (self.disk / "ballast").open("wb", buffering=0) as ballast:  # others write meanwhile
            while (free := shutil.disk_usage(self.disk).free) > LEFT:
                ballast.write(bytes(min(1_000_000, free - LEFT)))

    def empty(self) -> None:
        (self.disk / "ballast").unlink()

    def close(self) -> None:
        super().close()
        self._unmount()

    def _unmount(self) -> None:
        run("umount", str(self.disk))
        self.disk.rmdir()


def disk_full(stage: Stage) -> str:
    assert isinstance(stage, OnSmallDisk)
    refused = stage.acknowledged.refused_for_now

    def fill_and_empty() -> None:
        stage.fill()
        until = time.monotonic() + 30
        while stage.acknowledged.refused_for_now == refused and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(8)
        stage.empty()

    under_load(stage, 20, fill_and_empty)
    return f"the disk was full; {stage.acknowledged.refused_for_now - refused} requests were refused for now"


SCENARIOS: dict[str, Callable[[Path, int], Outcome]] = {
    "database-gone": played("postgresql", database_gone),
    "restart-fast": played("postgresql", database_restarts("fast")),
    "restart-immediate": played("postgresql", database_restarts("immediate")),
    "worker-stands-still": played("postgresql", worker_stands_still),
    "worker-stands-still-sqlite": played("sqlite", worker_stands_still),
    "partition": played("postgresql", workers_partitioned, Partitioned),
    "disk-full-sqlite": played("sqlite", disk_full, OnSmallDisk),
    "disk-full-postgresql": played("postgresql", disk_full, OnSmallDisk),
}
