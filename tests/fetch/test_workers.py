"""Several workers, and workers that die: each request becomes one referral, once."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.fetch.sender import TLS, TRUST, Sender

from gateway.fetching import fetch, run
from gateway.gathering import collect
from gateway.ids import now
from gateway.store.fetches import claim, next_due
from gateway.store.schema import awaited, event, referral, resource

OVER = -1  # seconds: a lease that has run out already


async def test_workers_that_claim_at_the_same_time_get_different_fetches(sender: Sender) -> None:
    tasks = await many(sender, 6)
    claims = await asyncio.gather(*(claim(sender.running.store, 60, 2) for _ in range(5)))

    assert sorted(one.task_id for some in claims for one in some) == sorted(tasks)
    assert await next_due(sender.running.store) is None


async def test_two_workers_make_one_referral_of_each_request(sender: Sender) -> None:
    tasks = await many(sender, 6)
    stop = asyncio.Event()
    workers = [asyncio.create_task(run(sender.gateway, stop)) for _ in range(2)]
    async with asyncio.timeout(60):
        while await sender.running.count(referral) < len(tasks):  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*workers)

    assert sorted(one["id"] for one in await sender.referrals()) == sorted(tasks)
    assert await sender.running.count(event) == 2 * len(tasks)


async def test_a_worker_that_died_holds_nothing_up_when_its_lease_is_over(sender: Sender) -> None:
    task_id = await sender.send()
    await sender.claim(OVER)
    await sender.fetch()

    assert [one["id"] for one in await sender.referrals()] == [task_id]


async def test_a_worker_that_was_overtaken_stores_nothing(sender: Sender) -> None:
    await sender.send()
    slow = await sender.claim(OVER)
    await sender.claim()
    await fetch(sender.gateway, slow, TLS)

    assert await sender.running.count(referral) == 0
    async with sender.running.store.reading() as connection:
        assert (await connection.execute(select(resource.c.type).distinct())).scalars().all() == ["Task"]


async def test_both_finish_at_once_and_one_of_them_counts(sender: Sender) -> None:
    await sender.send()
    slow = await sender.claim(OVER)
    quick = await sender.claim()
    await asyncio.gather(*(fetch(sender.gateway, one, TLS) for one in (slow, quick)))

    assert await sender.running.count(referral) == 1
    [shown] = await sender.referrals()
    assert shown["version"] == 2


async def test_an_organisation_whose_server_is_slow_holds_back_no_other(sender: Sender) -> None:
    await many(sender, 3)

    assert await claim(sender.running.store, 60, 10, ["XND01"]) == []
    assert await next_due(sender.running.store, ["XND01"]) is None
    assert len(await claim(sender.running.store, 60, 10, ["XSH01"])) == 3


async def test_a_task_that_changed_while_it_was_fetched_is_fetched_again(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = await sender.send()

    async def collect_late(*given: Any) -> Any:
        found = await collect(*given)
        task = await sender.read(task_id)
        task["meta"]["versionId"] = "2"
        row = {"organisation": TRUST, "type": "Task", "id": task_id, "version": 2, "updated_at": now()}
        await sender.running.store.write([(resource, [row | {"method": "PUT", "content": json.dumps(task)}])])
        return found

    with monkeypatch.context() as patched:
        patched.setattr("gateway.fetching.collect", collect_late)
        await sender.fetch()
    task = await sender.read(task_id)
    assert "it answered, but the gateway could not store the details" in task["statusReason"]["text"]
    await sender.fetch()

    [shown] = await sender.referrals()
    assert (task["meta"]["versionId"], shown["version"]) == ("3", 4)


async def test_a_task_that_is_no_longer_requested_is_fetched_no_more(sender: Sender) -> None:
    task_id = await sender.send()
    async with sender.running.store.transaction() as connection:
        content = (await connection.execute(select(resource.c.content).where(resource.c.id == task_id))).scalar_one()
        changed = content.replace('"status":"requested"', '"status":"cancelled"')
        await connection.execute(update(resource).where(resource.c.id == task_id).values(content=changed))
    await sender.fetch()

    assert sender.held.asked == []
    async with sender.running.store.reading() as connection:
        assert (await connection.execute(select(awaited.c.state))).scalar_one() == "done"


async def many(sender: Sender, number: int) -> list[str]:
    """Sends so many Tasks, each for a request of its own."""
    tasks = []
    request = sender.of("ServiceRequest")
    for count in range(number):
        name = request["identifier"][0] | {"value": f"REF-{count}"}
        sender.held.keep(request | {"id": f"many-{count}", "identifier": [name]})
        sender.task["focus"] = {"reference": f"{sender.base}/ServiceRequest/many-{count}"}
        tasks.append(await sender.send())
    return tasks
