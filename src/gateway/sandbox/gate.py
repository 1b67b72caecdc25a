"""What stands before a tenant's doors: real people stay outside, and some answers come late."""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import orjson
from sqlalchemy import event
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Rejected
from gateway.sandbox.scenarios import scenarios
from gateway.store.engine import Store
from gateway.store.wake import first_of
from mappings.systems import is_nhs_number_system

SYNTHETIC_ONLY = (
    "The sandbox is for synthetic people only: here each NHS number starts with 999, and yours does not. Nothing of "
    "this request was kept. Take a person from /sandbox/scenarios, and never send what is about a real one."
)
NAMED = re.compile(r"(?:nhs-number/?|2\.16\.840\.1\.113883\.2\.1\.4\.1)\|([\d\s-]*\d)", re.IGNORECASE)  # system|value
SYNTHETIC = re.compile(r"999\d{0,7}", re.ASCII)  # one that is too short is for the gateway to refuse
MOST_SLOWED = 1000  # requests remembered as slowed down once


class Gate:
    """ASGI middleware, the innermost. Raises Rejected for a body or a search with an NHS number outside 999, also where
    nothing would be stored of it. The answer about a person whose scenario says so is held back, once the referral is
    stored; that to its repeat is not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._slowed: dict[bytes, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        heard, body = await _hear(receive)
        numbers = refuse_real(scope["query_string"].decode("latin-1")) | refuse_real(body)
        wait = max((scenarios()[one].answer_after for one in numbers if one in scenarios()), default=0)
        if wait and scope["method"] == "POST" and self._is_first(scope, body):
            send = _after(wait, scope["app"].state.stopping, send)
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


def _after(seconds: float, stopping: asyncio.Event, send: Send) -> Send:
    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await first_of(seconds, stopping)
        await send(message)

    return late


def keep_real_people_out(store: Store) -> None:
    """From now on no statement runs that would put an NHS number outside 999 into the store, or ask for one: a patch
    may make it of parts, so what counts is what comes of a request. It raises Rejected, and nothing is kept."""

    @event.listens_for(store.engine.sync_engine, "before_cursor_execute")
    def judge(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        for row in parameters if isinstance(parameters, list) else [parameters]:
            for value in row:
                if isinstance(value, str):
                    refuse_real(value)


def refuse_real(given: str | bytes) -> set[str]:
    """The NHS numbers in JSON or in any other text. Raises Rejected for one outside 999."""
    try:
        content = orjson.loads(given)
    except orjson.JSONDecodeError:
        content = given.decode("latin-1") if isinstance(given, bytes) else given
    numbers = set(_nhs_numbers(content))
    if not all(map(SYNTHETIC.fullmatch, numbers)):
        raise Rejected(SYNTHETIC_ONLY)
    return numbers


def _nhs_numbers(content: Any) -> Iterator[str]:
    """Their digits: of identifiers, and of searches and conditional references (system|value)."""
    left = [content]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield from (re.sub(r"\D", "", found) for found in NAMED.findall(unquote_plus(one)))
        elif isinstance(one, list):
            left.extend(one)
        elif isinstance(one, dict):
            if is_nhs_number_system(one.get("system")) and isinstance(value := one.get("value"), str):
                yield re.sub(r"\D", "", value)
            left.extend(one.values())
