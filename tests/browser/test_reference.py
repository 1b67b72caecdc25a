"""The reference pages at /docs, as an integration engineer has them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.browser.effort import first_paint, weigh
from tests.browser.look import check_axe, check_fits, shoot
from tests.reference.stage import stand

MOST_BYTES, MOST_MILLISECONDS = 60_000, 500
PAGES = {
    "docs": "/docs",
    "docs-rules": "/docs/rules",
    "docs-transaction": "/docs/fhir/transaction",
    "docs-move": "/docs/platform/move_referral",
    "docs-pushes": "/docs/fhir/pushes",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[str]:
    with stand(tmp_path_factory.mktemp("docs"), sqlite_template) as stage:
        yield stage.base


@pytest.mark.parametrize("name", PAGES)
async def test_each_page_can_be_read_by_everybody(base: str, page: Page, name: str) -> None:
    sent = await weigh(page, base + PAGES[name])

    assert sum(sent.values()) < MOST_BYTES, sent
    await check_axe(page)
    await check_fits(page)
    await shoot(page, name)


async def test_the_start_is_there_at_once(base: str, page: Page) -> None:
    assert await first_paint(page, f"{base}/docs") < MOST_MILLISECONDS


async def test_an_engineer_finds_an_operation_and_copies_it_in_their_language(base: str, page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"{base}/docs")
    await page.get_by_role("link", name="Takes the referral to another status").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Takes the referral to another status")

    await page.get_by_role("button", name="Python").last.click()
    await expect(page.locator("#received-curl")).to_be_hidden()
    await expect(page.get_by_role("button", name="Python", pressed=True).last).to_be_in_viewport()
    await page.get_by_role("button", name="Copy Request in Python").first.click()
    await expect(page.get_by_role("button", name="Copied").first).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")

    assert copied.startswith("import os\n\nimport httpx\n")
    assert '"to": "received"' in copied
    await page.goto(f"{base}/docs/fhir/read")
    await expect(page.locator("#task-python")).to_be_visible()  # the language stays
    await expect(page.locator("#task-curl")).to_be_hidden()
    await page.get_by_role("link", name="Not found").click()
    assert page.url.endswith("/docs/rules#error-not-found")


async def test_without_script_both_languages_stand_there(base: str, plain: Page) -> None:
    await plain.goto(f"{base}/docs/fhir/read")

    await expect(plain.locator("#task-curl")).to_be_visible()
    await expect(plain.locator("#task-python")).to_be_visible()
    await expect(plain.get_by_role("button", name="Copy")).to_have_count(0)
