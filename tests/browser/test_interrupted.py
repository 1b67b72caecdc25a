"""A referral sent twice, gone back to, cut off, or overtaken by another record: nothing lost, nothing doubled."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Frame, Page, Route, expect
from pytest_asyncio import fixture
from sqlalchemy import update
from tests.browser.epr import gateway_in, launch, reason_in, sign_in
from tests.browser.look import check_axe, shoot
from tests.browser.stage import Scene, play

from gateway.ids import now
from gateway.store.engine import Store
from gateway.store.schema import launch_session

CHECK, SENT = "Check the referral, then send it", "Referral sent"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Of its own, to count its referrals."""
    with play(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


@fixture(loop_scope="session")
async def cut_off(browser: Browser) -> AsyncIterator[Page]:
    """A page that may lose its connection: what the console tells of that is no fault."""
    context = await browser.new_context(locale="en-GB", timezone_id="Europe/London")
    context.set_default_timeout(30_000)
    yield await context.new_page()
    await context.close()


def count(scene: Scene) -> int:
    return len(scene.call("demo-platform", "GET", "/platform/v1/referrals")["referrals"])


async def fill(page: Page, scene: Scene, family_name: str, situation: str) -> Frame:
    """The form of this person, with all that is needed."""
    frame = await launch(page, scene, family_name)
    await frame.get_by_role("button", name="Refer").click()
    reason = reason_in(frame)
    await reason.click()
    await reason.press_sequentially("debt")
    await page.keyboard.press("Enter")
    await frame.get_by_label("What is happening?").fill(situation)
    await frame.get_by_label("No known risks").check()
    await frame.get_by_label("Yes, they agree").check()
    await frame.get_by_label("Routine").check()
    return frame


async def go_on(frame: Frame) -> None:
    await frame.get_by_role("button", name="Continue").click()
    await expect(frame.get_by_role("heading", level=1)).to_have_text(CHECK)


async def test_pressed_twice_it_is_one(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    frame = await fill(page, scene, "Harrow", "Pressed twice.")
    await go_on(frame)
    before = count(scene)

    await frame.get_by_role("button", name="Send the referral").dblclick()

    await expect(frame.get_by_role("heading", level=1)).to_have_text(SENT)
    assert count(scene) == before + 1


async def test_two_requests_at_once_are_one(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    frame = await fill(page, scene, "Harrow", "Two requests at once.")
    await go_on(frame)
    before = count(scene)

    await frame.evaluate("""() => {
      const form = document.querySelector("form[method=post]"), body = new URLSearchParams(new FormData(form));
      for (const _ of [1, 2, 3]) fetch(form.action, { method: "POST", body, keepalive: true });
      form.submit();
    }""")

    await expect(frame.get_by_role("heading", level=1)).to_have_text(SENT)
    assert count(scene) == before + 1


async def test_going_back_and_reading_anew_send_nothing_again(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    frame = await fill(page, scene, "Harrow", "Gone back to.")
    await go_on(frame)
    second = await page.context.new_page()
    await second.goto(frame.url)
    await expect(second.get_by_role("heading", level=1)).to_have_text(CHECK)
    before = count(scene)
    await frame.get_by_role("button", name="Send the referral").click()
    await expect(frame.get_by_role("heading", level=1)).to_have_text(SENT)
    reference = await frame.locator(".nhsuk-panel strong").inner_text()

    await page.evaluate("history.back()")  # what the back button brings is the person's page, with what was sent
    await expect(frame.get_by_role("heading", name=reference)).to_be_visible()
    await second.get_by_role("button", name="Send the referral").click()  # a window that was left open
    await expect(second.get_by_role("heading", level=1)).to_have_text(SENT)
    await expect(second.get_by_text(reference)).to_be_visible()
    await second.goto(second.url.partition("/sent/")[0] + "/review")
    await expect(second.get_by_role("heading", name=reference)).to_be_visible()

    assert count(scene) == before + 1


@pytest.mark.parametrize("arrives", [False, True])
async def test_the_connection_is_lost_while_it_is_sent(scene: Scene, cut_off: Page, arrives: bool) -> None:
    await sign_in(cut_off, scene)
    frame = await fill(cut_off, scene, "Petrov", "Lost on the way.")
    await go_on(frame)
    before, lost = count(scene), asyncio.Event()

    async def lose(route: Route) -> None:
        if arrives:  # only the answer is lost
            await route.fetch(max_redirects=0)
        await route.abort("connectionreset")
        lost.set()

    address = frame.url
    await cut_off.route("**/refer/review", lose, times=1)
    await frame.get_by_role("button", name="Send the referral").click()
    await expect(cut_off.locator("iframe")).to_be_visible()
    await lost.wait()
    assert count(scene) == before + arrives
    await cut_off.unroute("**/refer/review")

    await frame.goto(address)  # as the browser's button to try again
    if not arrives:
        await expect(frame.get_by_text("Lost on the way.")).to_be_visible()
        await frame.get_by_role("button", name="Send the referral").click()
        await expect(frame.get_by_role("heading", level=1)).to_have_text(SENT)
    else:
        await expect(frame.get_by_role("heading", name="Open referral").first).to_be_visible()
    assert count(scene) == before + 1


async def test_what_is_written_offline_is_not_lost(scene: Scene, cut_off: Page) -> None:
    await sign_in(cut_off, scene)
    frame = await fill(cut_off, scene, "Yusuf", "Before.")
    await cut_off.context.set_offline(True)
    await frame.get_by_label("What is happening?").fill("Written on the train.")
    await frame.get_by_role("button", name="Continue").click()

    await expect(frame.get_by_text("The draft could not be saved.")).to_be_in_viewport()
    await shoot(cut_off, "refer-offline-framed")
    await expect(frame.get_by_label("What is happening?")).to_have_value("Written on the train.")

    await cut_off.context.set_offline(False)
    await go_on(frame)
    await expect(frame.get_by_text("Written on the train.")).to_be_visible()


async def test_another_record_is_opened_meanwhile(scene: Scene, cut_off: Page) -> None:
    await sign_in(cut_off, scene)
    first = await fill(cut_off, scene, "Harrow", "About Margaret.")
    await expect(first.get_by_text("Draft saved")).to_be_visible()
    await first.page.wait_for_timeout(2000)  # until the last word is saved
    before = count(scene)
    other = await cut_off.context.new_page()
    await launch(other, scene, "Petrov")

    await first.get_by_label("What is happening?").press_sequentially(" More.")
    await first.get_by_role("button", name="Continue").click()
    await expect(
        first.get_by_text("Another person's record was opened. Nothing more is saved here")
    ).to_be_in_viewport()
    await expect(first.get_by_label("What is happening?")).to_have_value("About Margaret. More.")
    await check_axe(cut_off)

    await first.get_by_role("link", name="Back to the overview").click()
    await expect(first.get_by_role("heading", level=1)).to_have_text("Another person's record was opened")
    assert "Harrow" not in await first.locator("body").inner_text()
    await check_axe(cut_off)
    await shoot(cut_off, "session-switched-framed")
    assert count(scene) == before

    again = await launch(cut_off, scene, "Harrow")
    await again.get_by_role("button", name="Refer").click()
    await expect(again.get_by_label("What is happening?")).to_have_value("About Margaret.")
    await other.reload()  # a new launch: the tab of the other person is his again, and this one is over
    await expect((await gateway_in(other)).get_by_text("Daniel Petrov").first).to_be_visible()


async def test_the_session_ends_while_somebody_writes(scene: Scene, cut_off: Page) -> None:
    await sign_in(cut_off, scene)
    frame = await fill(cut_off, scene, "Petrov", "Interrupted by a phone call.")
    await go_on(frame)
    store = Store(scene.database_url, 1)
    async with store.transaction() as connection:
        await connection.execute(update(launch_session).values(expires_at=now() - timedelta(seconds=1)))
    await store.close()
    before = count(scene)

    await frame.get_by_role("button", name="Send the referral").click()
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Your session has ended")
    await check_axe(cut_off)
    await shoot(cut_off, "session-ended-framed")
    assert count(scene) == before

    frame = await launch(cut_off, scene, "Petrov")
    await frame.get_by_role("button", name="Refer").click()
    await expect(frame.get_by_label("What is happening?")).to_have_value("Interrupted by a phone call.")
