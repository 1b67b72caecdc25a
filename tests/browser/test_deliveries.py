"""The operator's pages, with something dead and something late in them."""

import time
from datetime import timedelta
from typing import Any

from playwright.async_api import Page, expect
from sqlalchemy import select, update
from tests.app import reference_in, referral_bundle, task_in
from tests.browser.effort import first_paint, weigh
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene

from gateway.ids import now
from gateway.store.engine import Store
from gateway.store.schema import delivery

RECORD = "northdale-rio"
MOST_BYTES, MOST_MILLISECONDS = 150_000, 500


async def refer(scene: Scene, **changed: Any) -> str:
    """A referral whose delivery to the EPR's record stands as told; its reference."""
    task = task_in(scene.call("demo-epr", "POST", "/FHIR/R4", referral_bundle()))
    store = Store(scene.database_url, 1)
    mine = (delivery.c.referral_id == task["id"]) & (delivery.c.destination_id == RECORD)
    try:
        until = time.monotonic() + 60
        while True:  # the worker must have done with it
            async with store.reading() as connection:
                state = (await connection.execute(select(delivery.c.state).where(mine))).scalar_one()
            if state == "delivered":
                break
            assert time.monotonic() < until, state
        async with store.transaction() as connection:
            await connection.execute(update(delivery).where(mine).values(delivered_at=None, **changed))
    finally:
        await store.close()
    return reference_in(task)


async def sign_in(scene: Scene, page: Page) -> None:
    await page.goto(f"{scene.gateway}/app/sign-in")
    await page.get_by_label("Access token").fill(scene.tokens["demo-operator"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Deliveries")


async def test_signing_in(scene: Scene, page: Page) -> None:
    address = f"{scene.gateway}/app/sign-in"
    sent = await weigh(page, address)
    assert sum(sent.values()) < MOST_BYTES, sent
    assert await first_paint(page, address) < MOST_MILLISECONDS
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "sign-in")

    await page.get_by_label("Access token").fill("not a token")
    await page.get_by_role("button", name="Sign in").click()

    await expect(page).to_have_title("Error: Sign in - Social prescribing")
    await expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "sign-in-refused")
    await page.get_by_role("link", name="Enter the whole token").click()
    await expect(page.get_by_label("Access token")).to_be_focused()


async def test_what_did_not_arrive(scene: Scene, page: Page) -> None:
    old, later = now() - timedelta(hours=1), now() + timedelta(hours=1)
    dead = await refer(scene, state="dead", attempts=12, last_failure="answered 422")
    late = await refer(scene, state="due", due_at=later, created_at=old)
    await sign_in(scene, page)

    for reference in (dead, late):
        await expect(page.get_by_role("heading", name=f"{reference}, version 1, to {RECORD}")).to_be_visible()
    for details in await page.locator("details").all():
        await details.locator("summary").click()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "deliveries")

    again = page.get_by_role("article", name=dead).get_by_role("button", name="Send again")
    await again.focus()
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status")).to_contain_text("1 delivery is due again")
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "deliveries-sent-again")


async def test_one_referral_without_script(scene: Scene, plain: Page) -> None:
    dead = await refer(scene, state="dead", attempts=12, last_failure="answered 422")
    await sign_in(scene, plain)
    await plain.get_by_label("Find a referral").fill(dead)
    await plain.get_by_role("button", name="Find").click()

    await (
        plain.get_by_role("article", name=f"{dead}, version 1, to {RECORD}", exact=True)
        .get_by_text("1 attempt of")
        .click()
    )
    await expect(plain.get_by_role("cell", name="answered").first).to_be_visible()
    await plain.get_by_role("button", name="Sign out").click()
    await expect(plain.get_by_role("heading", level=1)).to_have_text("Sign in")


async def test_a_refusal(scene: Scene, page: Page) -> None:
    await sign_in(scene, page)
    await page.get_by_text(f"Send {RECORD} again").first.click()
    since = page.get_by_label("All that it was told since").first
    await since.evaluate("(field) => field.type = 'text'")  # as in a browser that has no such fields
    await since.fill("yesterday")
    await page.get_by_role("button", name="Send again since then").first.click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("This cannot be done")
    await check_axe(page)
    await check_fits(page)
