"""The trace before an engineer: why a referral did that, why a request was refused, and seeing what is hidden."""

import re
import time
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select, update
from tests.app import reference_in, referral_bundle, resource_of, task_in
from tests.browser.effort import first_paint, weigh
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene

from gateway.store.engine import Store
from gateway.store.schema import delivery

RECORD = "northdale-rio"
REFUSED = "4b5d6f8a-2f0b-4d0e-8b57-1b8a7f0d9c11"
SECRET = "Harrow"  # the family name of the demo's person
MOST_BYTES, MOST_MILLISECONDS = 250_000, 1000


@pytest.fixture(scope="module")
def told(scene: Scene) -> str:
    """The reference of a referral with an unknown code, two moves, and an update that did not arrive."""
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest")["reasonCode"].append({"coding": [{"system": "urn:local", "code": "X9"}]})
    task = task_in(scene.call("demo-epr", "POST", "/FHIR/R4", bundle))
    moves: list[dict[str, Any]] = [{"to": "received", "by": "Priya Nadar"}, {"to": "accepted", "by": "Priya Nadar"}]
    for move in moves:
        scene.call("demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/transitions", move)
    return reference_in(task)


async def lose_last(scene: Scene, reference: str) -> None:
    """As if the record had refused the last update, once all were told."""
    store = Store(scene.database_url, 1)
    mine = delivery.c.destination_id == RECORD
    try:
        until = time.monotonic() + 60
        while True:
            async with store.reading() as connection:
                states = set((await connection.execute(select(delivery.c.state).where(mine))).scalars())
            if states == {"delivered"}:
                break
            assert time.monotonic() < until, (reference, states)
            time.sleep(0.1)  # noqa: ASYNC251 - nothing else runs in this loop
        async with store.transaction() as connection:
            last = mine & (delivery.c.number == 3)
            lost = {"state": "dead", "delivered_at": None, "last_failure": "answered 422"}
            await connection.execute(update(delivery).where(last).values(lost))
    finally:
        await store.close()


async def sign_in(scene: Scene, page: Page, client: str = "demo-operator") -> None:
    await page.goto(f"{scene.gateway}/app/sign-in")
    await page.get_by_label("Access token").fill(scene.tokens[client])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Deliveries")


async def test_why_a_referral_did_what_it_did(scene: Scene, page: Page, told: str) -> None:
    await lose_last(scene, told)
    await sign_in(scene, page)
    await page.get_by_role("link", name=f"Why: the trace of {told}").first.click()

    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Trace of {told}")
    await expect(page.get_by_text(f"1 update did not arrive at {RECORD}: answered 422")).to_be_visible()
    for step in ("Came in", "Checked", "Mapped", "Stored", "Told"):
        await expect(page.get_by_role("list", name="Its way here").get_by_role("link", name=step)).to_be_visible()
    await check_fits(page)
    await shoot(page, "trace")
    assert SECRET not in await page.content()
    await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "trace-open")

    await page.get_by_role("button", name=f"Send again version 3 to {RECORD}", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("1 update is due again")
    assert re.search(r"/app/trace/SP-[\d-]+\?sent=1#deliveries$", page.url)
    address = page.url.partition("?")[0]
    sent = await weigh(page, address)
    assert sum(sent.values()) < MOST_BYTES, sent
    assert await first_paint(page, address) < MOST_MILLISECONDS


async def test_why_a_request_was_refused(scene: Scene, page: Page) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "Patient")["gender"] = "nonsense"
    resource_of(bundle, "ServiceRequest")["status"] = "bogus"
    refused = httpx.post(  # noqa: ASYNC210 - nothing else runs in this loop
        f"{scene.gateway}/FHIR/R4",
        json=bundle,
        headers={
            "Authorization": f"Bearer {scene.tokens['demo-epr']}",
            "Content-Type": "application/fhir+json",
            "X-Correlation-Id": REFUSED,
        },
        trust_env=False,
        timeout=30,
    )
    assert refused.status_code == 422
    await sign_in(scene, page)
    await page.get_by_role("link", name="Find out why").click()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "trace-search")

    await page.get_by_label("What you know of it").fill(REFUSED)
    await page.get_by_role("button", name="Find").click()

    await expect(page.get_by_text("The request was refused (422), and nothing of it was kept")).to_be_visible()
    await expect(page.get_by_role("cell", name="Patient.gender must be one of").first).to_be_visible()
    await expect(page.get_by_text("its body is not kept")).to_be_visible()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "trace-refused")


async def test_seeing_what_is_hidden_without_script(scene: Scene, plain: Page, told: str) -> None:
    await sign_in(scene, plain, "demo-investigator")
    await plain.goto(f"{scene.gateway}/app/trace")
    await plain.get_by_label("What you know of it").fill(told.lower())
    await plain.get_by_role("button", name="Find").click()
    show = plain.get_by_role("button", name="Write this down and show it")
    await show.click()

    await expect(plain).to_have_title(f"Error: Trace of {told} - Social prescribing")
    assert SECRET not in await plain.content()

    await plain.get_by_label("Why must you see it?").fill("The EPR says we hold another name.")
    await show.click()
    await expect(plain.get_by_role("heading", name="People's data is shown")).to_be_visible()
    await expect(plain.get_by_role("cell", name=SECRET).first).to_be_visible()
    await check_fits(plain)
    await shoot(plain, "trace-unmasked")
    await plain.goto(f"{scene.gateway}/app/trace/{told}")
    assert SECRET not in await plain.content()
