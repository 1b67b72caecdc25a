"""What somebody with a browser may try: others' addresses, used ones, changed forms, script, frames of their own."""

import functools
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Frame, Page, Request, expect
from pytest_asyncio import fixture
from sqlalchemy import update
from tests.app import Json
from tests.browser.epr import launch, open_record, reason_in, sign_in
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene
from tests.browser.test_person import launch as signed_address
from tests.browser.test_person import move

from gateway.ids import now
from gateway.store.engine import Store
from gateway.store.schema import launch as launch_table

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{7*7}}"


@fixture(loop_scope="session")
async def stranger(browser: Browser) -> AsyncIterator[Page]:
    """In a browser where nobody has signed in, and whose console may tell of what was refused."""
    context = await browser.new_context(locale="en-GB")
    context.set_default_timeout(30_000)
    yield await context.new_page()
    await context.close()


def all_referrals(scene: Scene) -> list[Json]:
    found: list[Json] = scene.call("demo-platform", "GET", "/platform/v1/referrals")["referrals"]
    return found


async def test_an_address_that_somebody_passes_on_shows_nothing(scene: Scene, page: Page, stranger: Page) -> None:
    await sign_in(page, scene)
    frame = await launch(page, scene, "Harrow")

    for under in ("", "/refer", "/refer/review"):
        await stranger.goto(frame.url + under)
        await expect(stranger.get_by_role("heading", level=1)).to_have_text("Open social prescribing from the record")
        assert "Harrow" not in await stranger.content()
    await check_axe(stranger)
    await check_fits(stranger)
    await shoot(stranger, "session-unknown")


async def test_a_callback_address_is_good_once_and_where_it_was_asked_for(
    scene: Scene, page: Page, stranger: Page
) -> None:
    seen: list[str] = []

    def note(request: Request) -> None:
        if "/launch/callback" in request.url:
            seen.append(request.url)

    page.on("request", note)
    await sign_in(page, scene)
    await launch(page, scene, "Harrow")
    for again in (page, stranger):
        await again.goto(seen[0])
        await expect(again.get_by_text("This launch is over, was used before, or was begun elsewhere.")).to_be_visible()
        assert "Harrow" not in await again.content()
    await check_axe(page)
    await shoot(page, "launch-refused")


async def callback_of(page: Page, scene: Scene) -> str:
    """The address that a launch comes back to, before it does."""
    asks = page.context.request
    tab = await (await asks.get(f"{scene.rio}/clients/0012345/social-prescribing")).text()
    address = unescape(tab.partition('<iframe class="app" src="')[2].partition('"')[0])
    for _ in range(2):  # to us, to the EPR's authorization server
        address = (await asks.get(address, max_redirects=0)).headers["location"]
    assert "/launch/callback" in address
    return address


async def test_a_callback_that_comes_too_late_or_elsewhere_opens_nothing(
    scene: Scene, page: Page, stranger: Page
) -> None:
    await sign_in(page, scene)
    await stranger.goto(await callback_of(page, scene))  # not used yet, but this browser has not begun it
    await expect(stranger.get_by_text("begun elsewhere")).to_be_visible()

    address = await callback_of(page, scene)
    store = Store(scene.database_url, 1)
    async with store.transaction() as connection:
        await connection.execute(update(launch_table).values(expires_at=now() - timedelta(seconds=1)))
    await store.close()
    await page.goto(address)
    await expect(page.get_by_text("This launch is over")).to_be_visible()

    await page.goto(await callback_of(page, scene))  # in time and here it opens
    await expect(page.get_by_text("Margaret Anne Harrow").first).to_be_visible()


async def test_a_signed_address_is_good_once(scene: Scene, page: Page, stranger: Page, tmp_path: Any) -> None:
    address = signed_address(scene, tmp_path, user="ONCE", name="Olu Once")
    await page.goto(address)
    await expect(page.get_by_text("Margaret Anne Harrow").first).to_be_visible()

    await stranger.goto(address)
    await expect(stranger.get_by_text("This address was used before.")).to_be_visible()


async def test_a_changed_form_does_nothing_for_anybody_else(scene: Scene, stranger: Page, tmp_path: Any) -> None:
    async def begin(page: Page, user: str, text: str) -> tuple[str, str]:
        await page.goto(signed_address(scene, tmp_path, user=user, name=f"Dr {user}"))
        await page.get_by_role("button", name="Refer").click()
        await page.get_by_label("What is happening?").fill(text)
        await expect(page.get_by_text("Draft saved")).to_be_visible()
        hidden = page.locator("#refer [name=draft]"), page.locator("#refer [name=proof]")
        return await hidden[0].input_value(), await hidden[1].input_value()

    before = len(all_referrals(scene))
    page = await stranger.context.new_page()
    draft, proof = await begin(stranger, "ANN", "Ann's own words.")
    await begin(page, "BEN", "Ben's own words.")

    await page.locator("#refer [name=draft]").evaluate("(one, draft) => (one.value = draft)", draft)
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert")).to_be_visible()  # what is missing in his own
    await page.locator("#refer [name=proof]").evaluate("(one, proof) => (one.value = proof)", proof)
    await page.locator("#refer").evaluate("(form) => form.submit()")
    await expect(page.get_by_text("This form is not of your session.")).to_be_visible()

    await stranger.reload()
    await expect(stranger.get_by_label("What is happening?")).to_have_value("Ann's own words.")
    assert len(all_referrals(scene)) == before


async def test_script_is_text_wherever_it_is_shown(scene: Scene, page: Page) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await sign_in(page, scene)
    frame = await launch(page, scene, "Petrov")
    await frame.get_by_role("button", name="Refer").click()
    written = await write_script(page, frame)
    await frame.get_by_role("button", name="Continue").click()
    await expect(frame.get_by_role("alert")).to_contain_text("The phone number must be")
    await inert(frame)
    phone = frame.get_by_label("What phone number is safe to use?")
    await expect(phone).to_have_value(SCRIPT)
    await check_axe(page)
    await shoot(page, "refer-problem-framed")

    await phone.fill("07700 900123")
    await frame.get_by_role("button", name="Continue").click()
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Check the referral, then send it")
    assert (await frame.locator("main").inner_text()).count(SCRIPT) == written >= 7
    await inert(frame)
    await check_fits(page)
    await frame.get_by_role("button", name="Send the referral").click()
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Referral sent")
    reference = await frame.locator(".nhsuk-panel strong").inner_text()
    await frame.get_by_role("link", name="See the person's social support").click()
    await frame.locator("summary", has_text="What was asked for").first.click()
    await expect(frame.get_by_text(SCRIPT).first).to_be_visible()
    [task] = [one for one in all_referrals(scene) if one["reference"] == reference]
    move(scene, task, "received", "accepted", "allocated", advisor={"name": SCRIPT, "phone": "01632 960101"})
    await expect(frame.get_by_text(f"{SCRIPT} is the Pathways Advisor")).to_be_visible()
    await frame.get_by_role("button", name="File in the record").first.click()
    await expect(frame.get_by_text("The progress note was filed in the record.")).to_be_in_viewport()
    await inert(frame)

    await open_record(page, scene, "PETROV")
    await expect(page.get_by_text(reference).first).to_be_visible()
    await inert(page.main_frame)
    await page.get_by_role("link", name="Progress notes").click()
    await expect(page.get_by_text(SCRIPT).first).to_be_visible()
    await inert(page.main_frame)
    assert not dialogs


async def write_script(page: Page, frame: Frame) -> int:
    """Script in each text field, the rest as it should be; in how many of them it may stay (not for a phone number)."""
    await reason_in(frame).click()
    await reason_in(frame).press_sequentially(SCRIPT)
    await reason_in(frame).fill("debt")
    await page.keyboard.press("Enter")
    for summary in await frame.locator("summary").all():
        await summary.click()
    await frame.get_by_label("There are known risks").check()
    fields = frame.locator("#refer textarea:visible, #refer input[name=services][list], #refer input[name=language]")
    for field in await fields.all():
        await field.fill(SCRIPT)
    await frame.get_by_label("What phone number is safe to use?").fill(SCRIPT)
    await frame.get_by_label("Yes, they agree").check()
    await frame.get_by_label("Routine").check()
    return await fields.count()


async def inert(frame: Frame) -> None:
    assert await frame.locator("img, script:not([src]), [onerror]").count() == 0
    assert "'>49" not in await frame.locator("main").inner_text()  # nor has a template worked it out


@contextmanager
def site(framed: str) -> Iterator[str]:
    """A site of its own that puts this address in a frame; its own address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<!DOCTYPE html><title>Prize</title><iframe src="{framed}"></iframe>'.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Page))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


async def test_no_other_site_may_have_a_page_in_its_frame(scene: Scene, stranger: Page, tmp_path: Any) -> None:
    await sign_in(stranger, scene)
    session = (await launch(stranger, scene, "Harrow")).url  # here it is shown: this origin is registered
    signed = signed_address(scene, tmp_path, user="FRAMED", name="Fay Framed")
    begun = f"{scene.gateway}/launch?iss={scene.rio}/FHIR/R4&launch=made-up"
    for address in (session, f"{session}/refer", signed, begun, f"{scene.gateway}/launch?iss=x&launch=y"):
        with site(address.replace("&", "&amp;")) as elsewhere:
            other = await stranger.context.new_page()
            await other.goto(elsewhere)
            [framed] = [one for one in other.frames if one != other.main_frame]
            await expect(other.locator("iframe")).to_be_visible()
            shown = await framed.evaluate("document.documentElement.innerText")
            assert urlsplit(framed.url).scheme == "chrome-error" or "not registered" in shown or not shown, shown
            assert "Harrow" not in shown
            await other.close()
