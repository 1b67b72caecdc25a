"""How a page is for those who see it small, large, in high contrast, or not at all."""

import os
from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}, iframes: false, resultTypes: ['violations']})"
DESKTOP, PHONE, ZOOMED = (1280, 1024), (320, 640), (320, 256)  # the last: 1280 by 1024 at 400 %
SCREENSHOTS = Path("var/screenshots")

# What reaches beyond the right edge and is not clipped or scrolled inside its own box.
WIDER = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > width + 1)
    .map((one) => `${one.tagName.toLowerCase()}.${one.className} "${one.textContent.trim().slice(0, 40)}"`)
    .concat([`the page: ${document.documentElement.scrollWidth} of ${width} px`]);
}"""


async def check_axe(page: Page) -> None:
    """Runs axe-core's WCAG 2.2 AA and best-practice rules in the page and in each of its frames."""
    found: list[str] = []
    for frame in page.frames:
        await frame.wait_for_load_state()
        await frame.evaluate(AXE)
        result: dict[str, Any] = await frame.evaluate(RUN, RULES)
        for violation in result["violations"]:
            found.append(f"{violation['id']} ({violation['impact']}): {violation['help']}")
            found += [f"    {node['html']}\n    {node['failureSummary']}" for node in violation["nodes"]]
    assert not found, f"{page.url}\n" + "\n".join(found)


async def check_fits(page: Page) -> None:
    """Nothing scrolls sideways at a width of 320 CSS pixels, nor at 400 % zoom (WCAG 2.2, 1.4.10)."""
    for size in (PHONE, ZOOMED):
        await _resize(page, size)
        for frame in page.frames:
            wider: list[str] = await frame.evaluate(WIDER)
            assert not wider, f"{frame.url} at {size[0]} by {size[1]}:\n" + "\n".join(wider)
    await _resize(page, DESKTOP)


async def shoot(page: Page, name: str) -> None:
    """With GATEWAY_SCREENSHOTS set: the page as var/screenshots/NAME-{desktop,320,contrast}.png."""
    if not os.environ.get("GATEWAY_SCREENSHOTS"):
        return
    await page.screenshot(path=SCREENSHOTS / f"{name}-desktop.png", full_page=True)
    await _resize(page, PHONE)
    await page.screenshot(path=SCREENSHOTS / f"{name}-320.png", full_page=True)
    await _resize(page, DESKTOP)
    await page.emulate_media(forced_colors="active")
    await page.screenshot(path=SCREENSHOTS / f"{name}-contrast.png", full_page=True)
    await page.emulate_media(forced_colors="none")


async def _resize(page: Page, size: tuple[int, int]) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
