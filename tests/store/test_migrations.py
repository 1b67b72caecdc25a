"""What an older database holds is still there, and still works, after `gateway migrate`."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, text
from tests.conftest import run, sql

import gateway.migrations
from gateway.store.deliveries import claim
from gateway.store.engine import Store
from gateway.store.migrate import migrate
from gateway.store.schema import destination


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/old.db"
    else:
        host, name = request.getfixturevalue("postgres"), f"old_{uuid4().hex}"
        run(sql(host, f"CREATE DATABASE {name}"))
        yield f"postgresql+asyncpg://postgres@/{name}?host={host}"
        run(sql(host, f"DROP DATABASE {name} WITH (FORCE)"))


def upgrade_to(revision: str, connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(gateway.migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


BEFORE = """
INSERT INTO destination (organisation, id, kind, url, secret, state, last_failure)
VALUES ('XND01', 'rio', 'fhir-callback', 'https://10.0.0.1/FHIR/R4', 'whsec_x', 'failing', 'answered 503');
INSERT INTO event VALUES
('XND01', 'r1', 1, '2026-03-04 10:00:00.000000', 'submitted', '{}', '{}', 'q1', 'c1');
INSERT INTO resource (organisation, type, id, version, updated_at, method, content)
VALUES ('XND01', 'Task', 'r1', 1, '2026-03-04 10:00:00.000000', 'POST', '{"resourceType": "Task", "id": "r1"}');
INSERT INTO delivery (organisation, id, referral_id, number, destination_id, state, due_at, attempts, created_at)
VALUES ('XND01', 'd1', 'r1', 1, 'rio', 'due', '2026-03-04 10:00:00.000000', 4, '2026-03-04 10:00:00.000000')
"""


async def test_destinations_of_before_get_what_is_due(empty_url: str) -> None:
    old = Store(empty_url, 1)
    async with old.transaction() as connection:
        await connection.run_sync(lambda plain: upgrade_to("0003", plain))
        for statement in BEFORE.split(";"):
            await connection.execute(text(statement))
    await old.close()

    await migrate(empty_url)

    store = Store(empty_url, 1)
    async with store.reading() as connection:
        [kept] = (await connection.execute(select(destination))).all()
    [claimed] = await claim(store, "rio", 60, 50)
    await store.close()
    assert (kept.id, kept.organisation, kept.state, kept.failures) == ("rio", "XND01", "healthy", 0)
    assert kept.last_failure == "answered 503"
    assert (claimed.id, claimed.attempt, claimed.content) == ("d1", 5, '{"private": true}')
