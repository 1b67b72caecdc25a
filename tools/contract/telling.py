"""Real requests and answers of the gateway in this process, written down so that each run gives the same text."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import time_machine
from tests.app import Running

from gateway.ids import is_reference

Json = dict[str, Any]

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # when the story starts
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CORRELATION_ID = "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c11"

# What differs from run to run: ids that the gateway gives (UUID version 7) or proposes, references, pages, tokens.
MADE = re.compile(
    r"(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=e\.g\. )[0-9a-f-]{36})"
    r"|(?P<reference>SP-\d{4}-\d{4}-\d{4})|(?P<page>(?<=_page=)[\w.-]+|(?<=\"next_cursor\": \")[\w=-]+)"
    r"|(?P<token>eyJ[\w-]+\.[\w-]+\.[\w-]+)"
)


@dataclass(frozen=True)
class Request:
    """`path` is the route's template, which `at` fills; `given` are the headers that matter here."""

    client: str | None
    method: str
    path: str
    body: Any = None
    at: Json | None = None
    query: Json | None = None
    given: dict[str, str] | None = None

    @property
    def address(self) -> str:
        query = f"?{urlencode(self.query)}" if self.query else ""
        return self.path.format(**(self.at or {})) + query

    @property
    def sent(self) -> Any:
        return urlencode(self.body).encode() if self.given == FORM and isinstance(self.body, dict) else self.body


@dataclass(frozen=True)
class Exchange:
    """A request and its answer; `name` and `summary` are its own in the contract, where nothing without a name is.
    `step` is its place in the story."""

    name: str
    summary: str
    request: Request
    status: int
    answer: Any
    media_type: str
    headers: frozenset[str] = frozenset()
    step: int = 0


class Teller:
    """Calls the gateway, one request every 20 seconds by the story's clock, and keeps what was said."""

    def __init__(self, running: Running, clock: time_machine.Traveller) -> None:
        self.running = running
        self.clock = clock
        self.told: list[Exchange] = []

    async def call(
        self,
        title: str,
        client: str | None,
        request: str,
        body: Any = None,
        *,
        at: dict[str, str] | None = None,
        query: Json | None = None,
        given: dict[str, str] | None = None,
    ) -> Any:
        """The answer's JSON.

        `title` is name and summary, e.g. "closed: With goals met", or nothing for a step that is not shown;
        `request` method and template, e.g. "GET /FHIR/R4/{type}/{id}". A body of bytes is sent, but not shown.
        """
        method, path = request.split(" ")
        asked = Request(client, method, path, body, at, query, given)
        self.clock.shift(timedelta(seconds=20))
        ids = {
            "X-Request-Id": f"5a7c0f6e-0000-4000-8000-{len(self.told):012d}",
            "X-Correlation-Id": CORRELATION_ID,
        }
        response = await self.running.call(client, asked.method, asked.address, asked.sent, **(ids | (given or {})))
        media_type = response.headers.get("content-type", "").partition(";")[0]
        answer = response.json() if media_type.endswith("json") and response.content else response.text or None
        name, _, summary = title.partition(": ")
        if not name and response.is_error:
            raise RuntimeError(f"{request} was refused: {answer}")
        headers = frozenset(response.headers)
        status, step = response.status_code, len(self.told) + 1
        self.told.append(Exchange(name, summary, asked, status, answer, media_type, headers, step))
        return answer


def made_stable(told: Iterable[Exchange]) -> list[Exchange]:
    """The same, with what the gateway made up replaced by fixed values, in the order in which they appear."""
    fixed: dict[str, str] = {}

    def replacement(found: re.Match[str]) -> str:
        return fixed.setdefault(found[0], _fixed(found, len(fixed)))

    def stable(value: Any) -> Any:
        return value if isinstance(value, bytes) else json.loads(MADE.sub(replacement, json.dumps(value)))

    def stable_request(asked: Request) -> Request:
        return replace(asked, at=stable(asked.at), query=stable(asked.query), body=stable(asked.body))

    return [replace(one, request=stable_request(one.request), answer=stable(one.answer)) for one in told]


def _fixed(made: re.Match[str], number: int) -> str:
    match made.lastgroup:
        case "token":
            return "eyJhbGciOiJIUzI1NiJ9.eyJub3QiOiJhIHRva2VuIn0.c2lnbmF0dXJl"
        case "page":
            return "MjAyNi0wMy0wMiBub3QgYSBwYWdl"
        case "reference":
            first = f"SP-4821-{number:04d}-556"
            return next(first + last for last in "0123456789" if is_reference(first + last))
    return f"01981f3e-6b7a-7c3d-9e21-{number:012d}"
