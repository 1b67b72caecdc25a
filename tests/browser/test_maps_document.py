"""The document of the maps, as an analyst opens it: readable for everybody, on a narrow screen and on paper."""

from pathlib import Path

from playwright.async_api import Page
from tests.browser.look import check_axe, check_fits, shoot

from gateway.workbench.rendering import render_html
from mappings.check import read_maps
from mappings.documents import read_document
from mappings.translate import MAPS


async def test_the_document_of_the_maps(page: Page, tmp_path: Path) -> None:
    dialect = read_document(MAPS / "dialects" / "tidewater.json", "dialect")
    await page.set_content(render_html(read_maps(MAPS), [dialect]))

    await shoot(page, "maps")
    await check_axe(page)
    await check_fits(page)

    printed = await page.pdf(path=tmp_path / "maps.pdf", prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") in range(10, 80), "a page of A4 for each few rows"
