"""The team's list and its manager's page, opened from the caseload in the mock RiO."""

from playwright.async_api import Page, expect
from tests.app import referral_bundle, task_in
from tests.browser.epr import sign_in
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene


async def test_my_team(scene: Scene, page: Page) -> None:
    task = task_in(scene.call("demo-epr", "POST", "/FHIR/R4", referral_bundle()))
    for move in ({"to": "received"}, {"to": "info-requested", "text": "Is it safe to ring in the evening?"}):
        scene.call("demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/transitions", move)
    await sign_in(page, scene)
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Social prescribing: my team").click()
    team = await opened.value

    await expect(team.get_by_role("heading", name="Needs you")).to_be_visible()
    await check_axe(team)
    await check_fits(team)
    await shoot(team, "team")

    await team.get_by_role("link", name="How the service is taken up").click()
    await expect(team.get_by_role("columnheader", name="Time to refer, median")).to_be_visible()
    await check_axe(team)
    await check_fits(team)
    await shoot(team, "adoption")
