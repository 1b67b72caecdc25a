"""What /_status and /metrics say of each destination, and to whom."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.seen.conftest import HUB_SYSTEM, RECORD, Seen

from gateway.heartbeat import Heartbeat, colour_of, in_words
from gateway.ids import new_id, now
from gateway.store.schema import rehearsal, tally


def beat(**changed: Any) -> Heartbeat:
    well: dict[str, Any] = {
        "id": "rio",
        "organisation": "XND01",
        "kind": "fhir-callback",
        "owner": "Integration desk",
        "state": "healthy",
        "version": None,
        "last_success_at": now(),
        "last_failure_at": None,
        "last_failure": None,
        "undelivered": 0,
        "oldest_undelivered_seconds": None,
        "dead": 0,
    }
    return Heartbeat(**(well | changed))


@pytest.mark.parametrize(
    ("changed", "colour", "words"),
    [
        ({}, "green", "Well"),
        ({"last_success_at": None}, "amber", "Untried: nothing has been delivered yet"),
        ({"oldest_undelivered_seconds": 61.0}, "amber", "Slow: the oldest update waits for 61 s"),
        ({"oldest_undelivered_seconds": 301.0}, "red", "Behind: the oldest update waits for 5 min"),
        ({"state": "paused", "oldest_undelivered_seconds": 301.0}, "amber", "Paused by a person: updates wait"),
        ({"dead": 2}, "red", "2 out of retries, waiting for a person"),
        ({"state": "failing", "last_failure": "answered 503"}, "red", "Failing: answered 503"),
        ({"state": "disabled"}, "red", "Given up: nothing is sent until somebody resumes it"),
        ({"state": "retired", "dead": 2}, "grey", "Retired: it is told nothing any more"),
    ],
)
def test_a_colour_never_stands_without_words(changed: dict[str, Any], colour: str, words: str) -> None:
    assert colour_of(beat(**changed), 300) == (colour, words)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (200_000, "2 days")])
def test_ages_are_told_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


async def status(seen: Seen, client: str) -> dict[str, Any]:
    answer = await seen.running.call(client, "GET", "/_status")
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    return shown


async def test_each_sees_its_own_destinations_and_an_operator_all(seen: Seen) -> None:
    names = {
        client: [one["id"] for one in (await status(seen, client))["destinations"]]
        for client in ("demo-epr", "demo-epr-2", "demo-platform", "demo-operator")
    }

    assert names == {
        "demo-epr": [RECORD],
        "demo-epr-2": [],
        "demo-platform": [HUB_SYSTEM],
        "demo-operator": [RECORD, HUB_SYSTEM],
    }


async def test_a_destination_that_fails_is_a_warning_with_its_reason(seen: Seen) -> None:
    await seen.running.refer()
    await seen.change_destination(
        state="failing", last_failure="answered 503", last_failure_at=now(), version="21.4", failing_since=now()
    )

    shown = await status(seen, "demo-operator")

    assert (shown["status"], shown["reasons"]) == ("warn", [f"{RECORD}: Failing: answered 503."])
    told = shown["destinations"][0]
    assert (
        told
        | {
            "colour": "red",
            "words": "Failing: answered 503",
            "version": "21.4",
            "undelivered": 1,
            "dead": 0,
            "owner": "Digital integration desk, 01632 960150",
        }
        == told
    )
    assert told["last_failure_at"]
    assert (shown["alerts_unsent"], shown["rehearsal"], shown["lag"]["deliveries"]) == (0, None, 0)


async def test_what_was_tallied_and_rehearsed_is_told(seen: Seen) -> None:
    await count(seen, RECORD, "lag", {"0.05": (3, 0.09), "0.5": (1, 0.4)})
    row = {"id": new_id(), "destination_id": RECORD, "at": now() - timedelta(seconds=90), "milliseconds": 480}
    await seen.running.store.write([(rehearsal, [row | {"failure": None}])])

    shown = await status(seen, "demo-epr")

    assert (shown["lag"]["deliveries"], shown["lag"]["mean_seconds"]) == (4, 0.122)
    assert (shown["lag"]["within_seconds"]["0.25"], shown["lag"]["within_seconds"]["+Inf"]) == (3, 4)
    assert 90 <= shown["rehearsal"]["age_seconds"] < 100
    assert (shown["rehearsal"]["milliseconds"], shown["rehearsal"]["failure"]) == (480, None)


async def count(seen: Seen, to: str, measure: str, labels: dict[str, tuple[int, float]]) -> None:
    rows = [
        {"destination_id": to, "measure": measure, "label": label, "count": many, "seconds": seconds}
        for label, (many, seconds) in labels.items()
    ]
    await seen.running.store.write([(tally, rows)])


async def scrape(seen: Seen, token: str) -> dict[tuple[str, ...], float]:
    answer = await seen.running.http.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_come_from_the_database_so_every_process_tells_the_same(seen: Seen, tmp_path: Path) -> None:
    await seen.running.refer()
    await seen.change_deliveries(RECORD, age=100)
    await seen.change_deliveries(HUB_SYSTEM, state="dead")
    await count(seen, RECORD, "attempt", {"delivered": (7, 0.35), "connect": (2, 0.1)})
    await count(seen, RECORD, "lag", {"0.05": (6, 0.12), "1": (1, 0.7)})

    told = await scrape(seen, (tmp_path / "metrics-token").read_text())

    assert told["gateway_delivery_attempts_total", RECORD, "delivered"] == 7
    assert told["gateway_delivery_attempts_total", RECORD, "connect"] == 2
    lag = "gateway_delivery_lag_seconds"
    assert [told[f"{lag}_bucket", RECORD, most] for most in ("0.05", "0.5", "1.0", "+Inf")] == [6, 6, 7, 7]
    assert told[f"{lag}_count", RECORD] == 7
    assert told[f"{lag}_sum", RECORD] == pytest.approx(0.82)
    assert told["gateway_deliveries_undelivered", RECORD] == 1
    assert 100 <= told["gateway_oldest_undelivered_seconds", RECORD] < 110
    assert told["gateway_dead_letters", HUB_SYSTEM] == 1
    assert told["gateway_destination_state", RECORD, "healthy"] == 1
    assert told["gateway_destination_state", RECORD, "failing"] == 0
    assert told == await scrape(seen, seen.running.tokens["demo-operator"]) | {
        key: value for key, value in told.items() if "oldest" in key[0]
    }


async def test_metrics_are_for_operators_and_the_scraper_only(seen: Seen, tmp_path: Path) -> None:
    refused = {}
    for name in (None, "demo-epr", "demo-platform"):
        refused[name] = (await seen.running.call(name, "GET", "/metrics")).status_code
    wrong = await seen.running.http.get("/metrics", headers={"Authorization": "Bearer wrong"})

    assert refused == {None: 401, "demo-epr": 403, "demo-platform": 403}
    assert wrong.status_code == 401
    assert (tmp_path / "metrics-token").stat().st_mode & 0o777 == 0o600
