"""Claims and leases in SQL, on both databases."""

import asyncio
from datetime import timedelta
from typing import Any

from gateway.ids import now
from gateway.store.deliveries import Claimed, Outcome, claim, ready, release
from gateway.store.engine import Store
from gateway.store.outcomes import finish
from gateway.store.schema import destination

A, B = "SP-1000-0000-0001", "SP-2000-0000-0002"
OVER = -1  # seconds: a lease that has run out already


def outcome(claimed: Claimed, state: str = "delivered", wait: float = 0) -> Outcome:
    failure = None if state == "delivered" else "answered 503"
    due_at = now() + timedelta(seconds=wait)
    return Outcome(claimed, state, due_at, now(), 5, "done", 200, "", failure)


async def numbers(store: Store, destination_id: str = "epr") -> list[int]:
    return [each.number for each in await claim(store, destination_id, 60, 50)]


async def test_a_claim_brings_all_that_is_needed_to_send(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    referral_id = await due.referral(A)

    [claimed] = await claim(store, "epr", 60, 50)

    assert (claimed.referral_id, claimed.number, claimed.attempt) == (referral_id, 1, 1)
    assert (claimed.kind, claimed.url) == ("fhir-callback", "https://epr.example/FHIR/R4")
    assert b'"versionId": "1"' in claimed.body
    assert claimed.correlation_id == "6f3c0f62-7f0c-4a53-9d0c-2a2d3c3f7a10"
    assert claimed.leased_until > now()


async def test_only_the_first_undelivered_version_of_a_referral_may_go(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A, versions=3)

    [first] = await claim(store, "epr", 60, 50)
    assert await numbers(store) == []
    await finish(store, [outcome(first)])
    assert await numbers(store) == [2]


async def test_versions_of_different_referrals_go_together_up_to_the_limit(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    for number in range(5):
        await due.referral(f"SP-1000-0000-{number:04d}", versions=2)

    assert len(await claim(store, "epr", 60, 3)) == 3
    assert len(await claim(store, "epr", 60, 50)) == 2


async def test_one_destination_that_lags_does_not_hold_back_another_of_the_same_referral(
    due: Any, store: Store
) -> None:
    await due.destination("https://epr.example/FHIR/R4", "epr")
    await due.destination("https://record.example/FHIR/R4", "record")
    await due.referral(A, name="epr")
    await due.referral(B, name="record")

    assert [one.destination_id for one in await ready(store, ["epr"])] == ["record"]
    [only] = await claim(store, "record", 60, 50)

    assert only.destination_id == "record"
    assert await ready(store, ["epr"]) == []


async def test_two_workers_that_claim_at_once_get_different_deliveries(
    due: Any, store: Store, database_url: str
) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    for number in range(30):
        await due.referral(f"SP-1000-0000-{number:04d}")
    other = Store(database_url)

    batches = await asyncio.gather(*(claim(each, "epr", 60, 10) for each in (store, other, store, other)))
    await other.close()

    ids = [each.id for batch in batches for each in batch]
    assert len(ids) == len(set(ids))
    assert len(ids) + len(await claim(store, "epr", 60, 50)) == 30


async def test_when_a_lease_runs_out_another_takes_over_and_the_first_can_change_nothing(
    due: Any, store: Store
) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A)
    [stale] = await claim(store, "epr", OVER, 50)

    [fresh] = await claim(store, "epr", 60, 50)
    assert (fresh.id, fresh.attempt) == (stale.id, 2)
    await finish(store, [outcome(stale, state="dead")])
    await release(store, [stale])

    [row] = await due.rows()
    assert (row.state, row.attempts, row.leased_until) == ("due", 2, fresh.leased_until)
    await finish(store, [outcome(fresh)])
    assert await due.states() == ["delivered"]
    assert [one.number for one in await due.attempts()] == [1, 2]


async def test_recording_again_after_a_lost_commit_answer_changes_nothing(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A)
    [claimed] = await claim(store, "epr", 60, 50)

    for _ in range(2):
        await finish(store, [outcome(claimed)])

    assert await due.states() == ["delivered"]
    assert len(await due.attempts()) == 1


async def test_what_is_due_later_is_not_claimed_and_tells_when(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A, versions=2)
    [claimed] = await claim(store, "epr", 60, 50)

    later = outcome(claimed, state="due", wait=300)
    await finish(store, [later])

    assert await numbers(store) == []
    assert [one.due_at for one in await ready(store)] == [later.due_at]


async def test_a_released_delivery_is_due_as_if_it_had_never_been_claimed(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A)

    await release(store, await claim(store, "epr", 60, 50))

    [again] = await claim(store, "epr", 60, 50)
    assert again.attempt == 1


async def test_a_disabled_destination_gets_nothing_and_stays_disabled(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A)
    await due.referral(B)
    [first] = await claim(store, "epr", 60, 1)
    async with store.transaction() as connection:
        await connection.execute(destination.update().values(state="disabled"))

    assert await ready(store) == []
    assert await numbers(store) == []
    await finish(store, [outcome(first)])
    assert (await due.heartbeat()).state == "disabled"


async def test_the_heartbeat_keeps_the_last_of_each_and_follows_the_latest(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A)
    await due.referral(B)
    first, second = await claim(store, "epr", 60, 50)

    good = outcome(first)
    await asyncio.sleep(0.002)
    await finish(store, [good, outcome(second, state="due")])

    beat = await due.heartbeat()
    assert (beat.state, beat.last_failure, beat.last_success_at) == ("healthy", "answered 503", good.ended_at)
