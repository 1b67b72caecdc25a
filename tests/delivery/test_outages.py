"""A destination that goes away and comes back: it is left in peace, nothing dies of it, and it is not stormed."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from tests.waiting import Until

from adapters.ports import Answer, Update
from gateway.delivery import PLACES
from gateway.ids import now
from gateway.store.deliveries import claim, ready, take_probe
from gateway.store.engine import Store
from gateway.store.schema import alert, delivery, destination, tally

REFERENCES = [f"SP-1000-0000-{number:04d}" for number in range(30)]


class Epr:
    """An EPR that is down until it is told to be up; counts how many calls it has at once."""

    needs_referral = False

    def __init__(self) -> None:
        self.up = False
        self.calls = 0
        self.at_once: list[int] = []
        self._now = 0

    async def send(self, update: Update) -> Answer:
        was_up = self.up  # a call that began before it was up is not one of the first
        self.calls += 1
        self._now += 1
        self.at_once.append(self._now)
        await asyncio.sleep(0.005)
        self._now -= 1
        return Answer("done", 5, 200, delivered=True) if was_up else Answer("connect", 5)

    async def close(self) -> None: ...


async def fails(due: Any) -> bool:
    return bool((await due.heartbeat()).state == "failing")


async def arrived(due: Any) -> bool:
    return set(await due.states()) == {"delivered"}


async def test_while_it_fails_one_delivery_at_a_time_tries_and_the_others_lose_no_attempts(
    due: Any, working: Any, until: Until
) -> None:
    epr = Epr()
    await due.destination("https://epr.example/FHIR/R4")
    for reference in REFERENCES:
        await due.referral(reference)

    async with working({"fhir-callback": epr}):
        await until(lambda: fails(due))
        await asyncio.sleep(0.2)
        before = epr.calls
        await asyncio.sleep(1.2)  # two probes at the most: half a second to one, then one to two
        assert 0 <= epr.calls - before <= 2

    assert before <= 2 * PLACES
    assert {row.state for row in await due.rows()} == {"due"}
    assert sum(row.attempts == 0 for row in await due.rows()) >= len(REFERENCES) - 2 * PLACES


async def test_once_it_is_back_everything_arrives_and_the_first_calls_come_one_by_one(
    due: Any, working: Any, until: Until
) -> None:
    epr = Epr()
    await due.destination("https://epr.example/FHIR/R4")
    for reference in REFERENCES:
        await due.referral(reference)

    async with working({"fhir-callback": epr}):
        await until(lambda: fails(due))
        epr.up, epr.at_once = True, []
        await until(lambda: arrived(due))

    assert epr.at_once[:2] == [1, 1]
    assert max(epr.at_once) <= PLACES
    heartbeat = await due.heartbeat()
    assert (heartbeat.state, heartbeat.failures, heartbeat.not_before) == ("healthy", 0, None)


async def test_what_had_to_wait_for_itself_goes_as_soon_as_the_destination_is_back(
    due: Any, store: Store, working: Any, until: Until
) -> None:
    epr = Epr()
    await due.destination("https://epr.example/FHIR/R4")
    for reference in REFERENCES[:4]:
        await due.referral(reference)

    async with working({"fhir-callback": epr}, retry_seconds=(0.01, 0.02, 0.03, 86_400, 86_400)):
        await until(lambda: fails(due))
    async with store.transaction() as connection:  # as if all had been tried often, while nothing is under way
        await connection.execute(update(delivery).values(due_at=now() + timedelta(hours=8), attempts=1))
        await connection.execute(
            update(delivery).where(delivery.c.id.in_(select(delivery.c.id).limit(1))).values(due_at=now())
        )
    epr.up = True
    async with working({"fhir-callback": epr}):
        await until(lambda: arrived(due))


async def test_updates_that_are_the_trouble_themselves_do_not_stand_before_all_others(
    due: Any, working: Any, until: Until
) -> None:
    class Picky(Epr):
        """An EPR that fails on some updates, again and again, and would take any other."""

        async def send(self, update: Update) -> Answer:
            return Answer("done", 5, 500) if update.task_id in bad else Answer("done", 5, 200, delivered=True)

    await due.destination("https://epr.example/FHIR/R4")
    bad = {await due.referral(reference) for reference in REFERENCES[:12]}
    good = [await due.referral(f"SP-2000-0000-{number:04d}") for number in range(2)]

    async def have_arrived() -> bool:
        return {state for each in good for state in await due.states(each)} == {"delivered"}

    async with working({"fhir-callback": Picky()}, retry_seconds=(1, 5, 30, 120, 600)):
        await until(have_arrived)


async def test_one_probe_among_all_workers(due: Any, store: Store, database_url: str) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(REFERENCES[0])
    async with store.transaction() as connection:
        await connection.execute(update(destination).values(state="failing", not_before=now()))
    other = Store(database_url)

    taken = await asyncio.gather(*(take_probe(each, "epr", 60) for each in (store, other, store, other)))
    [waiting] = await ready(store)
    await other.close()

    assert Counter(taken) == {True: 1, False: 3}
    assert waiting.failing
    assert waiting.due_at > now() + timedelta(seconds=50)


async def test_a_paused_destination_gets_nothing_and_what_is_due_waits(due: Any, store: Store) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    await due.referral(REFERENCES[0])
    async with store.transaction() as connection:
        await connection.execute(update(destination).values(state="paused"))

    assert await ready(store) == []
    assert await claim(store, "epr", 60, 50) == []
    assert await due.states() == ["due"]


async def test_who_asks_to_be_left_alone_is_not_called_for_others_either(
    due: Any, epr: Any, working: Any, until: Until
) -> None:
    await due.destination(epr.url)
    await due.referral(REFERENCES[0])
    await epr.fail(fail_next=1, status=429, retry_after=600)

    async def was_tried() -> bool:
        return bool(await due.attempts())

    async with working(retry_seconds=(1, 3600)):
        await until(was_tried)
        await due.referral(REFERENCES[1])
        await asyncio.sleep(0.3)

    assert len(await due.attempts()) == 1
    assert (await due.heartbeat()).not_before > now() + timedelta(seconds=500)


async def test_a_recovery_is_told_only_to_who_was_told_of_the_outage(
    due: Any, store: Store, working: Any, until: Until
) -> None:
    await due.destination("https://epr.example/FHIR/R4")
    for alerted_at in (None, now()):
        epr = Epr()
        for reference in REFERENCES[:3]:
            await due.referral(reference.replace("1000", "2000" if alerted_at else "3000"))
        async with working({"fhir-callback": epr}):
            await until(lambda: fails(due))
            async with store.transaction() as connection:
                await connection.execute(update(destination).values(alerted_at=alerted_at))
            epr.up = True
            await until(lambda: arrived(due))

    async with store.reading() as connection:
        alerts = (await connection.execute(select(alert))).all()
    assert [(one.kind, one.sent_at) for one in alerts] == [("recovered", None)]
    assert "It had failed with: no answer (connect)." in alerts[0].reason
    assert (await due.heartbeat()).alerted_at is None


async def test_attempts_and_lags_are_tallied(due: Any, store: Store, epr: Any, working: Any, until: Until) -> None:
    await due.destination(epr.url)
    for reference in REFERENCES[:3]:
        await due.referral(reference)
    await epr.fail(fail_next=1, status=503)

    async with working():
        await until(lambda: arrived(due))

    async with store.reading() as connection:
        rows = (await connection.execute(select(tally))).all()
    counted = [(row.measure, row.label, row[3]) for row in rows]
    assert sorted(one for one in counted if one[0] == "attempt") == [
        ("attempt", "delivered", 3),
        ("attempt", "refused-503", 1),
    ]
    assert sum(count for measure, _, count in counted if measure == "lag") == 3
