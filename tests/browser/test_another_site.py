"""The gateway on another site than the EPR, over https, in a browser that takes no third-party cookies."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Frame, async_playwright, expect
from tests.browser.conftest import ABSENT, NAMES
from tests.browser.epr import launch, sign_in
from tests.browser.stage import play
from tests.certificates import certificate, server_side

PARTITIONED = b"; Partitioned"


@asynccontextmanager
async def tls_before(gateway: list[str], folder: Path, without: bytes = b"") -> AsyncIterator[str]:
    """What stands before a gateway in production. `gateway` holds its address once it has one; `without` is left out of
    what it says. Its own address."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data.replace(without, b"") if without else data)
            await writer.drain()
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", int(gateway[0].rpartition(":")[2]))
        await asyncio.gather(pass_on(reader, outer), pass_on(inner, writer), return_exceptions=True)

    pem, key = certificate(folder, "gateway", "localhost")
    server = await asyncio.start_server(join, "127.0.0.1", 0, ssl=server_side(pem, key))
    yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()


@asynccontextmanager
async def launched(folder: Path, without: bytes = b"") -> AsyncIterator[Frame]:
    """The gateway's page in the frame of an EPR at http://127.0.0.1, itself at https://localhost."""
    chromium = next((found for found in map(shutil.which, filter(None, NAMES)) if found), None)
    if chromium is None:
        pytest.skip(ABSENT)
    args = ["--test-third-party-cookie-phaseout", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    gateway: list[str] = []
    async with tls_before(gateway, folder, without) as public, async_playwright() as playwright:
        staged = play(folder, public)
        scene = await asyncio.to_thread(staged.__enter__)
        gateway.append(scene.gateway)
        browser = await playwright.chromium.launch(executable_path=chromium, args=args)
        try:
            page = await browser.new_page(ignore_https_errors=True)
            await sign_in(page, scene)
            yield await launch(page, scene, "Harrow")
        finally:
            await browser.close()
            await asyncio.to_thread(staged.__exit__, None, None, None)


async def test_a_partitioned_cookie_holds_the_session(tmp_path: Path) -> None:
    async with launched(tmp_path) as frame:
        await frame.get_by_role("button", name="Refer").click()
        await frame.get_by_label("What is happening?").fill("From another site.")
        await expect(frame.get_by_text("Draft saved")).to_be_visible()

        [cookie] = [one for one in await frame.page.context.cookies() if one["name"] == "session"]
        assert cookie["partitionKey"] == "http://127.0.0.1"
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "None")


async def test_another_cookie_would_not(tmp_path: Path) -> None:
    """That is: the browser of these tests does refuse third-party cookies."""
    async with launched(tmp_path, without=PARTITIONED) as frame:
        await expect(frame.get_by_role("heading", level=1)).to_have_text("This cannot be done")
