"""The way back, from due rows to the EPR's record, over real HTTP and on both databases."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tests.waiting import Until

import gateway.delivery
from adapters.ports import Answer, Update
from gateway.delivery import PLACES
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.heartbeats import heartbeats
from gateway.store.outcomes import finish

A, B = "SP-1000-0000-0001", "SP-2000-0000-0002"


def all_delivered(due: Any) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return set(await due.states()) == {"delivered"}

    return holds


class Recorder:
    """An adapter that notes what it is asked to send, and answers as it is told."""

    needs_referral = False

    def __init__(self, seconds: float = 0, trouble: Exception | None = None) -> None:
        self.seconds = seconds
        self.trouble = trouble
        self.sent: list[Update] = []
        self.now: Counter[str] = Counter()
        self.most_at_once = 0
        self.most_of_one = 0
        self.closed = False

    async def send(self, update: Update) -> Answer:
        self.sent.append(update)
        self.now[update.delivery_id] += 1
        self.most_of_one = max(self.most_of_one, self.now[update.delivery_id])
        self.most_at_once = max(self.most_at_once, self.now.total())
        await asyncio.sleep(self.seconds)
        self.now[update.delivery_id] -= 1
        if self.trouble:
            raise self.trouble
        return Answer("done", 1, 200, delivered=True)

    async def close(self) -> None:
        self.closed = True


async def test_each_version_of_each_referral_arrives_once_and_in_order(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination(epr.url)
    references = [f"SP-1000-0000-{number:04d}" for number in range(10)]
    for reference in references:
        await due.referral(reference, versions=4)

    async with working():
        await until(all_delivered(due))

    record = await epr.record()
    assert [await epr.versions(reference) for reference in references] == [[1, 2, 3, 4]] * 10
    assert (record["repeats"], record["out_of_order"], record["bad_signature"]) == (0, 0, 0)
    assert record["referrals"][references[0]][0]["line"] == "Update 1 for the clinician"
    assert len(await due.attempts()) == 40
    assert (await due.heartbeat()).state == "healthy"


async def test_what_is_committed_on_this_machine_goes_out_without_waiting_for_the_next_look(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination(epr.url)

    async with working(poll_seconds=3600):
        await asyncio.sleep(0.05)
        await due.referral(A, versions=3)
        await until(all_delivered(due))


async def test_a_failing_update_holds_back_its_own_referral_and_no_other(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination(epr.url)
    stuck = await due.referral(A, versions=2)
    fine = await due.referral(B, versions=2)
    await epr.fail(fail_next=1_000, status=500, task_id=stuck)

    async with working(retry_seconds=(60,)):
        await until(lambda: _is(due.states(fine), ["delivered", "delivered"]))

    assert await due.states(stuck) == ["due", "due"]
    assert await epr.versions(A) == []


async def test_an_update_refused_for_a_while_arrives_once_when_the_epr_is_back(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination(epr.url)
    await due.referral(A, versions=2)
    await epr.fail(fail_next=2, status=503)

    async with working():
        await until(all_delivered(due))

    assert await epr.versions(A) == [1, 2]
    assert (await epr.record())["repeats"] == 0
    assert [(one.number, one.status) for one in await due.attempts()] == [(1, 503), (2, 503), (3, 200), (1, 200)]
    heartbeat = await due.heartbeat()
    assert (heartbeat.state, heartbeat.last_failure) == ("healthy", "answered 503")
    assert heartbeat.last_success_at >= heartbeat.last_failure_at


async def test_after_the_last_retry_it_is_a_dead_letter_and_later_versions_wait(
    due: Any, epr: Any, store: Store, working: Any, until: Until
) -> None:
    await due.destination(epr.url)
    referral_id = await due.referral(A, versions=2)
    await epr.fail(fail_next=1_000, status=500)

    async def has_died() -> bool:
        return "dead" in await due.states()

    async with working(retry_seconds=(0.01, 0.01)):
        await until(has_died)

    assert await due.states(referral_id) == ["dead", "due"]
    assert len(await due.attempts()) == 3
    (beat,) = await heartbeats(store)
    assert (beat.undelivered, beat.dead, beat.state) == (1, 1, "failing")
    assert beat.oldest_undelivered_seconds is not None
    assert beat.oldest_undelivered_seconds >= 0


async def test_retry_after_is_honoured(due: Any, epr: Any, working: Any, until: Until) -> None:
    await due.destination(epr.url)
    await due.referral(A)
    await epr.fail(fail_next=1, status=429, retry_after=600)

    async def was_tried() -> bool:
        return bool(await due.attempts())

    async with working(retry_seconds=(1, 3600)):
        await until(was_tried)

    [row], [tried] = await due.rows(), await due.attempts()
    assert 600 <= (row.due_at - tried.at).total_seconds() <= 610


async def test_an_update_whose_answer_was_lost_is_read_back_and_not_sent_again(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination(epr.url)
    await due.referral(A, versions=2)
    await epr.fail(fail_next=1, stored=True, status=None, delay_ms=4000)  # longer than the send may take

    async with working(send_timeout_seconds=2):
        await until(all_delivered(due))

    record = await epr.record()
    assert await epr.versions(A) == [1, 2]
    assert record["repeats"] == 0
    first = (await due.attempts())[0]
    assert (first.phase, first.status) == ("answer", None)


async def test_an_epr_that_is_not_there_yet_gets_everything_later(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination("http://127.0.0.1:9/FHIR/R4")
    await due.referral(A)

    async def was_tried() -> bool:
        return bool(await due.attempts())

    async with working(retry_seconds=(60,)):
        await until(was_tried)

    [tried] = await due.attempts()
    assert (tried.phase, tried.status) == ("connect", None)
    assert (await due.heartbeat()).last_failure == "no answer (connect)"


async def test_with_the_wrong_secret_nothing_is_delivered(due: Any, epr: Any, working: Any, until: Until) -> None:
    await due.destination(epr.url, secret="whsec_" + "YW5vdGhlci1zZWNyZXQtYWx0b2dldGhlcg==")
    await due.referral(A)

    async def was_tried() -> bool:
        return bool(await due.attempts())

    async with working(retry_seconds=(60,)):
        await until(was_tried)

    assert (await due.attempts())[0].status == 401
    assert (await epr.record())["bad_signature"] == 1
    assert await epr.versions(A) == []


async def test_two_workers_share_the_work_and_never_send_the_same_at_once(
    due: Any, database_url: str, working: Any, until: Until
) -> None:
    adapter = Recorder(seconds=0.005)
    await due.destination("https://epr.example/FHIR/R4")
    for number in range(40):
        await due.referral(f"SP-1000-0000-{number:04d}", versions=2)
    second = Store(database_url)

    async with working({"fhir-callback": adapter}), working({"fhir-callback": adapter}, on=second):
        await until(all_delivered(due))
    await second.close()

    assert len(adapter.sent) == 80
    assert adapter.most_of_one == 1


async def test_a_slow_destination_fills_its_own_places_and_slows_no_other(due: Any, working: Any, until: Until) -> None:
    class Slow(Recorder):
        async def send(self, update: Update) -> Answer:
            if "slow" in update.url:
                await release.wait()
            return await super().send(update)

    release = asyncio.Event()
    adapter = Slow()
    await due.destination("https://slow.example/FHIR/R4", "slow")
    await due.destination("https://fast.example/FHIR/R4", "fast")
    for number in range(3 * PLACES):
        await due.referral(f"SP-1000-0000-{number:04d}", name="slow")
    fast = [await due.referral(f"SP-2000-0000-{number:04d}", name="fast") for number in range(20)]

    async def fast_is_through() -> bool:
        return {state for each in fast for state in await due.states(each)} == {"delivered"}

    async with working({"fhir-callback": adapter}, lease_seconds=60):
        await until(fast_is_through)
        assert not [update for update in adapter.sent if "slow" in update.url]
        release.set()
        await until(all_delivered(due))


async def test_no_more_than_the_places_of_a_destination_are_used_at_once(due: Any, working: Any, until: Until) -> None:
    adapter = Recorder(seconds=0.01)
    await due.destination("https://epr.example/FHIR/R4")
    for number in range(3 * PLACES):
        await due.referral(f"SP-1000-0000-{number:04d}")

    async with working({"fhir-callback": adapter}):
        await until(all_delivered(due))

    assert adapter.most_at_once == PLACES


async def test_stopping_finishes_what_is_on_its_way_and_gives_the_rest_back(
    due: Any, working: Any, until: Until
) -> None:
    adapter = Recorder(seconds=0.2)
    await due.destination("https://epr.example/FHIR/R4")
    for number in range(2 * PLACES):
        await due.referral(f"SP-1000-0000-{number:04d}")

    async def sending() -> bool:
        return adapter.now.total() == PLACES

    async with working({"fhir-callback": adapter}):
        await until(sending)

    rows = await due.rows()
    assert Counter(row.state for row in rows) == {"delivered": PLACES, "due": PLACES}
    assert {(row.leased_until, row.attempts) for row in rows if row.state == "due"} == {(None, 0)}
    assert adapter.closed


async def test_an_adapter_that_crashes_costs_an_attempt_and_not_the_worker(
    due: Any, working: Any, until: Until
) -> None:
    adapter = Recorder(trouble=RuntimeError("Jane Example, NHS number 999 000 0018"))
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(A)

    async def was_tried() -> bool:
        return len(await due.attempts()) == 2

    async with working({"fhir-callback": adapter}, retry_seconds=(0.01, 60)):
        await until(was_tried)
        adapter.trouble = None
        await due.referral(B)
        await until(lambda: _is(due.states(), ["due", "delivered"]))

    assert (await due.attempts())[0].answer == "(the adapter failed: RuntimeError)"


async def test_it_outlives_trouble_with_the_database(
    due: Any, epr: Any, working: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = {"claim": 2, "finish": 2}

    def failing_at_first(name: str) -> Callable[..., Any]:
        real = getattr(gateway.delivery, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            if trouble[name]:
                trouble[name] -= 1
                raise OperationalError("statement", None, OSError("the database is gone"))
            return await real(*arguments, **options)

        return call

    for name in trouble:
        monkeypatch.setattr(gateway.delivery, name, failing_at_first(name))
    await due.destination(epr.url)
    await due.referral(A, versions=3)

    async with working():
        await until(all_delivered(due))

    assert trouble == {"claim": 0, "finish": 0}
    assert await epr.versions(A) == [1, 2, 3]
    assert (await epr.record())["repeats"] == 0


async def test_a_worker_killed_between_sending_and_recording_costs_a_look_and_no_effect(
    due: Any,
    epr: Any,
    store: Store,
    settings: Settings,
    working: Any,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await due.destination(epr.url)
    await due.referral(A, versions=2)

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(gateway.delivery, "finish", never)
    brief = settings.model_copy(update={"lease_seconds": 4, "send_timeout_seconds": 2})
    doomed = asyncio.create_task(gateway.delivery.run(store, brief, asyncio.Event()))
    await until(lambda: _is(epr.versions(A), [1]))
    doomed.cancel()
    await asyncio.gather(doomed, return_exceptions=True)
    monkeypatch.setattr(gateway.delivery, "finish", finish)

    async with working():
        await until(all_delivered(due))

    assert await epr.versions(A) == [1, 2]
    assert (await epr.record())["repeats"] == 0


async def test_a_fault_inside_a_200_is_tried_again(due: Any, epr: Any, working: Any, until: Until) -> None:
    await due.destination(epr.url)
    await due.referral(A)
    await epr.fail(fail_next=1, status=200)

    async with working():
        await until(all_delivered(due))

    assert await epr.versions(A) == [1]
    assert [(one.status, one.phase) for one in await due.attempts()] == [(200, "fault"), (200, "done")]
    assert (await due.heartbeat()).last_failure == "answered 200 with an error"


def test_a_lease_shorter_than_a_send_is_no_setting() -> None:
    with pytest.raises(ValueError, match="GATEWAY_LEASE_SECONDS must be at least twice") as refusal:
        Settings.model_validate({"lease_seconds": 29, "database_url": "postgresql+asyncpg://user:word@host/name"})

    assert "word" not in str(refusal.value)


async def _is(found: Awaitable[Any], expected: Any) -> bool:
    return bool(await found == expected)
