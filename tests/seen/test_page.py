"""/app/deliveries: an operator signs in with a token, sees what did not arrive, and sends it again."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
import time_machine
from sqlalchemy import select
from tests.app import reference_in
from tests.seen.conftest import RECORD, Seen

from gateway.ids import now
from gateway.security import Caller
from gateway.store.schema import attempt, audit, delivery

PAGE = "/app/deliveries"
OURS = {"Sec-Fetch-Site": "same-origin"}


async def sign_in(seen: Seen, token: str | None = None) -> httpx.Response:
    given = token if token is not None else seen.running.tokens["demo-operator"]
    return await seen.running.http.post("/app/sign-in", data={"token": given}, headers=OURS)


async def read(seen: Seen, path: str = PAGE) -> str:
    answer = await seen.running.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def proof_in(page: str) -> str:
    found = re.search(r'name="proof" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


async def press(seen: Seen, path: str, **fields: str) -> httpx.Response:
    fields.setdefault("proof", proof_in(await read(seen)))
    return await seen.running.http.post(path, data=fields, headers=OURS)


async def dead_letter(seen: Seen) -> tuple[str, str]:
    """Its id, and the reference of its referral."""
    task = await seen.running.refer()
    await seen.change_deliveries(RECORD, state="dead", attempts=1, last_failure="answered 422")
    one = (await seen.rows(select(delivery).where(delivery.c.destination_id == RECORD)))[0]
    tried = {"organisation": one.organisation, "delivery_id": one.id, "number": 1, "at": now(), "milliseconds": 12}
    await seen.running.store.write([(attempt, [tried | {"phase": "tls", "status": None, "answer": "<b>not safe</b>"}])])
    return one.id, reference_in(task)


async def test_the_session_is_the_token_out_of_reach_and_ends_with_it(seen: Seen) -> None:
    first = await seen.running.http.get(PAGE)
    assert (first.status_code, first.headers["location"]) == (303, "/app/sign-in")

    signed_in = await sign_in(seen)

    assert (signed_in.status_code, signed_in.headers["location"]) == (303, PAGE)
    cookie = signed_in.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/app"))
    assert ">Deliveries</h1>" in await read(seen)
    with time_machine.travel(now() + timedelta(seconds=301)):
        ended = await seen.running.http.get(PAGE)
        assert (ended.status_code, ended.headers["location"]) == (303, "/app/sign-in?ended=1")
        assert "Your session has ended" in await read(seen, "/app/sign-in?ended=1")


async def test_signing_out_ends_it(seen: Seen) -> None:
    await sign_in(seen)
    left = await press(seen, "/app/sign-out")

    assert left.headers["location"] == "/app/sign-in"
    assert (await seen.running.http.get(PAGE)).status_code == 303


@pytest.mark.parametrize(
    ("client", "status", "text"),
    [
        ("demo-epr", 403, "This is for operators"),
        ("demo-platform", 403, "This is for operators"),
        ("nobody", 401, "This token is not one of ours, or has expired"),
        ("", 422, "Enter the whole token"),
        ("<script>", 422, "Enter the whole token"),
    ],
)
async def test_who_is_no_operator_does_not_come_in(seen: Seen, client: str, status: int, text: str) -> None:
    refused = await sign_in(seen, seen.running.tokens.get(client, "a.b.c" if client == "nobody" else client))

    assert refused.status_code == status
    assert text in refused.text
    assert "set-cookie" not in refused.headers
    assert "<title>Error: Sign in" in refused.text
    assert "<script>" not in refused.text


async def test_each_page_has_a_strict_policy_and_is_kept_nowhere(seen: Seen) -> None:
    await sign_in(seen)
    for path in ("/app/sign-in", PAGE, f"{PAGE}?reference=SP-0000"):
        headers = (await seen.running.http.get(path)).headers
        assert headers["cache-control"] == "no-store"
        rules = [rule.strip() for rule in headers["content-security-policy"].split(";")]
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(rules)
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_a_dead_letter_stands_there_with_owner_reason_and_attempts(seen: Seen) -> None:
    _, reference = await dead_letter(seen)
    await sign_in(seen)

    shown = await read(seen)

    for text in (reference, "answered 422", "Digital integration desk, 01632 960150", "no secure connection"):
        assert text in shown
    assert "1 out of retries, waiting for a person" in shown
    assert "<b>" not in shown
    assert not re.search(r"<script(?! type=.module. src=)|<style|style=|\son\w+=", shown)


async def test_what_is_late_stands_there_too(seen: Seen) -> None:
    task = await seen.running.refer()
    await sign_in(seen)
    assert reference_in(task) not in await read(seen)
    await seen.change_deliveries(age=400)

    shown = await read(seen)

    assert shown.count(f"{reference_in(task)}, version 1, to ") == 2
    assert "It has not been tried yet" in shown


async def test_one_referral_is_found_by_its_reference(seen: Seen) -> None:
    task = await seen.running.refer()
    await sign_in(seen)

    assert f"{reference_in(task)}, version 1, to {RECORD}" in await read(
        seen, f"{PAGE}?reference={reference_in(task).lower()}"
    )
    assert "There is no referral of this reference" in await read(seen, f"{PAGE}?reference=%3Cscript%3E")


async def test_a_button_sends_one_again(seen: Seen) -> None:
    id_, _ = await dead_letter(seen)
    await sign_in(seen)

    pressed = await press(seen, f"{PAGE}/{id_}/replay")

    assert (pressed.status_code, pressed.headers["location"]) == (303, f"{PAGE}?done=1")
    assert "1 delivery is due again" in await read(seen, pressed.headers["location"])
    assert (await seen.rows(select(delivery.c.state).where(delivery.c.id == id_)))[0].state == "due"
    rows = await seen.rows(select(audit).where(audit.c.action == "replay delivery"))
    assert [(row.client_id, row.target) for row in rows] == [("demo-operator", id_)]


async def test_a_long_replay_tells_its_progress_and_goes_on_where_it_was(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web.deliveries.replay_destination", two_referrals)
    monkeypatch.setattr("gateway.web.deliveries.PATIENCE", 0.0001)
    for _ in range(5):
        await seen.running.refer()
    await seen.change_deliveries(state="dead")
    await sign_in(seen)

    pressed = await press(seen, f"/app/destinations/{RECORD}/replay")
    told = []
    for _ in range(4):
        shown = await read(seen, pressed.headers["location"])
        progress = re.search(r'<progress max="(\d+)" value="(\d+)"', shown)
        told.append((progress[2], progress[1]) if progress else "done")
        if not progress:
            break
        fields = dict(re.findall(r'name="(after|since|done)" value="([^"]*)"', shown))
        pressed = await press(seen, f"/app/destinations/{RECORD}/replay", **fields)

    assert told == [("2", "5"), ("4", "5"), "done"]
    assert "5 deliveries are due again to northdale-rio" in shown


async def two_referrals(store: Any, caller: Any, context: Any, id_: str, since: Any, after: str) -> Any:
    from gateway.replay import replay_destination  # noqa: PLC0415 - the name in the page's module is this function now

    return await replay_destination(store, caller, context, id_, since, after, referrals=2)


async def test_a_form_of_another_site_or_session_does_nothing(seen: Seen) -> None:
    id_, _ = await dead_letter(seen)
    path = f"{PAGE}/{id_}/replay"
    assert (await seen.running.http.post(path, headers=OURS)).headers["location"] == "/app/sign-in"
    await sign_in(seen)
    good = proof_in(await read(seen))

    for fields, headers in (
        ({}, OURS),
        ({"proof": "0" * 64}, OURS),
        ({"proof": "é"}, OURS),
        ({"proof": good}, {"Sec-Fetch-Site": "cross-site"}),
        ({"proof": good}, {"Sec-Fetch-Site": "same-site"}),
    ):
        refused = await seen.running.http.post(path, data=fields, headers=headers)
        assert refused.status_code == 403, fields
        assert ">This cannot be done</h1>" in refused.text

    assert (await seen.rows(select(delivery.c.state).where(delivery.c.id == id_)))[0].state == "dead"


async def test_who_may_only_read_has_no_buttons(seen: Seen) -> None:
    id_, _ = await dead_letter(seen)
    reader = Caller("demo-reader", "XNP01", "operator", frozenset({"operations/deliveries.read"}))
    await sign_in(seen, seen.running.app.state.gatekeeper.issue(reader))

    shown = await read(seen)

    assert "Send again" not in shown
    assert (await press(seen, f"{PAGE}/{id_}/replay")).status_code == 403


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (f"{PAGE}/x/replay", {}, 404),
        (f"{PAGE}/01a21c60-d85d-7bc2-959f-cc6ab9283027/replay", {}, 404),
        ("/app/destinations/nowhere/replay", {}, 404),
        (f"/app/destinations/{RECORD}/replay", {"since": "yesterday"}, 400),
        (f"/app/destinations/{RECORD}/replay", {"after": "x"}, 400),
        (f"/app/destinations/{RECORD}/replay", {"done": "x", "since": "2026-03-02T09:30"}, 303),
    ],
)
async def test_bad_input_is_told_as_a_page(seen: Seen, path: str, fields: dict[str, str], status: int) -> None:
    await sign_in(seen)
    answer = await press(seen, path, **fields)

    assert answer.status_code == status
    assert status == 303 or ">This cannot be done</h1>" in answer.text


@pytest.mark.parametrize("query", ["done=x", "done=1&to=<x>", "done=9&left=2&to=nowhere&after='", "done=²", "done=1"])
async def test_an_address_that_was_made_up_shows_no_nonsense(seen: Seen, query: str) -> None:
    await sign_in(seen)
    shown = await read(seen, f"{PAGE}?{query}")

    assert "<x>" not in shown
    assert "nowhere" not in shown
