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


@dataclass(frozen=True)
class Cost:
    """`sent` is the bytes of all answers as they went over the wire, with their headers; `paint` is in milliseconds."""

    sent: int
    paint: float
    by_address: dict[str, int]


async def weigh(page: Page, address: str) -> Cost:
    """Loads an address as somebody does who has never been there (the context must be fresh)."""
    finished: list[Request] = []

    def note(request: Request) -> None:
        finished.append(request)

    page.on("requestfinished", note)
    await page.goto(address)
    page.remove_listener("requestfinished", note)
    sizes = {request.url: await request.sizes() for request in finished}
    sent = {url: size["responseBodySize"] + size["responseHeadersSize"] for url, size in sizes.items()}
    paint: float = await page.evaluate(FIRST_PAINT)
    return Cost(sum(sent.values()), paint, sent)


FIRST_PAINT = """() => new Promise((tell) => new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (one.name === "first-contentful-paint") tell(one.startTime);
}).observe({type: "paint", buffered: true}))"""
