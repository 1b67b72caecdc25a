"""What a page about one person asks by itself, so that it shows a change within a second: a stream, else the state."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from gateway.arrival import Gateway
from gateway.ids import instant, now
from gateway.launch.session import PATH, admit, require_patient
from gateway.live import OpenPage, OpenPages, page_of, version_of
from gateway.web.launched import launch_page
from gateway.web.page import HEADERS
from gateway.web.person import render_live

HEARTBEAT = 5.0  # seconds; an event, because the page cannot see a comment, nor else that its line is dead
AGAIN = 2000  # milliseconds until a browser whose stream has broken off opens another
NO_FRAME = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


def add_live_routes(app: FastAPI) -> None:
    """`app.state.open_pages` are the streams; who stops the app closes them."""
    app.state.open_pages = OpenPages(app.state.gateway.store)
    at = f"{PATH}/{{session}}"
    app.add_route(f"{at}/events", stream_events, methods=["GET"])
    app.add_route(f"{at}/state", tell_state, methods=["GET"])
    app.add_route(f"{at}/live", send_live, methods=["GET"])


@launch_page
async def stream_events(request: Request) -> Response:
    """Server-sent events (HTML living standard, 9.2): `changed`, whose id is the version to fetch; `alive`, when that
    of before still holds; `over`, with the session; `elsewhere`, when the session has too many streams. Nothing in
    them is about a person. The first comes at once: `changed`, unless the page has that version (?seen= or
    Last-Event-ID)."""
    page = page_of(await admit(request))
    seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
    headers = HEADERS | NO_FRAME | {"X-Accel-Buffering": "no"}
    return StreamingResponse(_events(request.app.state.open_pages, page, seen), 200, headers, "text/event-stream")


async def _events(pages: OpenPages, page: OpenPage, seen: str) -> AsyncIterator[str]:
    yield f"retry: {AGAIN}\n\n"
    with pages.watching(page):
        while not pages.closed:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await page.news.wait()
            except TimeoutError:
                yield _event("alive", seen) if pages.is_sure else ": nobody knows\n\n"
                continue
            page.news.clear()
            if pages.closed:
                return
            if page.over or page.replaced:
                yield _event("over" if page.over else "elsewhere", seen)
                return
            if page.version is not None:
                yield _event("alive" if page.version == seen else "changed", page.version)
                seen = page.version


def _event(name: str, version: str) -> str:
    """The version is the data, too: a browser passes on no event without data."""
    told = version if version.isalnum() else ""
    return f"event: {name}\nid: {told}\ndata: {told}\n\n" if told else f"event: {name}\ndata: -\n\n"


@launch_page
async def tell_state(request: Request) -> Response:
    """The version alone: {"version": ..., "at": instant}. What it is a version of is read, and audited, elsewhere."""
    session = await admit(request)
    request.state.audited = True
    version = await version_of(request.app.state.gateway.store, session)
    return JSONResponse({"version": version, "at": instant(now())}, headers=HEADERS | NO_FRAME)


@launch_page
async def send_live(request: Request) -> Response:
    """The part of the page that changes, as HTML; its ETag is the version that it shows, or one before that."""
    session = await admit(request)
    require_patient(session)
    gateway: Gateway = request.app.state.gateway
    version = await version_of(gateway.store, session)  # before: what changes meanwhile is told again
    block = await render_live(gateway, session)
    return Response(block, 200, HEADERS | NO_FRAME | {"ETag": f'"{version}"'}, "text/html; charset=utf-8")


@contextmanager
def when_told_to_stop(act: Callable[[], None]) -> Iterator[None]:
    """Within the block SIGTERM and SIGINT do this first. A server waits for the answers that are under way before it
    tells the application that it stops: streams, which have no end of their own, would make it wait for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def act_and_pass_on(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)
        before[number](number, frame)

    ours = [number for number, handler in before.items() if callable(handler)]
    for number in ours:
        signal.signal(number, act_and_pass_on)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is act_and_pass_on:
                signal.signal(number, before[number])
