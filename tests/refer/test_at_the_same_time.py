"""Two windows, two people, a button and a script at the same moment, and what no browser would send."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from tests.launch.launcher import Launcher
from tests.refer.test_form import looked_at, rows, written

from gateway.errors import Contended
from gateway.store.schema import draft, referral
from gateway.web.refer import pages, sending, writing


async def test_what_is_saved_while_it_is_sent_is_no_new_draft(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = await launcher.open()
    fields = await written(window)
    await window.post("/refer", fields)
    press = await looked_at(window)
    keep = writing.keep_draft

    async def keep_late(*given: Any) -> Any:
        monkeypatch.setattr(pages, "keep_draft", keep)
        assert (await window.post("/refer/review", press)).status_code == 303  # after it was asked whether it was sent
        return await keep(*given)

    monkeypatch.setattr(pages, "keep_draft", keep_late)
    saved = await window.post("/draft", fields)

    assert saved.json() == {"sent": True}
    assert await rows(launcher, draft) == []
    assert len(await rows(launcher, referral)) == 1


async def test_what_is_sent_is_what_was_looked_at(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window)
    await window.post("/refer", fields)
    press = await looked_at(window)
    await window.post("/draft", fields | {"situation": "Written in another window."})

    changed = await window.post("/refer/review", press)
    without = await window.post("/refer/review", {name: press[name] for name in ("proof", "draft")})

    assert changed.status_code == without.status_code == 409
    assert "has changed since you checked it" in changed.text
    assert "Written in another window." in changed.text
    assert await rows(launcher, referral) == []
    assert (await window.post("/refer/review", await looked_at(window))).status_code == 303


async def test_nobody_elses_draft_is_thrown_away(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window, situation="Half a sentence")
    await window.post("/draft", fields)
    colleague = await launcher.open(user="TLINDQ", name="Mr Tor Lindqvist")
    theirs = await written(colleague)

    await colleague.post("/draft/discard", {"proof": theirs["proof"], "draft": fields["draft"]})

    assert "Half a sentence" in (await window.get("/refer")).text


@pytest.mark.parametrize("draft_id", ["\x00", "x" * 5000, "\u20ac", ""])
async def test_a_draft_that_is_none(launcher: Launcher, draft_id: str) -> None:
    window = await launcher.open()
    fields = await written(window) | {"draft": draft_id}

    for page in ("/draft/discard", "/draft", "/refer", "/refer/review"):
        answer = await window.post(page, fields)
        assert answer.status_code in {200, 303}, (page, answer.text)
    assert await rows(launcher, referral) == []


@pytest.mark.parametrize("count", ["123456789x", "9" * 5000, "-1", "1e5", "\u0663", "\u00b2", " 1"])
async def test_how_long_it_took_may_be_rubbish(launcher: Launcher, count: str) -> None:
    window = await launcher.open()
    fields = await written(window, seconds=count, interactions=count, keystrokes=count)

    assert (await window.post("/draft", fields)).status_code == 200


async def test_others_in_the_way_are_waited_for(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contended says that nothing was kept: the same is tried again (gateway.again), before anybody is told."""
    window = await launcher.open()
    await window.post("/refer", await written(window))
    press = await looked_at(window)
    send, tries = sending.send, []

    async def send_in_a_crowd(*given: Any) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Contended
        return await send(*given)

    monkeypatch.setattr(pages, "send", send_in_a_crowd)
    sent = await window.post("/refer/review", press)

    assert sent.status_code == 303
    assert len(tries) == 2
    assert len(await rows(launcher, referral)) == 1


async def test_a_database_that_is_away_is_told_as_a_page(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    window = await launcher.open()
    fields = await written(window)
    await window.post("/refer", fields)
    press = await looked_at(window)
    store, away = launcher.running.store, create_async_engine("sqlite+aiosqlite:////no/such/folder/gateway.db")
    monkeypatch.setattr(store, "engine", away)
    answers = [
        await window.get("/refer"),
        await window.get(),
        await window.post("/draft", fields),
        await window.post("/refer/review", press),
        await launcher.browser().get(launcher.address()),
    ]
    monkeypatch.undo()
    await away.dispose()

    for answer in answers:
        assert answer.status_code == 503
        assert "cannot reach its database" in answer.text
        assert "<h1" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors http" in answer.headers["content-security-policy"]
    assert await rows(launcher, referral) == []
    assert (await window.post("/refer/review", press)).status_code == 303


async def test_what_breaks_is_told_as_a_page(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    window = await launcher.open()

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("Margaret Harrow")

    monkeypatch.setattr(pages, "view_person", broken)
    page = await window.get("/refer")

    assert page.status_code == 500
    assert page.headers["x-correlation-id"] in page.text
    assert "Harrow" not in page.text
    assert "frame-ancestors http" in page.headers["content-security-policy"]
