"""One engineer's gateway: its own application, database, clock and receiver, under an address of its own."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from starlette.middleware import Middleware

from gateway.app import build_app
from gateway.arrival import Gateway
from gateway.errors import NotFound
from gateway.ids import Clock, clock, now
from gateway.parties import register
from gateway.sandbox import database, pushes
from gateway.sandbox.gate import Gate, keep_real_people_out
from gateway.sandbox.kept import Kept, write_kept
from gateway.sandbox.parties import TRUST, sandbox_parties
from gateway.sandbox.player import Player, scenario_of
from gateway.sandbox.pushes import Pushes
from gateway.sandbox.scenarios import Scenario
from gateway.sandbox.seeding import seed
from gateway.settings import Settings
from gateway.store import referrals
from gateway.store.engine import Store
from gateway.store.migrate import migrate
from gateway.store.subscriptions import subscriptions, switch_off
from gateway.store.wake import first_of

LEAVE = 10.0  # seconds that requests have to be answered before it stops
LOOK_AGAIN = 0.2  # seconds between two looks whether somebody waits for a laptop
LOOK = 5.0  # seconds between two looks of the player and of the worker, when nothing wakes them

log = structlog.get_logger()


class TenantSettings(Settings):
    """Settings that the environment has no say in: a sandbox sends no alerts of the machine that it runs on."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class Tenant:
    """`base_url` is where others reach it; `own_url` where this process reaches itself, for the pushes; `local` whether
    nobody but this machine can join."""

    def __init__(self, folder: Path, kept: Kept, base_url: str, own_url: str, *, local: bool) -> None:
        self.folder = folder
        self.kept = kept
        self.base_url = f"{base_url}/t/{kept.id}"
        self.push_url = f"{own_url}/t/{kept.id}/receiver/{kept.receiver_key}"
        self.local = local
        self.clock = Clock(timedelta(seconds=kept.ahead_seconds))
        self.pushes = Pushes(kept.webhook_secret, self._scenario_of)
        self.app: FastAPI | None = None
        self.used_at = time.monotonic()
        self._visits = 0  # requests that are not answered yet
        self._left = asyncio.Event()  # by all of them
        self._left.set()
        self.changing = asyncio.Lock()  # starts, stops, resets and jumps of the clock, one after the other
        self.news = asyncio.Event()  # for the player
        self._player: Player | None = None
        self._running: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def gateway(self) -> Gateway:
        assert self.app is not None
        gateway: Gateway = self.app.state.gateway
        return gateway

    @property
    def player(self) -> Player:
        assert self._player is not None
        return self._player

    async def start(self) -> FastAPI:
        """Starts it, unless it runs; with a new database it begins anew. Raises NotOurs, and NotFound when it was
        removed."""
        self.used_at = time.monotonic()
        if not self.folder.exists():
            raise NotFound("This tenant was removed.")
        if self.app is None:
            url = f"sqlite+aiosqlite:///{self.folder / database.FILE}"
            if not database.is_made(self.folder):
                self.clock.ahead = timedelta(0)
                self.keep(ahead_seconds=0, seeded=[])
                database.make(self.folder)
            await migrate(url)
            self._stop = asyncio.Event()
            app = build_app(
                TenantSettings(
                    database_url=url,
                    database_connections=4,
                    base_url=self.base_url,
                    token_secret_file=self.folder / "token-secret",
                    send_timeout_seconds=pushes.SEND_SECONDS,
                    poll_seconds=LOOK,  # its own commits wake the worker
                ),
                hosted=True,
            )
            app.user_middleware.append(Middleware(Gate))
            keep_real_people_out(app.state.gateway.store)
            database.refuse_when_over(app.state.gateway.store, self._stop)
            started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            context = copy_context()
            context.run(clock.set, self.clock)
            self._running = asyncio.create_task(self._run(app, started), context=context)
            self._running.add_done_callback(lambda ended: _tell_end(ended, started))
            await started
            self.app = app
        return self.app

    async def _run(self, app: FastAPI, started: "asyncio.Future[None]") -> None:
        async with app.router.lifespan_context(app):
            try:
                await self._prepare(app)
                self._player = Player(app.state.gateway, self.kept.seeded)
            except Exception as trouble:  # told once the application has stopped as it must
                started.set_exception(trouble)
                return
            started.set_result(None)
            await self._play(self._player)

    async def _prepare(self, app: FastAPI) -> None:
        store = app.state.gateway.store
        if not self.kept.seeded:  # nobody is told of what was there before
            await self._register(store, None)
            self.keep(seeded=await seed(app))
        await self._register(store, self.push_url)
        if not self.local:  # it may have been: what was asked for then would still call this machine
            async with store.reading() as connection:
                asked = await subscriptions(connection, TRUST)
            for one in asked:
                await switch_off(store, one)

    async def _play(self, player: Player) -> None:
        while not self._stop.is_set():
            self.news.clear()
            wait = LOOK
            try:
                due_at = await player.play_due()
                if due_at:
                    wait = min(wait, max(0.0, (due_at - now()).total_seconds()))
            except Exception as trouble:
                log.error("scenarios cannot be played", error=type(trouble).__name__, tenant=self.kept.id)
            await first_of(wait, self._stop, self.news)

    async def _register(self, store: Store, push_url: str | None) -> None:
        parties = sandbox_parties(self.kept.jwks, push_url, self.kept.webhook_secret, local=self.local)
        await register(store, parties)

    async def hush(self) -> None:
        """Sends nothing any more. Whoever waits for a laptop's answer is not kept waiting."""
        if self.app:
            self.app.state.stopping.set()
            self.app.state.open_pages.close()
            while not self.app.state.worker.done():
                self.pushes.release()
                await asyncio.wait([self.app.state.worker], timeout=LOOK_AGAIN)

    async def stop(self) -> None:
        await self.hush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE):
                await self._left.wait()
        if self._running:
            self._stop.set()
            await asyncio.wait([self._running])
        self.app = self._running = self._player = None

    async def empty(self) -> None:
        """Stops it and forgets all that was sent to it; clients, keys and addresses stay. It begins anew when it is
        started."""
        await self.stop()
        database.remove(self.folder)
        self.pushes.clear()

    def put_forward(self, span: timedelta) -> None:
        """Kept before it counts: what is stored by the later time must not be in the future after a crash."""
        ahead = self.clock.ahead + span
        self.keep(ahead_seconds=ahead.total_seconds())
        self.clock.ahead = ahead

    def keep(self, **changed: Any) -> None:
        self.kept = self.kept.model_copy(update=changed)
        write_kept(self.folder, self.kept)

    @contextlib.contextmanager
    def on_its_clock(self) -> Iterator[None]:
        """What is done here, or awaited, goes by the tenant's clock."""
        token = clock.set(self.clock)
        try:
            yield
        finally:
            clock.reset(token)

    @contextlib.contextmanager
    def visited(self) -> Iterator[None]:
        """As `on_its_clock`, for a request: it does not stop before that is answered."""
        self._visits += 1
        self._left.clear()
        try:
            with self.on_its_clock():
                yield
        finally:
            self._visits -= 1
            if not self._visits:
                self._left.set()

    @property
    def is_visited(self) -> bool:
        return self._visits > 0

    async def awake(self) -> FastAPI:
        """The running application, started when it sleeps; while it is being stopped, the next one."""
        self.used_at = time.monotonic()
        if self.app is None or self.app.state.stopping.is_set():
            async with self.changing:
                return await self.start()
        return self.app

    async def _scenario_of(self, task_id: str) -> Scenario | None:
        async with self.gateway.store.reading() as connection:
            stored = await referrals.load(connection, TRUST, task_id)
        return scenario_of(stored.row) if stored else None


def _tell_end(ended: asyncio.Task[None], started: "asyncio.Future[None]") -> None:
    """Whoever waits for a start hears of an end before it."""
    if not started.done():
        started.set_exception(ended.exception() or RuntimeError("the tenant ended before it had started"))
