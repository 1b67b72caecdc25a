"""/app/p/{session}: shown to nobody but its own window, while the session is good and the team is active."""

from datetime import timedelta

from sqlalchemy import update
from tests.app import reference_in
from tests.web.conftest import ORIGIN, Web, margaret

from gateway.ids import now
from gateway.store.schema import launch_session


async def test_another_windows_path_is_refused(web: Web) -> None:
    task = await web.refer()
    page, other = await web.open(), await web.open(margaret(id="0012346"))

    refused = await web.running.http.get(other.path, headers={"Cookie": f"session={page.secret}"})
    without = await web.running.http.get(other.path)

    for answer in (refused, without):
        assert answer.status_code == 401
        assert "Open social prescribing from the record" in answer.text
        assert reference_in(task) not in answer.text


async def test_after_a_switch_to_another_person_the_window_shows_nothing(web: Web) -> None:
    task = await web.refer()
    page = await web.open()
    await web.open(margaret(id="0012346"))

    closed = await page.get()

    assert closed.status_code == 401
    assert "Another person's record was opened" in closed.text.replace("&#39;", "'")
    assert reference_in(task) not in closed.text
    assert f"frame-ancestors {ORIGIN}" in closed.headers["content-security-policy"]


async def test_a_session_that_is_over_shows_nothing(web: Web) -> None:
    page = await web.open()
    async with web.running.store.transaction() as connection:
        await connection.execute(update(launch_session).values(expires_at=now() - timedelta(seconds=1)))

    assert "Your session has ended" in (await page.get()).text


async def test_a_team_that_is_not_active_sees_nothing(web: Web) -> None:
    task = await web.refer()
    page = await web.open(team_name="RTS")

    shown = await page.get()

    assert shown.status_code == 403
    assert reference_in(task) not in shown.text
    assert "does not use social prescribing yet" in shown.text
