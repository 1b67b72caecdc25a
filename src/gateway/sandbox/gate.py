"""What stands before a tenant's doors: real people stay outside, and some answers come late."""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Rejected
from gateway.sandbox.scenarios import scenarios
from mappings.systems import is_nhs_number_system

SYNTHETIC_ONLY = (
    "The sandbox is for synthetic people only: here each NHS number starts with 999, and yours does not. Nothing of "
    "this request was kept. Take a person from /sandbox/scenarios, and never send what is about a real one."
)
ASKED = re.compile(r"nhs-number\|(?!999)\s*\d")  # in a search
NUMBER = re.compile(r"\d{10}")
MOST_SLOWED = 1000  # requests remembered as slowed down once


class Gate:
    """ASGI middleware, the innermost. Raises Rejected for a body or a search with an NHS number outside 999. The answer
    about a person whose scenario says so is held back, once the referral is stored; that to its repeat is not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._slowed: dict[bytes, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if ASKED.search(unquote_plus(scope["query_string"].decode("latin-1"))):
            raise Rejected(SYNTHETIC_ONLY)
        heard, body = await _hear(receive)
        if ASKED.search(unquote_plus(body[:10_000].decode("latin-1"))):
            raise Rejected(SYNTHETIC_ONLY)
        numbers = set(nhs_numbers(body))
        if any(not one.startswith("999") for one in numbers):
            raise Rejected(SYNTHETIC_ONLY)
        wait = max((scenarios()[one].answer_after for one in numbers if one in scenarios()), default=0)
        if wait and scope["method"] == "POST" and self._is_first(scope, body):
            send = _after(wait, send)
        await self.app(scope, _replay(heard, receive), send)

    def _is_first(self, scope: Scope, body: bytes) -> bool:
        key = dict(scope["headers"]).get(b"x-request-id") or hashlib.sha256(body).digest()
        if key in self._slowed:
            return False
        self._slowed[key] = None
        if len(self._slowed) > MOST_SLOWED:
            del self._slowed[next(iter(self._slowed))]
        return True


async def _hear(receive: Receive) -> tuple[list[Message], bytes]:
    """The whole request; whoever limits its size stands before this."""
    heard = [await receive()]
    while heard[-1].get("more_body"):
        heard.append(await receive())
    return heard, b"".join(message.get("body", b"") for message in heard)


def _replay(heard: list[Message], receive: Receive) -> Receive:
    left = iter(heard)

    async def replay() -> Message:
        return next(left, None) or await receive()

    return replay


def _after(seconds: float, send: Send) -> Send:
    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return late


def nhs_numbers(body: bytes) -> Iterator[str]:
    """The NHS numbers that stand in a JSON body: as identifiers, or alone in a JSON Patch. None in what is no JSON."""
    try:
        left: list[Any] = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        return
    patches = isinstance(left[0], list)
    while left:
        one = left.pop()
        if isinstance(one, dict):
            value = one.get("value")
            if isinstance(value, str) and (
                is_nhs_number_system(one.get("system")) or (patches and NUMBER.fullmatch(value))
            ):
                yield re.sub(r"[\s-]", "", value)
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
