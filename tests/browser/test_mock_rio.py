"""What a clinician sees in the mock RiO."""

from playwright.async_api import Page, expect
from tests.app import reference_in, referral_bundle, task_in
from tests.browser.epr import sign_in
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene


async def test_the_record_of_one_person(scene: Scene, page: Page) -> None:
    reference = reference_in(task_in(scene.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())))
    await sign_in(page, scene)
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "mock-rio")

    await page.goto(f"{scene.rio}/clients/0012345")
    await expect(page.get_by_text(reference).first).to_be_visible()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "mock-rio-record")


async def test_a_record_that_is_not_there(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    await page.goto(f"{scene.rio}/clients/nobody")
    await check_axe(page)
    await check_fits(page)
