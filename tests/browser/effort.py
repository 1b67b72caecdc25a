"""What a page costs: the person's actions, the bytes of the first load, the time to the first paint."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import BrowserContext, Page, Request

# Each kind once per action of a person: a click on a label, which the browser repeats on its field, is one press.
LISTEN = """
addEventListener("pointerdown", () => tellEffort("click"), true);
addEventListener("keydown", (event) => event.repeat || tellEffort("key"), true);
addEventListener("change", (event) => event.target.tagName === "SELECT" && tellEffort("selection"), true);
"""


@dataclass
class Effort:
    """In all pages and frames of a context. Text counts when it is typed (`press_sequentially`), not when filled in."""

    clicks: int = 0
    keys: int = 0
    selections: int = 0

    @property
    def total(self) -> int:
        return self.clicks + self.keys + self.selections

    async def follow(self, context: BrowserContext) -> None:
        def count(_source: Any, kind: str) -> None:
            self.clicks += kind == "click"
            self.keys += kind == "key"
            self.selections += kind == "selection"

        await context.expose_binding("tellEffort", count)
        await context.add_init_script(LISTEN)


async def weigh(page: Page, address: str) -> dict[str, int]:
    """Loads an address as somebody does who was never there (the context must be fresh). The bytes of each answer as it
    went over the wire, with its headers, by address."""
    finished: list[Request] = []

    def note(request: Request) -> None:
        finished.append(request)

    page.on("requestfinished", note)
    await page.goto(address)
    page.remove_listener("requestfinished", note)
    sizes = {request.url: await request.sizes() for request in finished}
    return {url: size["responseBodySize"] + size["responseHeadersSize"] for url, size in sizes.items()}


async def first_paint(page: Page, address: str) -> float:
    """Milliseconds until something is seen, with the page's cookies but nothing else kept. The quickest of five: others
    use this machine, too."""
    assert page.context.browser
    taken: list[float] = []
    for _ in range(5):
        context = await page.context.browser.new_context(storage_state=await page.context.storage_state())
        fresh = await context.new_page()
        await fresh.goto(address)
        taken.append(await fresh.evaluate(PAINTED))
        await context.close()
    return min(taken)


PAINTED = """() => new Promise((tell) => new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (one.name === "first-contentful-paint") tell(one.startTime);
}).observe({type: "paint", buffered: true}))"""
