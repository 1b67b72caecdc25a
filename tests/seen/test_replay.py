"""What is dead is sent again, one by one, by referral or by destination; and what a restored EPR has lost."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.app import reference_in
from tests.delivery.conftest import Epr, epr
from tests.seen.conftest import HUB_SYSTEM, RECORD, Seen
from typer.testing import CliRunner

import gateway.settings
from gateway.__main__ import app
from gateway.delivery import run
from gateway.demo.parties import mock_secret
from gateway.ids import instant, now
from gateway.store.schema import audit, delivery, destination

__all__ = ["epr"]

PLATFORM = "/platform/v1"
NOBODY = "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"


@pytest.fixture
def secret() -> str:
    return mock_secret()


async def call(seen: Seen, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await seen.running.call("demo-operator", method, PLATFORM + path, body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def deliveries(seen: Seen, to: str = RECORD) -> list[Any]:
    return list(await seen.rows(select(delivery).where(delivery.c.destination_id == to).order_by(delivery.c.number)))


async def dead_letter(seen: Seen) -> Any:
    await seen.running.refer()
    await seen.change_deliveries(RECORD, state="dead", attempts=12, last_failure="answered 422", age=4000)
    return (await deliveries(seen))[0]


async def test_a_dead_letter_is_listed_with_its_owner_and_reason(seen: Seen) -> None:
    one = await dead_letter(seen)

    listed = (await call(seen, "GET", "/deliveries?state=dead"))["deliveries"]

    assert [(each["id"], each["owner"], each["last_failure"], each["attempts_made"]) for each in listed] == [
        (one.id, "Digital integration desk, 01632 960150", "answered 422", 12)
    ]
    assert (
        listed
        == (await call(seen, "GET", f"/deliveries?referral={listed[0]['reference']}&destination={RECORD}"))[
            "deliveries"
        ]
    )
    assert (await call(seen, "GET", f"/deliveries?destination={RECORD}&state=due"))["deliveries"] == []
    assert (await call(seen, "GET", "/deliveries?referral=SP-0000-0000-0000"))["deliveries"] == []


async def test_pages_hold_each_delivery_once(seen: Seen) -> None:
    for _ in range(3):
        await seen.running.refer()
    cursor, ids = "", []
    while cursor is not None:
        page = await call(seen, "GET", f"/deliveries?limit=2{cursor and f'&cursor={cursor}'}")
        ids += [one["id"] for one in page["deliveries"]]
        cursor = page["next_cursor"]

    assert len(ids) == len(set(ids)) == 6


async def test_one_delivery_is_sent_again_with_its_retries_starting_anew(seen: Seen) -> None:
    one = await dead_letter(seen)

    shown = await call(seen, "POST", f"/deliveries/{one.id}/replay")

    assert (shown["id"], shown["state"], shown["attempts_made"]) == (one.id, "due", 12)
    row = (await deliveries(seen))[0]
    assert (row.replayed_after, row.leased_until) == (12, None)
    assert row.due_at <= now()
    assert row.created_at == one.created_at  # it is as late as before


async def test_a_referral_is_sent_again_and_no_other(seen: Seen) -> None:
    first, second = await seen.running.refer(), await seen.running.refer()
    await seen.change_deliveries(state="dead")

    replayed = await call(seen, "POST", f"/referrals/{reference_in(first)}/replay")

    assert replayed == {"replayed": 2, "remaining": 0, "last": None}
    states = {row.referral_id: row.state for row in await deliveries(seen)}
    assert states == {first["id"]: "due", second["id"]: "dead"}


async def test_what_is_on_its_way_at_this_moment_is_left_alone(seen: Seen) -> None:
    task = await seen.running.refer()
    await seen.change_deliveries(leased_until=now() + timedelta(seconds=30))

    assert (await call(seen, "POST", f"/referrals/{task['id']}/replay"))["replayed"] == 0


async def test_a_destination_is_sent_again_in_steps_with_what_remains(seen: Seen, monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.operations.routes.replay_destination", in_steps_of_two)
    for _ in range(5):
        await seen.running.refer()
    await seen.change_deliveries(state="dead")

    steps, after = [], ""
    while after is not None:
        step = await call(seen, "POST", f"/destinations/{RECORD}/replay", {"after": after})
        steps.append((step["replayed"], step["remaining"]))
        after = step["last"]

    assert steps == [(2, 3), (2, 1), (1, 0)]
    assert {row.state for row in await deliveries(seen)} == {"due"}
    assert {row.state for row in await deliveries(seen, HUB_SYSTEM)} == {"dead"}


async def in_steps_of_two(store: Any, caller: Any, context: Any, id_: str, since: Any, after: str) -> Any:
    from gateway.replay import replay_destination  # noqa: PLC0415 - the name in the routes is this function now

    return await replay_destination(store, caller, context, id_, since, after, referrals=2)


async def test_an_epr_restored_from_a_backup_is_brought_up_to_date_in_order(seen: Seen, epr: Epr) -> None:
    """It had version 1 in its backup, took versions 2 and 3 after it, and took version 4 once it was restored."""
    await seen.change_destination(url=epr.url)
    task = await seen.running.refer()
    reference = reference_in(task)
    await work(seen)
    backup = now()
    await asyncio.sleep(0.01)
    await seen.move(task["id"], to="received")
    await seen.move(task["id"], to="accepted")
    await work(seen)
    assert await epr.versions(reference) == [1, 2, 3]
    ids = [row.id for row in await deliveries(seen)]

    await epr.client.delete("/record")  # all of it, even more than the backup lacked
    await seen.move(task["id"], to="allocated", advisor={"name": "Priya Nadar", "phone": "01632 960101"})
    await work(seen)
    assert await epr.versions(reference) == [4]
    replayed = await call(seen, "POST", f"/destinations/{RECORD}/replay", {"since": instant(backup)})
    await work(seen)

    assert replayed["replayed"] == 3
    rows = await deliveries(seen)
    assert [row.state for row in rows] == ["delivered"] * 4  # 2 and 3 are older than what it holds, and it says so
    assert [row.id for row in rows][:3] == ids  # the receiver knows them by the same webhook-id
    assert await epr.versions(reference) == [4]

    await epr.client.delete("/record")
    await call(seen, "POST", f"/destinations/{RECORD}/replay", {"since": instant(backup)})
    await work(seen)
    assert await epr.versions(reference) == [2, 3, 4]
    assert (await epr.record())["out_of_order"] == 0


async def work(seen: Seen) -> None:
    """A worker, until all that may go to the record has gone."""
    stop = asyncio.Event()
    settings = seen.running.app.state.gateway.settings.model_copy(update={"poll_seconds": 0.02})
    await seen.change_destination(HUB_SYSTEM, state="paused")
    worker = asyncio.create_task(run(seen.running.store, settings, stop))
    async with asyncio.timeout(60):
        while "due" in {row.state for row in await deliveries(seen)}:  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(0.01)
    stop.set()
    await worker


async def test_a_dead_letter_that_is_refused_again_is_not_taken_for_delivered(seen: Seen, epr: Epr) -> None:
    """Only what it had taken once can be overtaken."""
    await seen.change_destination(url=epr.url)
    await seen.running.refer()
    await epr.fail(fail_next=1, status=409)
    await seen.change_deliveries(RECORD, state="dead", attempts=12)
    one = (await deliveries(seen))[0]
    await call(seen, "POST", f"/deliveries/{one.id}/replay")
    await work(seen)

    shown = await call(seen, "GET", f"/deliveries/{one.id}")
    assert [each["status"] for each in shown["attempts"]] == [409, 200]


@pytest.mark.parametrize(
    ("before", "failures", "alerted", "to", "state"),
    [
        ("healthy", 0, False, "paused", "paused"),
        ("paused", 0, False, "healthy", "healthy"),
        ("failing", 5, True, "paused", "paused"),
        ("paused", 5, True, "healthy", "failing"),
        ("disabled", 9, True, "healthy", "failing"),
        ("failing", 4, False, "disabled", "disabled"),
    ],
)
async def test_a_person_moves_a_destination(
    seen: Seen, before: str, failures: int, alerted: bool, to: str, state: str
) -> None:
    old = now() - timedelta(days=9)
    since: dict[str, Any] = {"failing_since": old if failures else None, "alerted_at": old if alerted else None}
    await seen.change_destination(state=before, failures=failures, not_before=now() + timedelta(hours=1), **since)

    moved = await call(seen, "POST", f"/destinations/{RECORD}/transitions", {"to": to, "reason": "An upgrade."})

    assert moved == {"id": RECORD, "state": state}
    row = (await seen.rows(select(destination).where(destination.c.id == RECORD)))[0]
    assert row.not_before is None
    if state == "failing":
        assert row.failing_since > old  # it has its days again before it is given up


@pytest.mark.parametrize(
    ("before", "to", "status"),
    [("healthy", "paused", 200), ("paused", "healthy", 200), ("error", "healthy", 422), ("healthy", "retired", 422)],
)
async def test_a_subscription_is_its_clients_to_end_and_to_ask_for_again(
    seen: Seen, before: str, to: str, status: int
) -> None:
    await seen.change_destination(state=before, kind="fhir-subscription")
    change = {"to": to, "reason": "An upgrade."}

    await call(seen, "POST", f"/destinations/{RECORD}/transitions", change, status)


async def test_what_waits_for_a_retired_destination_is_dropped_and_it_stays_retired(seen: Seen) -> None:
    await seen.running.refer()
    await seen.change_deliveries(state="dead")
    one = (await deliveries(seen))[0]
    change = {"to": "retired", "reason": "Replaced."}

    await call(seen, "POST", f"/destinations/{RECORD}/transitions", change)

    assert [row.state for row in await deliveries(seen)] == ["dropped"]
    assert [row.state for row in await deliveries(seen, HUB_SYSTEM)] == ["dead"]
    for path, body in (
        (f"/destinations/{RECORD}/transitions", {"to": "healthy", "reason": "Back?"}),
        (f"/destinations/{RECORD}/replay", {}),
        (f"/deliveries/{one.id}/replay", None),
    ):
        refused = await call(seen, "POST", path, body, status=422)
        assert "final" in refused["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/deliveries", None),
        ("GET", f"/deliveries/{NOBODY}", None),
        ("GET", "/destinations", None),
        ("POST", f"/deliveries/{NOBODY}/replay", None),
        ("POST", f"/referrals/{NOBODY}/replay", None),
        ("POST", f"/destinations/{RECORD}/replay", {}),
        ("POST", f"/destinations/{RECORD}/transitions", {"to": "paused", "reason": "x"}),
    ],
)
async def test_only_operators_may(seen: Seen, method: str, path: str, body: Any) -> None:
    for client, status in ((None, 401), ("demo-epr", 403), ("demo-platform", 403)):
        assert (await seen.running.call(client, method, PLATFORM + path, body)).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/deliveries?cursor=2", None, 400),
        ("GET", "/deliveries?state=gone", None, 422),
        ("GET", "/deliveries/x", None, 404),
        ("GET", f"/deliveries/{NOBODY}", None, 404),
        ("POST", "/deliveries/x/replay", None, 404),
        ("POST", f"/deliveries/{NOBODY}/replay", None, 404),
        ("POST", "/referrals/SP-0000/replay", None, 404),
        ("POST", "/destinations/nowhere/replay", {}, 404),
        ("POST", f"/destinations/{RECORD}/replay", {"since": "yesterday"}, 422),
        ("POST", f"/destinations/{RECORD}/replay", {"since": "2026-03-02T09:00:00"}, 422),
        ("POST", f"/destinations/{RECORD}/replay", {"after": "\x00"}, 422),
        ("POST", f"/destinations/{RECORD}/replay", b"{", 400),
        ("POST", f"/destinations/{RECORD}/transitions", {"to": "failing", "reason": "x"}, 422),
        ("POST", f"/destinations/{RECORD}/transitions", {"to": "paused"}, 422),
        ("POST", f"/destinations/{RECORD}/transitions", {"to": "paused", "reason": "a\x00b"}, 422),
    ],
)
async def test_what_cannot_be_done_is_refused(seen: Seen, method: str, path: str, body: Any, status: int) -> None:
    await call(seen, method, path, body, status)


async def test_each_access_is_audited_once(seen: Seen) -> None:
    one = await dead_letter(seen)
    before = await seen.running.count(audit)
    await call(seen, "GET", "/destinations")
    await call(seen, "POST", f"/deliveries/{one.id}/replay")
    await call(seen, "POST", f"/destinations/{RECORD}/transitions", {"to": "paused", "reason": "An upgrade."})

    rows = (await seen.rows(select(audit).order_by(audit.c.id)))[before:]
    assert [(row.client_id, row.role, row.action, row.target) for row in rows] == [
        ("demo-operator", "operator", "GET /platform/v1/destinations", None),
        ("demo-operator", "operator", "replay delivery", one.id),
        ("demo-operator", "operator", "move destination", f"destination/{RECORD} healthy to paused: An upgrade."),
    ]


async def test_the_command_line_does_the_same(
    seen: Seen, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dead_letter(seen)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url)
    gateway.settings.settings.cache_clear()

    async def type_in(*words: str) -> tuple[int, str]:
        typed = await asyncio.to_thread(CliRunner().invoke, app, words)
        return typed.exit_code, typed.output

    _, shown = await type_in("destinations")
    assert "red: 1 out of retries, waiting for a person" in " ".join(shown.split())
    assert await type_in("replay", "--destination", RECORD) == (0, "1 delivery is due again.\n")
    assert await type_in("replay", "--destination", RECORD, "--since", "2026-03-02T09:00Z") == (
        0,
        "0 deliveries are due again.\n",
    )
    assert (await type_in("replay", "--destination", "nowhere"))[0] == 1
    assert (await type_in("replay"))[0] == 2
    assert (await type_in("replay", "--destination", RECORD, "--since", "yesterday"))[0] == 2
    assert await type_in("destinations", "pause", RECORD) == (0, f"{RECORD} is paused.\n")
    assert await type_in("destinations", "retire", RECORD, "--yes") == (0, f"{RECORD} is retired.\n")
    gateway.settings.settings.cache_clear()
