"""Rounds: under load with faults on, something is killed at a random moment and started again; then all is compared."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from crash.checks import Found
from crash.stage import Stage

LOAD = 1.5  # seconds of a round in which new referrals are begun
SENDERS = 4
TOGETHER = 20  # rounds on one database


@dataclass
class Figures:
    """What the rounds of one engine came to. `longest_recovery`: seconds from a kill to the arrival of all that was
    acknowledged until then and since. `repeats`: deliveries that came again, with the id of before."""

    engine: str
    seed: int
    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    referrals: int = 0
    changes: int = 0
    deliveries: int = 0
    attempts: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    asked_again: int = 0
    refused_for_now: int = 0
    longest_recovery: float = 0.0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, stage: Stage, found: Found) -> None:
        """All that was played on one stage."""
        self.referrals += found.referrals
        self.changes += len(stage.acknowledged.changes)
        self.deliveries += found.deliveries
        self.attempts += found.attempts
        self.asked_again += stage.acknowledged.asked_again
        self.refused_for_now += stage.acknowledged.refused_for_now
        seen = stage.seen()
        self.repeats += seen.pop("repeat", 0)
        self.faults += seen

    def as_json(self) -> dict[str, object]:
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}


def play(folder: Path, engine: str, rounds: int, seed: int, tell: Callable[[str], None]) -> Figures:
    """So many rounds; ends early when one finds something wrong."""
    figures = Figures(engine, seed)
    started = time.monotonic()
    for first in range(0, rounds, TOGETHER):
        stage = Stage(folder / f"{engine}-{first}", engine, seed + first)
        try:
            found = Found()
            for number in range(first, min(rounds, first + TOGETHER)):
                killed, recovery, found = asyncio.run(_round(stage))
                figures.rounds += 1
                figures.kills += Counter(killed)
                figures.longest_recovery = max(figures.longest_recovery, recovery)
                figures.wrong += [f"seed {seed + first}, round {number}: {what}" for what in found.wrong]
                tell(f"{engine} {number + 1}/{rounds}: killed {', '.join(killed)}; all there after {recovery:.1f} s")
                if found.wrong:
                    break
            figures.add(stage, found)
        finally:
            stage.close()
        if figures.wrong:
            break
    figures.seconds = time.monotonic() - started
    return figures


async def _round(stage: Stage) -> tuple[list[str], float, Found]:
    chance = stage.chance
    killed = chance.sample(list(stage.machines), chance.choice([1, 1, 1, 2, len(stage.machines)]))
    load = asyncio.create_task(stage.clients.load(LOAD, SENDERS))
    await asyncio.sleep(chance.uniform(0.1, LOAD))
    kill_at = time.monotonic()
    for name in killed:
        stage.machines[name].kill()
    await asyncio.sleep(chance.choice([0, 0.2, 1]))
    for name in killed:
        stage.machines[name].start()
    for name in killed:
        await asyncio.to_thread(stage.machines[name].wait_until_up)
    wrong = await stage.books.done_not_received()
    await load
    found = await stage.settle()
    found.wrong += wrong
    return killed, time.monotonic() - kill_at, found
