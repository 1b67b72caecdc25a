"""A gateway whose address has a path: a proxy in front takes it off, and all that a browser is given has it on."""

import re
from pathlib import Path

import httpx
from starlette.types import Receive, Scope, Send
from tests.launch.launcher import launching

PREFIX = "/prescribing"
LINK = re.compile(r'(?:href|src|action|data-live|data-draft)="(/[^"]*)"')


async def test_all_addresses_of_a_launched_page_have_it(database_url: str, tmp_path: Path) -> None:
    async with launching(database_url, tmp_path, base_url=f"http://gateway.example{PREFIX}") as launcher:

        async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["path"].startswith(f"{PREFIX}/"), scope["path"]
            await launcher.running.app({**scope, "path": scope["path"].removeprefix(PREFIX)}, receive, send)

        transport = httpx.ASGITransport(proxy)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as browser:
            opened = await browser.get(PREFIX + launcher.address())
            path = opened.headers["location"]
            assert path.startswith(f"{PREFIX}/app/p/")
            assert f"; Path={path};" in opened.headers["set-cookie"]
            for page in ("", "/refer"):
                shown = await browser.get(path + page)
                assert shown.status_code == 200
                links = LINK.findall(shown.text)
                assert links
                assert all(link.startswith(f"{PREFIX}/") for link in links), links
            over = await browser.get(f"{PREFIX}/app/deliveries")
            assert over.headers["location"] == f"{PREFIX}/app/sign-in"
            assert (await browser.get(over.headers["location"])).status_code == 200
