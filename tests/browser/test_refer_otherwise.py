"""The form for those who have no mouse, no script, or another word for it; and what its first load costs."""

from typing import Any

import pytest
from playwright.async_api import Frame, Page, expect
from tests.browser.effort import first_paint, weigh
from tests.browser.epr import gateway_in, launch, open_record, open_social_prescribing, reason_in, sign_in
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.stage import Scene
from tests.browser.test_person import launch as signed_address

MOST_BYTES, MOST_MILLISECONDS = 150_000, 500

# What has the focus, in words: its label, its text.
FOCUSED = """() => {
  const one = document.activeElement, labels = [...(one.labels ?? [])].map((label) => label.innerText);
  return labels.join(" ") || one.innerText || one.value || "";
}"""


async def focused_in(page: Page) -> str:
    frame: Frame = page.main_frame
    while await frame.evaluate("document.activeElement?.tagName === 'IFRAME'"):
        handle = await frame.evaluate_handle("document.activeElement")
        element = handle.as_element()
        inner = await element.content_frame() if element else None
        assert inner
        frame = inner
    return str(await frame.evaluate(FOCUSED))


async def tab_to(page: Page, words: str) -> None:
    """Tab by Tab, as there is no mouse."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if (await focused_in(page)).startswith(words):
            return
    raise AssertionError(f"Tab does not come to {words}")


async def test_it_is_done_by_keyboard_alone(scene: Scene, page: Page) -> None:
    await page.goto(scene.rio)
    await tab_to(page, "User name")
    await page.keyboard.type("amara.osei")
    await tab_to(page, "Password")
    await page.keyboard.type("demo")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Caseload")
    await tab_to(page, "PETROV")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("PETROV")
    await tab_to(page, "Social prescribing")
    await page.keyboard.press("Enter")
    frame = await gateway_in(page)
    await tab_to(page, "Refer")
    await page.keyboard.press("Enter")
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Refer to social prescribing")

    await tab_to(page, "What is the main reason")
    await page.keyboard.type("mood")
    await expect(frame.get_by_role("option").first).to_contain_text("Low mood")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(frame.get_by_role("combobox")).to_have_value("Mental health and wellbeing")
    await tab_to(page, "What is happening?")
    await page.keyboard.type("He sleeps badly.")
    await tab_to(page, "No known risks")
    await page.keyboard.press("Space")
    await tab_to(page, "Yes, they agree")
    await page.keyboard.press("Space")
    await tab_to(page, "Routine")
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowRight")  # Soon
    await tab_to(page, "Continue")
    await page.keyboard.press("Enter")
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Check the referral, then send it")
    await expect(frame.get_by_text("Soon", exact=True)).to_be_visible()
    await tab_to(page, "Send the referral")
    await page.keyboard.press("Enter")
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Referral sent")


async def test_it_is_done_without_script(scene: Scene, plain: Page, tmp_path: Any) -> None:
    await plain.goto(signed_address(scene, tmp_path, user="BLEE", name="Dr Bo Lee"))
    await plain.get_by_role("button", name="Refer").click()
    await plain.get_by_role("button", name="Continue to check the referral").click()
    await expect(plain.get_by_role("alert")).to_contain_text("Select the main reason for this referral")

    await plain.get_by_label("What is the main reason").select_option(label="Housing")
    await plain.get_by_label("What is happening?").fill("Her landlord has given notice.")
    await plain.get_by_label("There are known risks").check()
    await plain.get_by_label("What does the link worker need to know").fill("Her brother shouts at visitors.")
    await plain.get_by_label("Yes, they agree").check()
    await plain.get_by_label("Routine").check()
    await plain.get_by_role("button", name="Continue to check the referral").click()
    await expect(plain.get_by_text("Her brother shouts at visitors.")).to_be_visible()
    await plain.get_by_role("button", name="Send the referral").click()

    await expect(plain.get_by_role("heading", level=1)).to_have_text("Referral sent")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lonely", "Social interaction"),
        ("depressed", "Mental health and wellbeing"),
        ("rent", "Housing"),
        ("widow", "Bereavement and loss"),
        ("PIP", "Benefits and money advice"),
        ("foodbank", "Food, fuel and essentials"),
        ("money man", "Financial and debt advice"),
    ],
)
async def test_a_reason_is_found_by_an_everyday_word(
    scene: Scene, page: Page, tmp_path: Any, typed: str, found: str
) -> None:
    await page.goto(signed_address(scene, tmp_path, user="NEW", name="Nel New"))
    await page.get_by_role("button", name="Refer").click()
    await reason_in(page).press_sequentially(typed)

    await expect(page.get_by_role("option").first).to_contain_text(found)


async def test_words_that_fit_no_reason_are_no_answer(scene: Scene, page: Page, tmp_path: Any) -> None:
    await sign_in(page, scene)
    frame = await launch(page, scene, "Petrov")
    await frame.get_by_role("button", name="Refer").click()
    reason = reason_in(frame)
    await expect(reason).to_have_value("Social interaction")
    await reason.click()
    await reason.press_sequentially("zzz")
    await expect(frame.get_by_text("Nothing fits")).to_be_visible()
    await frame.get_by_label("What is happening?").click()
    await frame.get_by_role("button", name="Continue to check the referral").click()

    await expect(frame.get_by_role("alert")).to_contain_text("Select the main reason for this referral")
    await check_axe(page)
    await frame.get_by_role("link", name="Select the main reason for this referral").click()
    await expect(reason).to_be_focused()


@pytest.mark.parametrize("under", ["", "/refer"])
async def test_the_first_load_is_light_and_quick(scene: Scene, page: Page, tmp_path: Any, under: str) -> None:
    await page.goto(signed_address(scene, tmp_path, user="NEW", name="Nel New"))
    fresh = await page.context.browser.new_context(storage_state=await page.context.storage_state())  # type: ignore[union-attr]  # it is there
    sent = await weigh(await fresh.new_page(), page.url + under)
    await fresh.close()
    painted = await first_paint(page, page.url + under)

    print(f"\n{under or 'person'}: {sum(sent.values())} bytes in {len(sent)} requests, first paint {painted:.0f} ms")
    assert sum(sent.values()) < MOST_BYTES, sent
    assert painted < MOST_MILLISECONDS


async def test_a_team_that_is_not_active_may_ask(scene: Scene, page: Page) -> None:
    await sign_in(page, scene, "tor.lindqvist")
    await open_record(page, scene, "OKAFOR")
    frame = await open_social_prescribing(page)
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Your team does not use social prescribing yet")
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "team-not-active-framed")
    await frame.get_by_role("button", name="Ask for social prescribing for your team").click()

    await expect(frame.get_by_role("heading", level=1)).to_have_text("You have asked for social prescribing")
    await check_axe(page)


async def test_words_of_danger_bring_the_crisis_line_where_one_looks(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    frame = await launch(page, scene, "Yusuf")
    await frame.get_by_role("button", name="Refer").click()
    await frame.get_by_label("What is happening?").press_sequentially("She says that she wants to end her life.")

    await expect(frame.get_by_text("Northdale crisis line, 0808 157 0142")).to_be_in_viewport()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "refer-crisis-framed")
