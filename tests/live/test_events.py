"""GET {session}/events and {session}/state: who has the page open sees within a second what a link worker does."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import func, select, update
from tests.app import resource_of
from tests.live.conftest import Stream, Two
from tests.waiting import until
from tests.web.conftest import PRIYA

from gateway import live
from gateway.ids import now
from gateway.store.schema import audit, delivery, launch_session


async def test_a_change_is_told_at_once_to_pages_of_this_and_another_process(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live.NET <= 1  # second: how late it is when no news comes
    monkeypatch.setattr(live, "NET", 3600)  # news does come
    task = await two.web.refer()
    here, there = await two.web.open(), await two.web.open()
    async with two.first.stream(here) as one, two.second.stream(there) as other:
        first = [await one.next("changed"), await other.next("changed")]
        lags = []
        for status, more in (("received", {}), ("accepted", {}), ("allocated", {"advisor": PRIYA})):
            await asyncio.sleep(0.3)
            await two.web.tell(task, "transitions", to=status, **more)
            told = time.monotonic()
            lags += [(await stream.next("changed")).at - told for stream in (one, other)]

    print("seconds until it is told:", [round(lag, 3) for lag in lags])
    assert first[0].id == first[1].id


async def test_the_first_referral_of_a_person_is_told(two: Two) -> None:
    page = await two.web.open()
    async with two.second.stream(page) as stream:
        before = await stream.next("changed")
        await two.web.refer()
        after = await stream.next("changed")

    assert after.id != before.id


async def test_another_persons_referral_is_not_told(two: Two) -> None:
    await two.web.refer()
    page = await two.web.open()
    async with two.first.stream(page) as stream:
        await stream.next("changed")
        await two.web.refer(_of_somebody_else)
        assert (await stream.next()).name == "alive"


async def test_that_the_record_has_been_told_is_told(two: Two) -> None:
    await two.web.refer()
    page = await two.web.open()
    async with two.second.stream(page) as stream:
        await stream.next("changed")
        async with two.web.running.store.transaction() as connection:
            assert (await connection.execute(select(func.count()).select_from(delivery))).scalar_one()
            await connection.execute(update(delivery).values(state="delivered", delivered_at=now()))
        await stream.next("changed")


async def test_what_changed_between_two_streams_is_told_by_the_second(two: Two) -> None:
    task = await two.web.refer()
    page = await two.web.open()
    async with two.first.stream(page) as stream:
        seen = (await stream.next("changed")).id
    async with two.first.stream(page, **{"Last-Event-ID": seen}) as stream:
        assert (await stream.next()).name == "alive"

    await two.web.tell(task, "transitions", to="received")

    async with two.first.stream(page, **{"Last-Event-ID": seen}) as stream:
        assert (await stream.next()).name == "changed"


async def test_a_page_says_which_version_it_was_made_with(two: Two) -> None:
    task = await two.web.refer()
    page = await two.web.open()
    block = await two.first.get(page, "/live")
    version = block.headers["etag"].strip('"')

    async with two.second.stream(page, f"?seen={version}") as stream:
        assert (await stream.next()).name == "alive"
    state = await two.second.get(page, "/state")
    await two.web.tell(task, "transitions", to="received")
    later = await two.second.get(page, "/state")

    assert task["identifier"][0]["value"] in block.text
    assert state.json()["version"] == version != later.json()["version"]


async def test_the_headers_of_a_stream_keep_it_from_being_stored_or_held_back(two: Two) -> None:
    page = await two.web.open()
    async with two.first.stream(page) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"


async def test_a_stream_ends_with_its_session(two: Two) -> None:
    page = await two.web.open()
    async with two.first.stream(page) as here, two.second.stream(page) as there:
        await here.next("changed")
        await there.next("changed")
        await two.web.open(patient={"resourceType": "Patient", "id": "0045678"})  # the EPR shows somebody else
        assert [await here.rest(), await there.rest()] == [["over"], ["over"]]
    again = [(await two.first.get(page, under)).status_code for under in ("/events", "/state", "/live")]
    assert again == [401, 401, 401]


async def test_a_stream_keeps_no_session_alive_and_ends_when_it_expires(two: Two) -> None:
    page = await two.web.open()
    async with two.first.stream(page) as stream:
        await stream.next("changed")
        before = await _expiry(two, page.path)
        for under in ("/state", "/live"):
            assert (await two.first.get(page, under)).status_code == 200
        assert await _expiry(two, page.path) == before
        async with two.web.running.store.transaction() as connection:
            await connection.execute(update(launch_session).values(expires_at=now()))
        assert await stream.rest() == ["over"]


async def test_a_session_has_four_streams_at_most_and_the_oldest_gives_way(two: Two) -> None:
    page = await two.web.open()
    async with AsyncExitStack() as stack:
        streams = []
        for _ in range(5):
            streams.append(await stack.enter_async_context(two.first.stream(page)))
            await streams[-1].next("changed")

        assert await streams[0].rest() == ["elsewhere"]
        for stream in streams[1:]:
            assert (await stream.next()).name == "alive"


async def test_a_stream_is_one_row_of_the_audit_and_asking_for_the_state_none(two: Two) -> None:
    page = await two.web.open()
    async with two.first.stream(page) as stream:
        await stream.next("changed")
        await stream.next("alive")
        await two.first.get(page, "/state")
    await two.first.get(page, "/live")

    query = select(audit.c.action, audit.c.person).where(audit.c.action.contains("/app/p/")).order_by(audit.c.id)
    async with two.web.running.store.reading() as connection:
        rows = [tuple(row) for row in await connection.execute(query)]
    assert rows == [
        ("GET /app/p/{session}/events", "Dr Amara Osei"),
        ("GET /app/p/{session}/live", "Dr Amara Osei"),
    ]


async def test_another_browser_gets_no_stream(two: Two) -> None:
    page = await two.web.open()
    page.secret = "not-this-one"
    for under in ("/events", "/state", "/live"):
        assert (await two.first.get(page, under)).status_code == 401


async def test_a_database_that_is_gone_leaves_no_page_in_the_belief_that_it_is_up_to_date(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web.live.HEARTBEAT", 0.3)
    page = await two.web.open()
    async with two.first.stream(page) as stream:
        await stream.next("changed")
        told: list[str] = []
        reading = asyncio.create_task(_read(stream, told))

        async def silent() -> bool:
            before = len(told)
            await asyncio.sleep(1)
            return len(told) == before

        async def speaks() -> bool:
            return not await silent()

        await until(speaks)
        with monkeypatch.context() as broken:
            broken.setattr("gateway.live.BEHIND", 0.5)
            broken.setattr(two.first.app.state.gateway.store, "reading", _gone)
            await until(silent)
        await until(speaks)
        reading.cancel()
    assert set(told) == {"alive"}


async def _read(stream: Stream, told: list[str]) -> None:
    while True:
        told.append((await stream.next()).name)


def _gone() -> Any:
    raise OSError


def _of_somebody_else(bundle: Any) -> None:
    patient = resource_of(bundle, "Patient")
    patient["identifier"] = [{"system": "https://northdale.example/rio", "value": "777001"}]
    patient["name"] = [{"family": "Sedgwick", "given": ["Ola"]}]
    patient["birthDate"] = "1990-01-02"


async def _expiry(two: Two, path: str) -> Any:
    query = select(launch_session.c.expires_at).where(launch_session.c.id == path.rpartition("/")[2])
    async with two.web.running.store.reading() as connection:
        return (await connection.execute(query)).scalar_one()


def _counting(store: Any) -> list[str]:
    asked: list[str] = []
    sql_event.listen(store.engine.sync_engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    return asked


async def test_three_hundred_pages_are_looked_after_by_a_few_queries(two: Two) -> None:
    task = await two.web.refer()
    pages = [await two.web.open() for _ in range(100)]
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(two.second.stream(page)) for page in pages * 3]
        await asyncio.gather(*(stream.next("changed") for stream in streams))
        asked = _counting(two.second.app.state.gateway.store)
        began = time.monotonic()
        await asyncio.sleep(2)
        idle, asked[:] = len(asked) / (time.monotonic() - began), []
        await two.web.tell(task, "transitions", to="received")
        told = time.monotonic()
        events = await asyncio.gather(*(stream.next("changed") for stream in streams))
        busy = len(asked)

    lags = sorted(event.at - told for event in events)
    print(
        f"idle: {idle:.1f} queries a second; a change: {busy} queries",
        f"half are told in {lags[150]:.3f} s, all in {lags[-1]:.3f} s",
    )
    assert idle <= 8
    assert busy <= 12 + 8 * lags[-1]  # and what it looks up while it is idle
    print(f"all told within {lags[-1]:.2f} s")
