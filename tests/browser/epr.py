"""What a clinician does in the mock RiO: signs in, opens a record from the caseload, and its social prescribing tab."""

from playwright.async_api import Frame, Locator, Page, expect
from tests.browser.stage import Scene


async def sign_in(page: Page, scene: Scene, name: str = "amara.osei") -> None:
    await page.goto(scene.rio)
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password").fill("demo")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Caseload")


async def open_record(page: Page, scene: Scene, family_name: str) -> None:
    """From the caseload, by a click on the person's name."""
    await page.goto(scene.rio)
    await page.get_by_role("row").get_by_role("link", name=family_name).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(family_name)


async def open_social_prescribing(page: Page) -> Frame:
    """The tab of the record that is open; the gateway's page in its frame."""
    await page.get_by_role("navigation", name="Record").get_by_role("link", name="Social prescribing").click()
    return await gateway_in(page)


async def gateway_in(page: Page) -> Frame:
    """The frame, once the launch has come to its end there."""
    await expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_be_visible()
    handle = await page.locator("iframe").element_handle()
    frame = await handle.content_frame() if handle else None
    assert frame
    return frame


async def launch(page: Page, scene: Scene, family_name: str) -> Frame:
    await open_record(page, scene, family_name.upper())
    return await open_social_prescribing(page)


def reason_in(form: Frame | Page) -> Locator:
    """The field for the main reason, once its script has made it one to type in."""
    return form.get_by_role("combobox", name="What is the main reason").and_(form.locator("input"))
