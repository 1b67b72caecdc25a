"""A launch by an address that the EPR has signed: good for a minute, once, for one person."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.launch.launcher import Launcher, forged

from gateway.ids import now
from gateway.store.schema import audit, client, launch_session


async def test_it_opens_a_page_about_the_person_as_the_record_knows_them(launcher: Launcher) -> None:
    window = await launcher.open()

    page = await window.get("/refer")

    assert page.status_code == 200
    assert "Margaret Anne Harrow" in page.text
    assert "14 June 1971" in page.text
    assert "999 204 7186" in page.text
    assert "frame-ancestors http://127.0.0.1:1" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


async def test_the_secret_is_a_cookie_of_that_page_alone(launcher: Launcher) -> None:
    answer = await launcher.browser().get(launcher.address())

    path = answer.headers["location"]
    assert answer.headers["set-cookie"].endswith(f"; Max-Age=14400; Path={path}; HttpOnly; SameSite=Lax")


async def test_an_address_is_used_once(launcher: Launcher) -> None:
    address = launcher.address()
    assert (await launcher.browser().get(address)).status_code == 303

    again = await launcher.browser().get(address)

    assert again.status_code == 403
    assert "was used before" in again.text


@pytest.mark.parametrize(("seconds", "status"), [(-75, 403), (-50, 303), (5, 303), (30, 403)])
async def test_an_address_is_good_for_a_minute(launcher: Launcher, seconds: int, status: int) -> None:
    answer = await launcher.browser().get(launcher.address(issued=str(int(time.time()) + seconds)))

    assert answer.status_code == status


async def test_what_is_not_signed_as_agreed_opens_nothing(launcher: Launcher) -> None:
    for address in (
        forged(launcher.address()),
        launcher.address().replace("patient=0012345", "patient=12345"),
        launcher.address().partition("&signature")[0],
        launcher.address() + "&patient=12345",
        launcher.address() + "&patient=0012345",  # the same twice
        launcher.address().replace("?", "?signature=x&"),
        launcher.address(epr="another-epr"),
        launcher.address(epr=None),
    ):
        answer = await launcher.browser().get(address)
        assert answer.status_code in {400, 403}, address
        assert "set-cookie" not in answer.headers
        assert "Harrow" not in answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"user": None},
        {"user": "A B"},
        {"name": ""},
        {"nonce": "short"},
        {"issued": "yesterday"},
        {"issued": "9" * 11},
        {"patient": "../1"},
        {"colour": "blue"},
        {"name": "x" * 201},
        {"name": "bell\x07"},
    ],
)
async def test_what_is_missing_or_misshapen_is_refused(launcher: Launcher, changed: dict[str, str | None]) -> None:
    answer = await launcher.browser().get(launcher.address(**changed))

    assert answer.status_code in {400, 403}


@pytest.mark.parametrize("client_id", ["999999", "0070007", "0060006"])
async def test_nobody_certain_in_the_record_opens_nothing(launcher: Launcher, client_id: str) -> None:
    """Unknown, deleted, and merged into another."""
    answer = await launcher.browser().get(launcher.address(patient=client_id))

    assert answer.status_code == 502
    assert "did not answer as expected" in answer.text


async def test_another_browser_and_another_session_see_nothing(launcher: Launcher) -> None:
    one, other = await launcher.open(), await launcher.open(user="TLINDQ", name="Mr Tor Lindqvist", patient="0045678")

    strange = await launcher.browser().get(f"{one.path}/refer")
    mixed = await other.http.get(f"{one.path}/refer")

    for page in (strange, mixed):
        assert page.status_code == 401
        assert "another window" in page.text
        assert "Harrow" not in page.text


async def test_opening_another_person_closes_the_window_about_the_first(launcher: Launcher) -> None:
    browser = launcher.browser()
    first = await launcher.open(browser)
    await launcher.open(browser, patient="0045678")

    page = await first.get("/refer")

    assert page.status_code == 401
    assert "Another person's record was opened" in " ".join(page.text.split())


async def test_a_window_about_nobody_stays_open_when_somebodys_record_is_opened(launcher: Launcher) -> None:
    team = await launcher.open(patient=None)
    await launcher.open()

    page = await team.http.get(team.path)

    assert "Another person's record was opened" not in page.text


async def test_the_same_person_may_be_open_twice(launcher: Launcher) -> None:
    first, second = await launcher.open(), await launcher.open()

    assert [(await one.get("/refer")).status_code for one in (first, second)] == [200, 200]


async def test_a_team_that_is_not_active_is_told_so_and_can_ask(launcher: Launcher) -> None:
    window = await launcher.open(team="EIT", user="TLINDQ", name="Mr Tor Lindqvist")

    page = await window.get("/refer")

    assert page.status_code == 403
    assert "Early Intervention Team has not been opened yet" in page.text or "EIT has not been opened yet" in page.text
    assert "Harrow" not in page.text


async def test_each_page_is_in_the_audit_with_who_read_it(launcher: Launcher) -> None:
    window = await launcher.open()
    await window.get("/refer")

    async with launcher.running.store.reading() as connection:
        rows = (await connection.execute(select(audit).where(audit.c.action == "GET /app/p/{session}/refer"))).all()
        [session] = (await connection.execute(select(launch_session))).all()
    assert [(row.client_id, row.person, row.outcome) for row in rows] == [("demo-epr", "Dr Amara Osei", 200)]
    assert rows[0].target == "northdale-rio-pages: Patient/0012345 by Practitioner/AOSEI"
    assert session.token is None


async def test_a_launch_is_in_the_audit(launcher: Launcher) -> None:
    await launcher.open()

    async with launcher.running.store.reading() as connection:
        [row] = (await connection.execute(select(audit))).all()
    assert (row.action, row.client_id, row.person, row.outcome) == (
        "GET /launch/signed",
        "demo-epr",
        "Dr Amara Osei",
        303,
    )


async def test_a_client_that_may_not_read_shows_nothing(launcher: Launcher) -> None:
    window = await launcher.open()
    running = launcher.running
    async with running.store.transaction() as connection:
        await connection.execute(update(client).where(client.c.id == "demo-epr").values(scope="system/Consent.c"))
    running.app.state.gateway.directory._stale_at = 0  # as ten seconds later

    for page in ("", "/refer", "/refer/review", "/live", "/state", "/events"):
        answer = await window.get(page)
        assert answer.status_code == 403, page
        assert "may not read referrals" in answer.text
        assert "Harrow" not in answer.text


async def test_nothing_of_a_person_stays_of_a_session_that_is_over(launcher: Launcher) -> None:
    await launcher.open()
    async with launcher.running.store.transaction() as connection:
        gone = update(launch_session).values(expires_at=now() - timedelta(seconds=1), token="sealed")
        await connection.execute(gone)

    await launcher.open(user="TLINDQ", name="Mr Tor Lindqvist")

    async with launcher.running.store.reading() as connection:
        first, _ = (await connection.execute(select(launch_session).order_by(launch_session.c.id))).all()
    assert (first.content, first.token) == ("{}", None)


async def test_a_cookie_of_any_signs_is_none(launcher: Launcher) -> None:
    for name in ("session", "launch-e3b0c442"):
        for page in ("/launch/callback", "/launch/callback?state=&code=x", "/app/p/x/refer"):
            answer = await launcher.browser().get(page, headers=[(b"Cookie", f"{name}=\xe9".encode("latin-1"))])
            assert answer.status_code in {400, 401}, (name, page)
