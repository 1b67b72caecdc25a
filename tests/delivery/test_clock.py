"""The machine's clock jumps while updates are on their way: late perhaps, and never lost, doubled or out of order."""

import asyncio
from datetime import timedelta
from typing import Any

import time_machine
from tests.waiting import Until

from gateway.ids import now
from gateway.store.engine import Store

A, B = "SP-1000-0000-0001", "SP-2000-0000-0002"


async def test_a_jump_forward_ends_leases_early_and_each_version_has_its_effect_once(
    due: Any, epr: Any, working: Any, until: Until, database_url: str
) -> None:
    await due.destination(epr.url)
    for reference in (A, B):
        await due.referral(reference, versions=3)
    await epr.fail(fail_next=2, status=None, delay_ms=300)  # both first versions are under way at the jump
    other = Store(database_url)

    with time_machine.travel(now(), tick=True) as clock:
        async with working(), working(on=other):
            await asyncio.sleep(0.15)
            clock.shift(timedelta(hours=1))
            await until(lambda: _all_delivered(due))
    await other.close()

    assert await epr.versions(A) == [1, 2, 3]
    assert await epr.versions(B) == [1, 2, 3]
    assert (await epr.record())["out_of_order"] == 0


async def test_a_jump_back_holds_updates_until_the_clock_is_right_and_loses_none(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination(epr.url)

    with time_machine.travel(now(), tick=True) as clock:
        await due.referral(A, versions=3)
        clock.shift(timedelta(hours=-1))
        async with working():
            await due.referral(B, versions=2)
            await until(lambda: _arrived(epr, B, [1, 2]))
            assert await epr.versions(A) == []
            clock.shift(timedelta(hours=1))
            await until(lambda: _all_delivered(due))

    assert await epr.versions(A) == [1, 2, 3]
    assert await epr.versions(B) == [1, 2]
    assert (await epr.record())["repeats"] == 0


async def _all_delivered(due: Any) -> bool:
    return set(await due.states()) == {"delivered"}


async def _arrived(epr: Any, reference: str, versions: list[int]) -> bool:
    return bool(await epr.versions(reference) == versions)
