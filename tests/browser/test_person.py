"""The page about one person, as a clinician sees it: with a question, in support, and at its end."""

import secrets
import time
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Page, expect
from tests.app import Json, referral_bundle, resource_of, task_in
from tests.browser.effort import first_paint, weigh
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene

from adapters.signed_launch import sign
from gateway.demo.parties import demo_parties

MOST_BYTES, MOST_MILLISECONDS = 150_000, 500
PRIYA = {"name": "Priya Nadar", "phone": "01632 960101"}
MET = {"reason": "goals-met", "summary": "A plan is agreed.", "actions_for_referrer": "Please review her medication."}


def launch(scene: Scene, tmp_path: Any, **changed: str) -> str:
    """An address by which the mock RiO would open the page about Margaret Harrow."""
    [epr] = demo_parties(tmp_path / "keys").organisations[0].eprs
    given = {
        "epr": epr.id,
        "user": "AOSEI",
        "name": "Dr Amara Osei",
        "team": "RTN",
        "patient": "0012345",
        "issued": str(int(time.time())),
        "nonce": secrets.token_urlsafe(16),
    } | changed
    return f"{scene.gateway}/launch/signed?{urlencode(given | {'signature': sign(str(epr.launch_secret), given)})}"


def refer(scene: Scene) -> Json:
    return task_in(scene.call("demo-epr", "POST", "/FHIR/R4", referral_bundle()))


def tell(scene: Scene, task: Json, what: str, **body: Any) -> Json:
    shown: Json = scene.call("demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/{what}", body)
    return shown


def move(scene: Scene, task: Json, *statuses: str, **body: Any) -> None:
    for status in statuses[:-1]:
        tell(scene, task, "transitions", to=status)
    tell(scene, task, "transitions", to=statuses[-1], **body)


async def test_the_page_about_a_person(scene: Scene, page: Page, tmp_path: Any) -> None:
    assert resource_of(referral_bundle(), "Patient")["identifier"][1]["value"] == "0012345"
    task = refer(scene)
    move(scene, task, "received", "info-requested", text="Does she have a phone?")
    await page.goto(launch(scene, tmp_path))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Margaret Anne Harrow")
    sent = await weigh(page, page.url)
    assert sum(sent.values()) < MOST_BYTES, sent
    assert await first_paint(page, page.url) < MOST_MILLISECONDS
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "person-question")

    await page.get_by_role("button", name="Send the answer").click()
    await expect(page.get_by_role("alert")).to_contain_text("Enter your answer")
    await check_axe(page)
    await page.get_by_role("link", name="Enter your answer").click()
    await page.keyboard.type("Yes, mornings.")
    await page.get_by_role("button", name="Send the answer").click()
    await expect(page.get_by_text("Your answer was sent to the hub.")).to_be_visible()
    await expect(page.get_by_text("Yes, mornings.").first).to_be_visible()

    move(scene, task, "accepted", "allocated", advisor=PRIYA)
    tell(scene, task, "contacts", mechanism="telephone", outcome="spoke")
    support = {"kind": "referral", "categories": ["debt-advice"], "provider": "Northdale Money Advice"}
    given = tell(scene, task, "prescriptions", **support, service="Debt advice", goal="A plan", planned_sessions=4)
    tell(scene, task, "measures", tool="swemwbs", stage="baseline", items=[2, 3, 2, 2, 3, 3, 2])
    tell(scene, task, "measures", tool="swemwbs", stage="review", items=[3, 3, 3, 3, 3, 4, 3])
    await page.reload()
    await expect(page.get_by_role("img", name="SWEMWBS from 16.88")).to_be_visible()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy the text").first.click()
    await expect(page.get_by_text("Copied. Paste it into the record.").first).to_be_visible()
    copied: str = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Social prescribing, ")
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "person-support")

    path = f"prescriptions/{given['prescriptions'][0]['id']}/transitions"
    tell(scene, task, path, to="not-started", text="She chose another service.")
    move(scene, task, "closed-completed", closure=MET)
    await page.reload()
    await expect(page.get_by_role("heading", name="Actions for you").first).to_be_visible()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "person-closed")


async def test_it_works_without_script(scene: Scene, plain: Page, tmp_path: Any) -> None:
    refer(scene)
    await plain.goto(launch(scene, tmp_path, user="BLEE", name="Dr Bo Lee"))

    await plain.get_by_text("Send a message to the link worker").first.click()
    await plain.get_by_label("Your message").first.fill("She has moved in with her sister.")
    await plain.get_by_role("button", name="Send the message").first.click()

    await expect(plain.get_by_text("Your message was sent to the hub.")).to_be_visible()
    await expect(plain.get_by_text("She has moved in with her sister.").first).to_be_visible()
    assert await plain.get_by_role("button", name="Copy the text").count() == 0
