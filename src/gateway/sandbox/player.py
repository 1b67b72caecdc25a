"""Plays the hub's part: follows the tenant's referrals and does what the scenario of each person says, when it is due.

Each step goes the way of any platform's request (`record`), under an X-Request-Id that is always the same: played
again after a restart, it gets its first answer and changes nothing.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import orjson
import structlog
from sqlalchemy import RowMapping

from gateway.arrival import Gateway
from gateway.errors import GatewayError
from gateway.ids import LONG_AGO, now
from gateway.messages import Answer, Received
from gateway.record import record
from gateway.sandbox.parties import HUB, PARTNERSHIP, PLATFORM
from gateway.sandbox.scenarios import Scenario, Step, scenarios
from gateway.security import Caller
from gateway.store import referrals
from gateway.telemetry import RequestContext

BEHIND = timedelta(seconds=10)  # a referral may be stored a little after the time that it is dated with
PAGE = 200

log = structlog.get_logger()

AS_PLATFORM = Caller(PLATFORM, PARTNERSHIP, "platform", frozenset({"platform/referrals.write"}), frozenset({HUB}))


@dataclass
class Play:
    """A referral whose scenario goes on: `done` steps were played, the next is due then."""

    organisation: str
    referral_id: str
    correlation_id: str
    scenario: Scenario
    done: int
    due_at: datetime

    @property
    def step(self) -> Step:
        return self.scenario.steps[self.done]


class Player:
    """Of one tenant. `left_alone` are referrals that no scenario is played for."""

    def __init__(self, gateway: Gateway, left_alone: list[str]) -> None:
        self._gateway = gateway
        self._seen = set(left_alone)
        self._read_to = LONG_AGO
        self._plays: dict[str, Play] = {}
        self._playing = asyncio.Lock()  # the tenant's own round, and whoever puts the clock forward

    async def play_due(self) -> datetime | None:
        """Plays all that is due now; returns when the next step is."""
        async with self._playing:
            await self._look()
            while self._plays:
                play = min(self._plays.values(), key=lambda one: one.due_at)
                if play.due_at > now():
                    return play.due_at
                await self._play(play)
            return None

    async def _look(self) -> None:
        """Finds the referrals that came since the last look."""
        since = self._read_to
        after: tuple[datetime, str] | None = None
        while True:
            async with self._gateway.store.reading() as connection:
                rows = await referrals.list_at_hubs(
                    connection,
                    [HUB],
                    updated_since=since - BEHIND if since > LONG_AGO else None,
                    after=after,
                    limit=PAGE,
                )
            for row in rows:
                self._notice(row)
            if len(rows) < PAGE:
                return
            after = rows[-1]["updated_at"], rows[-1]["id"]

    def _notice(self, row: RowMapping) -> None:
        self._read_to = max(self._read_to, row["updated_at"])
        if row["id"] in self._seen:
            return
        self._seen.add(row["id"])
        scenario = scenario_of(row)
        if scenario and scenario.steps:
            due_at = row["submitted_at"] + scenario.steps[0].after
            self._plays[row["id"]] = Play(row["organisation"], row["id"], row["correlation_id"], scenario, 0, due_at)

    async def _play(self, play: Play) -> None:
        """A step that is not possible now ends the play: somebody has taken the referral another way."""
        path = f"/sandbox/scenarios/{play.scenario.key}/{play.done}"
        context = RequestContext(str(uuid5(NAMESPACE_URL, f"{play.referral_id}{path}")), play.correlation_id)
        try:
            async with self._gateway.store.reading() as connection:
                stored = await referrals.load(connection, play.organisation, play.referral_id)
            assert stored is not None  # nothing is deleted
            change = play.step.change(stored.standing, now())
            received = Received("POST /sandbox/scenarios", path, b"")
            await record(
                self._gateway.store,
                AS_PLATFORM,
                context,
                play.organisation,
                play.referral_id,
                change,
                received,
                lambda _: Answer(200, b""),
            )
        except GatewayError as refusal:
            log.info("scenario ends", scenario=play.scenario.key, step=play.done, refusal=type(refusal).__name__)
            del self._plays[play.referral_id]
            return
        play.done += 1
        if play.done == len(play.scenario.steps):
            del self._plays[play.referral_id]
        else:
            play.due_at += play.step.after


def scenario_of(row: RowMapping | dict[str, object]) -> Scenario | None:
    """The scenario of the person of a row of table `referral`."""
    content = orjson.loads(str(row["content"]))
    return scenarios().get(content["person"].get("nhs_number", ""))
