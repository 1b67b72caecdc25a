"""make crash: kills everything, again and again, and compares what was acknowledged with what came of it.

Prints the figures, writes var/crash.json, and ends with 1 when anything was lost, doubled, or out of order.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from crash.rounds import play
from crash.scenarios import SCENARIOS

FOLDER = Path("var/crash")
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "300"))  # half of them on each database
SEED = int(os.environ.get("CRASH_SEED", "0")) or int(time.time())
console = Console(highlight=False)


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    chosen = sys.argv[1:]  # names of scenarios, or rounds; all of them when none is named
    results: dict[str, object] = {}
    wrong: list[str] = []
    if not chosen or "rounds" in chosen:
        for engine in ("sqlite", "postgresql"):
            figures = play(FOLDER, engine, ROUNDS // 2, SEED, console.print)
            results[engine] = figures.as_json()
            wrong += figures.wrong
            _store(results)
    for name, scenario in SCENARIOS.items():
        if not chosen or name in chosen:
            console.print(f"{name} ...")
            outcome = scenario(FOLDER / name, SEED)
            console.print(f"{name}: {outcome.told}")
            results[name] = {"told": outcome.told, "wrong": outcome.wrong}
            wrong += [f"{name}: {what}" for what in outcome.wrong]
            _store(results)
    console.print_json(data=results)
    console.print(f"seed {SEED}: " + ("nothing lost, doubled or out of order" if not wrong else "WRONG:"))
    for what in wrong:
        console.print(what)
    return 1 if wrong else 0


def _store(results: dict[str, object]) -> None:
    Path("var/crash.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
