"""The batched writer: durable, together, and fair to neighbours."""

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from gateway.ids import now
from gateway.store.engine import Store, is_unreachable
from gateway.store.schema import jti


def row(number: int) -> dict[str, Any]:
    return {"client_id": "demo-epr", "jti": str(number), "expires_at": now()}


async def count(store: Store) -> int:
    async with store.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(jti))).scalar_one()


async def test_concurrent_writes_are_all_stored(store: Store) -> None:
    await asyncio.gather(*(store.write([(jti, [row(number)])]) for number in range(100)))

    assert await count(store) == 100


async def test_one_clash_fails_alone_and_keeps_nothing_of_its_own(store: Store) -> None:
    await store.write([(jti, [row(1)])])

    results = await asyncio.gather(
        *(store.write([(jti, [row(number)])]) for number in range(10, 20)),
        store.write([(jti, [row(50), row(1)])]),
        return_exceptions=True,
    )

    assert [type(result) for result in results if result is not None] == [IntegrityError]
    assert await count(store) == 11


async def test_of_two_equal_writes_racing_one_wins(store: Store) -> None:
    results = await asyncio.gather(*(store.write([(jti, [row(7)])]) for _ in range(8)), return_exceptions=True)

    assert sum(result is None for result in results) == 1
    assert await count(store) == 1


async def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    async def fail_half_way() -> None:
        async with store.transaction() as connection:
            await connection.execute(jti.insert(), [row(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()

    assert await count(store) == 0


async def test_times_come_back_in_utc_on_both_databases(store: Store) -> None:
    moment = now()
    await store.write([(jti, [row(1) | {"expires_at": moment}])])

    async with store.reading() as connection:
        assert (await connection.execute(select(jti.c.expires_at))).scalar_one() == moment


@pytest.mark.parametrize("sqlstate", ["57P03", "53300"])  # it starts up; it has too many connections
async def test_a_server_that_takes_nobody_now_is_unreachable_not_wrong(sqlstate: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As PostgreSQL does: one ErrorResponse to whatever the start-up message says."""
        await reader.read(1000)
        told = b"".join(
            kind + value + b"\0" for kind, value in ((b"S", b"FATAL"), (b"C", sqlstate.encode()), (b"M", b""))
        )
        writer.write(b"E" + (len(told) + 5).to_bytes(4, "big") + told + b"\0")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        store = Store(f"postgresql+asyncpg://postgres@127.0.0.1:{port}/gateway?ssl=disable")
        with pytest.raises(Exception) as trouble:  # noqa: PT011 - which one is what SQLAlchemy and asyncpg make of it
            async with store.reading():
                pass
        await store.close()

    assert is_unreachable(trouble.value)


async def test_a_connection_used_after_the_server_said_goodbye_is_unreachable_not_wrong() -> None:
    """Met when PostgreSQL's processes are killed: the last words have come, the end of the connection has not yet."""
    goodbye = asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    assert is_unreachable(goodbye)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_process_that_falls_silent_amid_a_transaction_does_not_keep_its_locks(store: Store) -> None:
    async with store.reading() as connection:
        bound = (await connection.execute(text("SHOW idle_in_transaction_session_timeout"))).scalar_one()

    assert bound == "15s"
