"""Pages that are open in this process: each is told when what it shows would look another way, or its session is over.

All are looked after together: when something was committed, here or elsewhere (`gateway.store.wake`), and every second
besides, three queries ask for all of them, however many they are. Who has no page open asks nothing.
"""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

import structlog

from gateway.ids import now
from gateway.launch.session import LaunchSession, require_patient
from gateway.store.engine import Store
from gateway.store.live import Facts, Name, facts_of, read_ends
from gateway.store.wake import first_of
from gateway.viewing import found_under
from mappings.clinician import uk_day

GAP = 0.15  # seconds between two looks: under load each finds more
NET = 1.0  # seconds after which there is a look without news
BEHIND = 5.0  # seconds without a look that succeeded: nobody can say what is up to date
MOST = 4  # streams of one session; the oldest gives way

log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class OpenPage:
    """A page about one person, as long as its stream lasts. `version` names what it would show now: it is another one
    whenever anything that is shown changes. `news` is set when there is something to tell; whoever tells clears it."""

    session: str
    names: frozenset[Name]
    version: str | None = None
    over: bool = False
    replaced: bool = False  # by newer streams of the same session
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, facts: dict[Name, Facts]) -> None:
        version = _version(self.names, facts)
        if version != self.version:
            self.version = version
            self.news.set()

    def end(self) -> None:
        self.over = True
        self.news.set()


def page_of(session: LaunchSession) -> OpenPage:
    """Raises NotFound in a session about nobody."""
    patient = require_patient(session)
    keys, values = found_under(patient, uk_day(now()))
    return OpenPage(session.id, frozenset((session.organisation, name) for name in [*keys, *values]))


async def version_of(store: Store, session: LaunchSession) -> str:
    """What the page would show now, by the name that its stream would give it."""
    names = page_of(session).names
    async with store.reading() as connection:
        return _version(names, await facts_of(connection, names))


def _version(names: Collection[Name], facts: dict[Name, Facts]) -> str:
    shown = sorted({fact for name in names for fact in facts.get(name, ())})
    return sha256(repr(shown).encode()).hexdigest()[:16]


class OpenPages:
    """One per process. `closed` is set when it stops: all streams end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pages: dict[OpenPage, None] = {}  # in the order in which they were opened
        self._joined = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self.closed = False

    @property
    def is_sure(self) -> bool:
        """Whether what the pages were told last still holds."""
        return time.monotonic() - self._looked_at < BEHIND

    @contextmanager
    def watching(self, page: OpenPage) -> Iterator[None]:
        """Within the block the page is looked after."""
        self._give_way(page.session)
        self._pages[page] = None
        self._joined.set()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_until_none())
        try:
            yield
        finally:
            del self._pages[page]

    def _give_way(self, session: str) -> None:
        theirs = [page for page in self._pages if page.session == session and not page.replaced]
        for page in theirs[: max(0, len(theirs) + 1 - MOST)]:
            page.replaced = True
            page.news.set()

    async def _look_until_none(self) -> None:
        while self._pages and not self.closed:
            self._store.changed.clear()  # before the look, so that no news is missed
            self._joined.clear()
            try:
                await self._look()
                self._looked_at = time.monotonic()
            except Exception as trouble:
                log.warning("open pages cannot be looked after", error=type(trouble).__name__, pages=len(self._pages))
            await asyncio.sleep(GAP)
            await first_of(NET - GAP, self._store.changed, self._joined)

    async def _look(self) -> None:
        pages = list(self._pages)
        names = {name for page in pages for name in page.names}
        async with self._store.reading() as connection:
            facts = await facts_of(connection, names)
            ends = await read_ends(connection, {page.session for page in pages})
        moment = now()
        alive = {row.id for row in ends if not row.ended and row.expires_at >= moment}
        for page in pages:
            if page.session in alive:
                page.see(facts)
            else:
                page.end()

    def close(self) -> None:
        self.closed = True
        for page in self._pages:
            page.news.set()
        if self._looking:
            self._looking.cancel()
