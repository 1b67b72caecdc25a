"""What the page gives to the record: a progress note, copied or filed; and what the record shows of it, as a card."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.epr import launch, open_record, open_social_prescribing, reason_in, sign_in
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene, play
from tests.browser.test_person import refer
from tests.waiting import until


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Of its own, so that nobody has support yet."""
    with play(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


async def test_a_note_is_copied(scene: Scene, page: Page) -> None:
    refer(scene)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sign_in(page, scene)
    frame = await launch(page, scene, "Harrow")

    await frame.get_by_role("button", name="Copy the text").first.click()

    await expect(frame.get_by_text("Copied. Paste it into the record.")).to_be_visible()
    assert (
        await page.evaluate("navigator.clipboard.readText()")
        == await frame.locator("textarea[readonly]").first.input_value()
    )


async def test_a_note_is_filed_once_under_the_clinicians_name(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    frame = await launch(page, scene, "Harrow")
    note = await frame.locator("textarea[readonly]").first.input_value()
    for _ in range(2):
        await frame.get_by_role("button", name="File in the record").first.dblclick()
        await expect(frame.get_by_text("The progress note was filed in the record.")).to_be_in_viewport()
    await check_axe(page)
    await shoot(page, "note-filed-framed")

    await page.get_by_role("link", name="Progress notes").click()
    filed = page.get_by_role("article").filter(has_text=re.compile(r"entered [^,]+ by Dr Amara Osei"))
    await expect(filed).to_have_count(1)
    await expect(filed).to_contain_text("Not validated")
    await expect(filed).to_contain_text(note.splitlines()[1])  # the time of day in it may be another
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "note-in-the-record")


async def card_in(page: Page) -> Locator:
    """The card in the record that is open. The record waits one second for it: a busy machine is asked again."""
    card = page.get_by_role("article", name="Advice")

    async def shown() -> bool:
        await expect(page.get_by_role("navigation", name="Record")).to_be_visible()
        if await card.count() == 0:
            await page.reload()
        return await card.count() == 1

    await until(shown)
    return card


async def test_a_card_offers_to_refer_and_then_shows_the_support(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    await open_record(page, scene, "PETROV")
    card = await card_in(page)
    print(f"\n{await card.inner_text()}")
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "card-offers")

    await card.get_by_role("link").first.click()
    frame = await open_social_prescribing(page)
    await frame.get_by_role("button", name="Refer").click()
    await expect(reason_in(frame)).to_have_value("Social interaction")
    await frame.get_by_label("No known risks").check()
    await frame.get_by_label("Yes, they agree").check()
    await frame.get_by_label("Routine").check()
    await frame.get_by_role("button", name="Continue").click()
    await frame.get_by_role("button", name="Send the referral").click()
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Referral sent")
    reference = await frame.locator(".nhsuk-panel strong").inner_text()

    await page.get_by_role("link", name="Overview").click()
    await card_in(page)
    print(f"\n{await card.inner_text()}")
    await expect(card).to_contain_text(reference)
    assert "**" not in await card.inner_text()
    await check_axe(page)
    await shoot(page, "card-support")
