"""The tests of pages see what they must see: each of these pages is bad, and is told as such."""

import pytest
from playwright.async_api import Browser, Page
from tests.browser.effort import Effort, weigh
from tests.browser.look import check_axe, check_fits
from tests.browser.stage import Scene
from tests.browser.watch import Watch

from gateway.web.assets import ASSETS

HTML = {"Content-Type": "text/html"}
STRICT = HTML | {"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'"}


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        ("<p>fine</p>", HTML, ""),
        ("<script>throw new Error('gone')</script>", HTML, "script: gone"),
        ("<script>console.error('broken')</script>", HTML, "console: broken"),
        ("<p style='color: red'>no</p>", STRICT, "Content Security Policy"),
        ("<script>1</script>", STRICT, "Content Security Policy"),
        ("<img alt='' src='http://elsewhere.example/x.png'>", HTML, "another host: http://elsewhere.example/x.png"),
        ("<iframe srcdoc='<script>console.error(1)</script>'></iframe>", HTML, "console: 1"),
    ],
)
async def test_what_a_page_must_not_do_is_seen(browser: Browser, body: str, headers: dict[str, str], told: str) -> None:
    context = await browser.new_context()
    watch = Watch(context)
    page = await context.new_page()
    await page.route("http://elsewhere.example/*", lambda route: route.abort())
    await page.route("http://localhost/bad", lambda route: route.fulfill(body=body, headers=headers))
    await page.goto("http://localhost/bad")
    await page.evaluate("0")  # what the page told before is here now
    await context.close()

    assert any(told in one for one in watch.found) if told else not watch.found


@pytest.mark.parametrize("where", ["page", "frame"])
async def test_axe_is_strict_and_readable_also_under_a_strict_policy(page: Page, where: str) -> None:
    bad = "<!DOCTYPE html><html lang='en'><title>A</title><main><h1>A</h1><input></main>"
    good = (
        "<!DOCTYPE html><html lang='en'><title>A</title><main><h1>A</h1><iframe title='B' src='/bad'></iframe></main>"
    )
    framed = STRICT | {"Content-Security-Policy": "default-src 'none'; frame-src 'self'"}
    await page.route("http://localhost/bad", lambda route: route.fulfill(body=bad, headers=STRICT))
    await page.route("http://localhost/frame", lambda route: route.fulfill(body=good, headers=framed))
    await page.goto("http://localhost/bad" if where == "page" else "http://localhost/frame")

    with pytest.raises(AssertionError, match=r"label \(critical\): Form elements must have labels\n    <input>"):
        await check_axe(page)


async def test_what_is_too_wide_is_named(page: Page) -> None:
    body = "<style>p { width: 321px; margin: 0 }</style><main><p class='much'>wide</p></main>"
    await page.route("http://localhost/wide", lambda route: route.fulfill(body=body, headers=HTML))
    await page.goto("http://localhost/wide")

    with pytest.raises(AssertionError, match=r'at 320 by 640:\np\.much "wide"'):
        await check_fits(page)


async def test_effort_counts_what_a_person_does(effort: Effort, page: Page) -> None:
    body = (
        "<label>A <input type=checkbox></label><input id=text><select><option>1<option>2</select><a href='/more'>B</a>"
    )
    await page.route("http://localhost/*", lambda route: route.fulfill(body=body, headers=HTML))
    await page.goto("http://localhost/effort")

    await page.get_by_text("A").click()
    await page.locator("#text").press_sequentially("abc")
    await page.locator("select").select_option("2")
    await page.get_by_text("B").click()
    await page.wait_for_url("**/more")
    await page.keyboard.press("Tab")

    assert (effort.clicks, effort.keys, effort.selections, effort.total) == (2, 4, 1, 7)


async def test_bytes_are_those_on_the_wire(scene: Scene, page: Page) -> None:
    sent = await weigh(page, f"{scene.gateway}/app/sign-in")
    css = next(size for address, size in sent.items() if "nhsuk.css" in address)

    assert 10_000 < css < len(ASSETS["nhsuk.css"].gzipped) + 1000
    assert len(sent) >= 4
