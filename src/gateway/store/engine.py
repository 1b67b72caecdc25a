"""The connection to the database, and the writer that commits what concurrent requests want stored together."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy.exc
from sqlalchemy import Connection, Table, event, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from gateway.ids import close_moment
from gateway.store.schema import metadata, poll_mark
from gateway.store.statement import insert_into

Rows = tuple[Table, Sequence[dict[str, Any]]]

UNREACHABLE = (
    OSError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,  # told of the end of its connection, and used before that came
)

IN_EACH_OTHERS_WAY = {"40001", "40P01"}  # SQLSTATE: could not be put in an order, waited in a ring

# Of a connection to PostgreSQL, for when the network between is cut without a word: the server gives up the locks of
# a process that it hears nothing of, and the process gives up a statement that is not answered (seconds).
BOUNDS: dict[str, Any] = {
    "command_timeout": 60,
    "server_settings": {
        "idle_in_transaction_session_timeout": "15s",
        "tcp_keepalives_idle": "15",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "30s",
    },
}

REFUSED_BY_TRIGGER = {"PM001", "SQLITE_CONSTRAINT_TRIGGER"}  # by the only one there is (migration 0005)

ORDER = {table: position for position, table in enumerate(metadata.tables.values())}


class Late(Exception):
    """A change came to be stored under a time that polls have gone past (store.polls). Nothing was kept: it may be
    tried again, with the time of then."""

    sqlstate = "40001"

    def __init__(self, closed: datetime) -> None:
        super().__init__()
        self.closed = closed


class Store:
    """One per process. `committed` is set after each commit, for the worker, and `to_fetch` when the news is a Task
    whose details are awaited. `changed` is the same for pages that are open here, and `to_tell` for other processes:
    whoever waits for one of them clears it. `registrations` grows when parties have changed. `gateway.store.wake`
    brings the news of other processes."""

    def __init__(self, url: str, connections: int = 8, *, bounded: bool = True) -> None:
        """Without bounds a statement may take as long as it needs: a migration does."""
        bounds = BOUNDS if bounded and url.startswith("postgresql") else {}
        self.engine = create_async_engine(
            url, pool_size=connections, max_overflow=0, hide_parameters=True, connect_args=bounds
        )
        self.committed = asyncio.Event()
        self.to_fetch = asyncio.Event()  # of its own: fetches are few, and commits many
        self.changed = asyncio.Event()
        self.to_tell = asyncio.Event()
        self.registrations = 0
        self._waiting: list[tuple[Sequence[Rows], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._asking: dict[str, list[tuple[Sequence[tuple[str, ...]], asyncio.Future[list[Any]]]]] = defaultdict(list)
        self._asker: asyncio.Task[None] | None = None
        self._sqlite_lock = asyncio.Lock() if self.engine.dialect.name == "sqlite" else None
        if self._sqlite_lock:
            event.listen(self.engine.sync_engine, "connect", _open_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent look at the store."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Read, decide and write as one: committed at the end of the block, rolled back when it raises.

        Raises Late."""
        try:
            if self._sqlite_lock:
                # SQLite lets one writer in at a time; queueing here is fair, its own busy loop sleeps up to 100 ms.
                async with self._sqlite_lock, self._write_transaction() as connection:
                    yield connection
            else:
                async with self._write_transaction() as connection:
                    yield connection
        except DBAPIError as trouble:
            if not _is_late(trouble):
                raise
            closed = await self._closed(trouble)
            close_moment(closed)
            raise Late(closed) from trouble
        self._tell_of_commit()

    @asynccontextmanager
    async def _write_transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.connect() as plain:
            connection = await plain.execution_options(gateway_writes=True)
            async with connection.begin():
                yield connection

    async def _closed(self, trouble: BaseException) -> datetime:
        """The moment that a change must be dated after, so that its next try is not late again, even where this
        machine's clock is behind that of another."""
        refused = getattr(trouble, "orig", trouble)
        refused = refused.__cause__ or refused
        if isinstance(refused, asyncpg.PostgresError):
            return datetime.fromisoformat(str(refused.detail))
        async with self.reading() as connection:  # SQLite's triggers say nothing that changes; its clock is one
            marked: datetime = (await connection.execute(select(func.max(poll_mark.c.at)))).scalar_one()
        return marked

    async def write(self, rows: Sequence[Rows]) -> None:
        """Store new rows; returns when they are durable.

        Rows of requests that wait at the same time go into one transaction (measured: three to five times the
        commits of one transaction each). Raises IntegrityError when these rows clash with stored ones, and Late; then
        nothing of them is kept and nobody else's are touched. A request that comes alone does not wait for company.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting())
        try:
            await done
        except Late as late:
            close_moment(late.closed)  # here, in the request's own context
            raise

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._commit([rows for rows, _ in batch])
            except BaseException as trouble:
                if len(batch) > 1 and isinstance(trouble, Exception) and not is_unreachable(trouble):
                    await self._one_by_one(batch)  # one of them clashes, or cannot be stored: the others can
                    continue
                for _, done in batch:
                    _answer(done, trouble)
                if not isinstance(trouble, Exception):
                    raise
            else:
                for _, done in batch:
                    _answer(done)

    async def _one_by_one(self, batch: list[tuple[Sequence[Rows], asyncio.Future[None]]]) -> None:
        for rows, done in batch:
            try:
                await self._commit([rows])
            except Exception as trouble:
                _answer(done, trouble)
            else:
                _answer(done)

    async def _commit(self, batch: list[Sequence[Rows]]) -> None:
        by_table: dict[Table, list[dict[str, Any]]] = defaultdict(list)
        for rows in sorted(batch, key=_organisation):  # in one order, in which the triggers lock them
            for table, some in rows:
                if some:
                    by_table[table].extend(some)
        tables = [(table, by_table[table]) for table in sorted(by_table, key=ORDER.__getitem__)]
        if self.is_postgresql:
            await self._insert_at_once(tables)
        else:
            async with self.transaction() as connection:
                for table, together in tables:
                    await connection.execute(table.insert(), together)

    async def _insert_at_once(self, batch: Sequence[Rows]) -> None:
        """One statement for all tables, so one journey to PostgreSQL and back, its commit included.

        Measured beside a COPY for each table: half the processor time, here and there, where a request comes alone,
        as much where many do; and the journeys of COPY, two a table, wait behind requests that come in meanwhile.
        """
        statement = insert_into(tuple((table, tuple(rows[0])) for table, rows in batch))
        columns = [column for _, rows in batch for column in zip(*(row.values() for row in rows), strict=True)]
        try:
            await self.at_once(statement, columns)
        except asyncpg.IntegrityConstraintViolationError as clash:
            raise IntegrityError(statement, None, clash) from clash
        except asyncpg.PostgresError as trouble:
            if not _is_late(trouble):
                raise
            raise Late(await self._closed(trouble)) from trouble

    async def at_once(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Runs one statement of PostgreSQL's own that writes, and commits it; returns the rows that it gives."""
        async with self._plain() as plain:
            rows = await plain.fetch(statement, *values)
        self._tell_of_commit()
        return list(rows)

    def _tell_of_commit(self) -> None:
        for waiting in (self.committed, self.changed, self.to_tell):
            waiting.set()

    async def look_up(self, statement: str, sought: Sequence[tuple[str, ...]]) -> list[Any]:
        """What a query of PostgreSQL's own finds for each of these, in one journey for all who ask at the same time.

        The statement takes an array for each place of the tuples, and its first column is the number (from 1) of the
        one that a row was found for; it is left out of the answer. A request that asks alone does not wait.
        """
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._asking[statement].append((sought, done))
        if self._asker is None or self._asker.done():
            self._asker = asyncio.create_task(self._ask_waiting())
        return await done

    async def _ask_waiting(self) -> None:
        while self._asking:
            statement, batch = self._asking.popitem()
            try:
                found = await self._fetch(statement, [one for sought, _ in batch for one in sought])
            except BaseException as trouble:
                for _, done in batch:
                    _answer(done, trouble)
                if not isinstance(trouble, Exception):
                    raise
                continue
            owners = [owner for owner, (sought, _) in enumerate(batch) for _ in sought]
            answers: list[list[Any]] = [[] for _ in batch]
            for number, *row in found:
                answers[owners[number - 1]].append(row)
            for (_, done), rows in zip(batch, answers, strict=True):
                _answer(done, answer=rows)

    async def _fetch(self, statement: str, sought: Sequence[tuple[str, ...]]) -> list[Any]:
        async with self._plain() as plain:
            return list(await plain.fetch(statement, *zip(*sought, strict=True)))

    @asynccontextmanager
    async def _plain(self) -> AsyncIterator[Any]:
        """asyncpg's own connection; after an error nobody else gets it, whatever state it is in."""
        async with self.engine.connect() as connection:
            plain = (await connection.get_raw_connection()).driver_connection
            try:
                yield plain
            except asyncpg.IntegrityConstraintViolationError:
                raise
            except BaseException as trouble:
                if not _is_late(trouble):
                    await connection.invalidate()
                raise

    async def close(self) -> None:
        if self._writer:
            await self._writer
        await self.engine.dispose()


def _organisation(batch: Sequence[Rows]) -> str:
    return next((str(some[0].get("organisation", "")) for _, some in batch if some), "")


def is_unreachable(error: BaseException) -> bool:
    """Whether this says that the database is not there, full or overloaded, rather than that something is wrong."""
    inside = getattr(getattr(error, "orig", None), "__cause__", None)  # SQLAlchemy has no name of its own for each
    return isinstance(error, UNREACHABLE) or isinstance(inside, UNREACHABLE)


def is_contended(error: BaseException) -> bool:
    """Whether transactions stood in each other's way, so that the database ended this one: it may be tried again."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) in IN_EACH_OTHERS_WAY


def _is_late(error: BaseException) -> bool:
    error = getattr(error, "orig", error)
    said = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    return said in REFUSED_BY_TRIGGER


def _answer(done: "asyncio.Future[Any]", trouble: BaseException | None = None, answer: Any = None) -> None:
    if done.done():  # the request went away; its rows are stored all the same
        return
    if trouble is None:
        done.set_result(answer)
    else:
        done.set_exception(trouble)


def _open_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy begins; the driver must not
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # acknowledged means on disk
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("gateway_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
