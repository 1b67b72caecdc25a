"""Faults of the way there and back."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from tests.mock_rio.rio import Rio
from zeep.exceptions import Fault, TransportError

Values = dict[str, Any]


async def test_fault_slow(rio: Rio, add_note: Any) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": "slow", "seconds": 2, "times": 1})
    started = time.monotonic()

    slow = asyncio.create_task(add_note())
    await rio.call("GetTeams")
    assert not slow.done()  # one slow call holds up no other
    await slow

    assert time.monotonic() - started >= 2
    assert len(await rio.texts()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_fault_hang_before_commit__and_after(rio: Rio, add_note: Any, when: str) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": f"hang-{when}-commit", "seconds": 0.2})
    started = time.monotonic()

    with pytest.raises(httpx.TransportError):
        await add_note()

    assert time.monotonic() - started >= 0.2
    assert len(await rio.texts()) == (when == "after")


async def test_fault_hang_after_commit__ends_when_the_caller_goes(rio: Rio) -> None:
    await rio.script({"operations": "put-task", "fault": "hang-after-commit", "seconds": 600})
    rio.client.timeout = httpx.Timeout(0.2)

    with pytest.raises(httpx.ReadTimeout):
        await rio.put_task()

    assert await rio.effects() == ["Task/t1/1"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_fault_reset_before_commit__and_after(rio: Rio, add_note: Any, when: str) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": f"reset-{when}-commit"})

    with pytest.raises(httpx.ReadError):
        await add_note()

    assert len(await rio.texts()) == (when == "after")


async def test_fault_reset_after_commit__of_a_task(rio: Rio) -> None:
    await rio.script({"operations": "put-task", "fault": "reset-after-commit", "times": 1})

    with pytest.raises(httpx.ReadError):
        await rio.put_task()

    assert (await rio.put_task()).status_code == 200
    assert await rio.effects() == ["Task/t1/1"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
@pytest.mark.parametrize("committed", [False, True])
async def test_fault_http_error(rio: Rio, add_note: Any, status: int, committed: bool) -> None:
    fault = {"fault": "http-error", "status": status, "retry_after": 3, "committed": committed}
    await rio.script({"operations": ["AddProgressNote", "put-task"]} | fault)

    with pytest.raises(Fault):
        await add_note()

    answer = await rio.put_task()
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
    assert len(await rio.effects()) == (2 if committed else 0)


async def test_fault_downtime(rio: Rio, add_note: Any) -> None:
    await rio.script({"operations": "any", "fault": "downtime", "until_second": 2, "retry_after": 1})

    with pytest.raises(TransportError) as caught:
        await add_note()
    assert (caught.value.status_code, b"<h1>Planned maintenance" in caught.value.content) == (503, True)
    assert (await rio.put_task()).headers["retry-after"] == "1"

    await asyncio.sleep(2.1)
    await add_note()
    assert len(await rio.effects()) == 1


async def test_fault_batch_storm(rio: Rio) -> None:
    await rio.script({"operations": "GetTeams", "fault": "batch-storm", "seconds": 0.2})
    took = []
    for _ in range(6):
        started = time.monotonic()
        await rio.call("GetTeams")
        took.append(time.monotonic() - started)

    assert max(took) - min(took) > 0.01  # now fast, now slow
