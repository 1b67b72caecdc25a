"""A real browser before a real gateway and a real mock RiO. It is the system's Chromium; none is downloaded."""

import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from pytest_asyncio import fixture, is_async_test
from tests.browser.effort import Effort
from tests.browser.look import DESKTOP
from tests.browser.stage import Scene, play
from tests.browser.watch import Watch

NAMES = [os.environ.get("GATEWAY_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
expect.set_options(timeout=30_000)  # a busy machine takes its time
ABSENT = "Chromium is absent: apt-get install chromium, or say with GATEWAY_CHROMIUM where it is"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives on one loop for the whole run, so its tests do, too."""
    for item in items:
        if is_async_test(item) and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the gateway and the mock had to say stands beside what the browser saw."""
    report = yield
    if report.failed and isinstance(scene := item.funcargs.get("scene"), Scene):
        report.sections.append(("Logs of the scene", scene.logs()))
    return report


@pytest.fixture(scope="module")  # what one module does to a person is not in the way of another
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with play(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


@fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = next((found for found in map(shutil.which, filter(None, NAMES)) if found), None)
    if chromium is None:
        pytest.skip(ABSENT)
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--disable-gpu", *root])
        yield browser
        await browser.close()


@fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser that has never been anywhere. The test fails when a page in it does what `Watch` forbids."""
    context = await browser.new_context(
        viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, locale="en-GB", timezone_id="Europe/London"
    )
    context.set_default_timeout(30_000)
    watch = Watch(context)
    yield context
    await context.close()
    watch.check()


@fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@fixture(loop_scope="session")
async def plain(browser: Browser) -> AsyncIterator[Page]:
    """A page in a browser without script."""
    context = await browser.new_context(java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(30_000)
    yield await context.new_page()
    await context.close()


@fixture(loop_scope="session")
async def effort(context: BrowserContext) -> Effort:
    """Counts what the test does as a person; ask for it before anything is opened."""
    effort = Effort()
    await effort.follow(context)
    return effort
