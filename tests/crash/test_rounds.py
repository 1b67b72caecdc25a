"""A handful of the rounds of `make crash`: real processes, killed under load; nothing is lost, doubled or reordered."""

from pathlib import Path

import pytest
from crash.checks import Books, Found
from crash.clients import Acknowledged
from crash.rounds import play

SEED = 20


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_what_was_acknowledged_is_stored_journalled_and_received(engine: str, tmp_path: Path) -> None:
    figures = play(tmp_path, engine, rounds=2, seed=SEED, tell=lambda _: None)

    assert figures.wrong == []
    assert figures.rounds == 2
    assert sum(figures.kills.values()) >= 2
    assert figures.deliveries == figures.referrals + figures.changes
    assert figures.referrals > 0


async def test_the_comparison_notices_what_is_missing_doubled_and_out_of_order(
    database_url: str, tmp_path: Path
) -> None:
    books = Books(database_url, tmp_path / "epr")
    (tmp_path / "epr").write_text("task-1 2 hook-2\ntask-1 1 hook-1\ntask-1 1 hook-3\n")
    acknowledged = Acknowledged(referrals={"request-1": "task-1"}, changes={"request-2": ("task-1", 2)})

    found: Found = await books.compare(acknowledged)

    assert any("request-1 was acknowledged as task-1; stored: []" in one for one in found.wrong)
    assert any("change request-2 of task-1 has events []" in one for one in found.wrong)
    assert any("effects at the EPR [2, 1, 1], not [1, 2]" in one for one in found.wrong)
    assert any("request-2 was acknowledged and is not in the audit" in one for one in found.wrong)
