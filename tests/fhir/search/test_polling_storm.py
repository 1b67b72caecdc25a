"""Polls without a pause, each in its own way, while many write: nothing is missed, and nothing comes twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.app import BASE, Json, Running, start
from tests.fhir.search.asking import Change, changes, link, move, newest, search

from gateway.ids import instant, new_id, next_moment
from gateway.store.engine import Late, Rows, Store
from gateway.store.resources import Resource, resource_row
from gateway.store.schema import resource

TRUST = "XND01"  # of demo-epr
Poll = Callable[[Running, str, list[Change]], Awaitable[str]]


async def follow_links(gateway: Running, since: str, seen: list[Change]) -> str:
    """Polls once, page by page; returns what to poll from next."""
    page = await search(gateway, f"Task?_lastUpdated=gt{since}&_count=3")
    while True:
        seen += changes(page)
        since = newest(page, since)
        url = link(page, "next")
        if url is None:
            return since
        page = await search(gateway, url)


async def ask_anew(gateway: Running, since: str, seen: list[Change]) -> str:
    """Polls for one page, and goes on from the newest on it."""
    page = await search(gateway, f"Task?_lastUpdated=gt{since}&_count=20")
    seen += changes(page)
    return newest(page, since)


async def go_by_bundle(gateway: Running, since: str, seen: list[Change]) -> str:
    """Polls once, in another order; goes on from the time of the Bundle."""
    page = await search(gateway, f"Task?_lastUpdated=gt{since}&_count=3&_sort=-_id")
    since = page["meta"]["lastUpdated"]
    seen += changes(page)
    while url := link(page, "next"):
        page = await search(gateway, url)
        seen += changes(page)
    return str(since)


async def go_by_history(gateway: Running, since: str, seen: list[Change]) -> str:
    """`_since` includes its moment: what was seen of that is known by its version."""
    page: Json = {"link": [{"relation": "next", "url": f"{BASE}/FHIR/R4/Task/_history?_since={since}&_count=3"}]}
    until = None
    while url := link(page, "next"):
        page = await search(gateway, url)
        until = until or page["meta"]["lastUpdated"]
        seen += [one for one in changes(page) if one not in seen[-500:]]
    return str(until)


async def change_tasks(store: Store, organisation: str, task_id: str, versions: int) -> None:
    """Stores version after version, each a while after its time was taken, and again when that was too late."""
    for version in range(1, versions + 1):
        stored = False
        while not stored:
            at = next_moment()
            meta = {"versionId": str(version), "lastUpdated": instant(at)}
            content = {"resourceType": "Task", "id": task_id, "meta": meta, "status": "requested", "intent": "order"}
            task = Resource("Task", task_id, version, at, content)
            await asyncio.sleep(random.random() / 20)
            with suppress(Late):
                await store.write([(resource, [resource_row(organisation, task)])])
                stored = True


@pytest.mark.parametrize("poll", [follow_links, ask_anew, go_by_bundle, go_by_history])
async def test_r36_in_a_storm_each_change_is_seen_once(gateway: Running, database_url: str, poll: Poll) -> None:
    """Changes by several processes, several under way at any time; polls without a pause."""
    stores = [Store(database_url) for _ in range(3)]
    tasks = [new_id() for _ in range(12)]
    seen: list[Change] = []
    since = "2020-01-01T00:00:00Z"

    writing = asyncio.gather(*(change_tasks(stores[place % 3], TRUST, id_, 20) for place, id_ in enumerate(tasks)))
    while not writing.done():
        since = await poll(gateway, since, seen)
    await writing
    for _ in range(3):
        since = await poll(gateway, since, seen)

    assert len(seen) == len(set(seen))
    assert {(id_, "20") for id_ in tasks} <= set(seen)
    if poll is go_by_history:
        assert len(seen) == 12 * 20
    for each in stores:
        await each.close()


async def test_r36_changes_through_the_doors_are_seen_and_none_is_refused(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways = [await start(database_url, tmp_path) for _ in range(3)]
    for each in gateways:
        dawdle(each.store, monkeypatch)
    seen: list[Change] = []
    since = "2020-01-01T00:00:00Z"

    async def refer_and_receive(at: Running, then: Running) -> Change:
        await asyncio.sleep(random.random())
        task = await at.refer()
        await move(then, task, "received")
        return task["id"], "2"

    writing = asyncio.gather(*(refer_and_receive(*random.sample(gateways, 2)) for _ in range(15)))
    while not writing.done():
        since = await follow_links(random.choice(gateways), since, seen)
    await follow_links(gateways[0], since, seen)

    assert len(seen) == len(set(seen))
    assert set(await writing) <= set(seen)
    for each in gateways:
        await each.stop()


def dawdle(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A while between the time of each change and its commit."""
    write, transaction = store.write, store.transaction

    async def write_slowly(rows: Sequence[Rows]) -> None:
        await asyncio.sleep(random.random() / 5)
        await write(rows)

    @asynccontextmanager
    async def commit_slowly() -> AsyncIterator[AsyncConnection]:
        async with transaction() as connection:
            yield connection
            await asyncio.sleep(random.random() / (10 if store.engine.dialect.name == "postgresql" else 100))

    monkeypatch.setattr(store, "write", write_slowly)
    monkeypatch.setattr(store, "transaction", commit_slowly)
