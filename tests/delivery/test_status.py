"""What /_status says of the worker and of updates that wait, and whom it tells."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.app import Running, start

import gateway.app
from gateway.ids import now
from gateway.store.schema import delivery


async def status_of(running: Running, client: str = "demo-epr") -> tuple[int, dict[str, Any]]:
    answer = await running.call(client, "GET", "/_status")
    return answer.status_code, answer.json()


async def test_the_worker_is_here_while_it_runs(database_url: str, tmp_path: Path) -> None:
    running = await start(database_url, tmp_path, worker=True)

    async with running.app.router.lifespan_context(running.app), running.http:
        code, shown = await status_of(running)

    assert (code, shown["status"], shown["reasons"], shown["worker"]) == (200, "pass", [], "here")


async def test_a_worker_that_has_stopped_fails(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(gateway.app, "run", crash)
    running = await start(database_url, tmp_path, worker=True)

    async with running.app.router.lifespan_context(running.app), running.http:
        code, shown = await status_of(running)

    assert (code, shown["status"], shown["worker"]) == (503, "fail", "stopped")
    assert shown["reasons"] == ["The worker of this process has stopped: restart the process."]


@pytest.mark.parametrize(
    ("state", "seconds", "reasons"),
    [
        ("due", 0, []),
        ("due", 200, []),
        ("due", 301, ["The oldest update that is due has waited longer than 300 s."]),
        ("dead", 301, ["Updates that are out of retries: 1."]),
        ("delivered", 301, []),
    ],
)
async def test_updates_that_do_not_arrive_are_a_warning(
    database_url: str, tmp_path: Path, state: str, seconds: int, reasons: list[str]
) -> None:
    running = await start(database_url, tmp_path)
    await running.refer()
    async with running.store.transaction() as connection:
        created_at = now() - timedelta(seconds=seconds)
        await connection.execute(update(delivery).values(state=state, created_at=created_at))

    code, shown = await status_of(running)
    _, others = await status_of(running, "demo-epr-2")

    assert (code, shown["status"], shown["reasons"]) == (200, "warn" if reasons else "pass", reasons)
    assert (others["status"], others["reasons"]) == ("pass", [])
    await running.stop()
