"""The page about one person while a link worker is at work: it renews itself, and loses nothing of the clinician's."""

import re
import time
from typing import Any

from playwright.async_api import Page, expect
from tests.browser.look import check_axe
from tests.browser.stage import Scene
from tests.browser.test_person import PRIYA, launch, move, refer, tell


async def open_page(scene: Scene, page: Page, tmp_path: Any) -> None:
    await page.goto(launch(scene, tmp_path))
    await expect(page.locator("#live")).to_be_visible()
    await page.wait_for_timeout(500)  # until the stream stands


async def test_a_link_workers_action_is_seen_at_once_without_a_reload(scene: Scene, page: Page, tmp_path: Any) -> None:
    task = refer(scene)
    move(scene, task, "received", "accepted")
    await open_page(scene, page, tmp_path)
    await page.evaluate("window.here = true")
    await page.route("**/state", lambda route: route.abort())  # nobody asks: it is told
    details = page.locator("#live details").first
    await details.locator("summary").first.click()
    name = await details.locator("summary").first.inner_text()
    started = time.monotonic()

    move(scene, task, "allocated", advisor=PRIYA)
    await expect(page.locator("#live").get_by_text("Priya Nadar").first).to_be_visible()

    print(f"seen after {time.monotonic() - started:.3f} s")
    assert await page.evaluate("window.here")
    await expect(page.get_by_role("status").first).to_have_text(re.compile(r"Updated at \d\d:\d\d"))
    focused = page.locator("#live summary:focus")
    assert await focused.inner_text() == name
    assert await focused.evaluate("one => one.parentElement.open")
    await check_axe(page)


async def test_nothing_is_replaced_under_the_hands_of_somebody_who_writes(
    scene: Scene, page: Page, tmp_path: Any
) -> None:
    task = refer(scene)
    move(scene, task, "received", "info-requested", text="Does she have a phone?")
    await open_page(scene, page, tmp_path)
    field = page.locator("#live textarea:not([readonly])").first
    await field.focus()
    await page.keyboard.type("Yes, but")

    move(scene, task, "received", "accepted")
    await expect(page.get_by_role("status").first).to_contain_text("There is something new")
    await page.keyboard.type(" not always")
    assert await field.input_value() == "Yes, but not always"

    await field.fill("")
    await field.blur()
    await expect(page.get_by_role("status").first).to_contain_text("Updated at")
    await expect(page.locator("#live").get_by_text("Accepted by").first).to_be_visible()


async def test_without_streams_the_page_asks_and_without_anything_it_says_so(
    scene: Scene, page: Page, tmp_path: Any
) -> None:
    task = refer(scene)
    move(scene, task, "received")
    await page.route("**/events*", lambda route: route.fulfill(status=204))
    await open_page(scene, page, tmp_path)
    move(scene, task, "accepted")
    await expect(page.locator("#live").get_by_text("Accepted by").first).to_be_visible()

    await page.route("**/state", lambda route: route.fulfill(status=204))
    late = page.get_by_text(re.compile(r"Not up to date since \d\d:\d\d, check your connection"))
    await expect(late).to_be_visible(timeout=60_000)

    await page.unroute("**/state")
    await expect(page.get_by_role("status").first).to_contain_text(re.compile("Up(dated| to date) at"))
    tell(scene, task, "transitions", to="allocated", advisor=PRIYA)
    await expect(page.locator("#live").get_by_text("Priya Nadar").first).to_be_visible()


async def test_another_person_opened_elsewhere_closes_the_page(scene: Scene, page: Page, tmp_path: Any) -> None:
    refer(scene)
    await open_page(scene, page, tmp_path)
    await page.request.get(launch(scene, tmp_path, patient="0045678"))

    await expect(page.get_by_role("heading", level=1)).to_have_text("Another person's record was opened")
    await expect(page.get_by_text("Harrow")).to_have_count(0)
