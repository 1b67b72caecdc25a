"""Real requests and answers of the gateway in this process, written down so that each run gives the same text."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import time_machine
from tests.app import Running

from gateway.ids import is_reference

Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
CORRELATION_ID = "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c11"

# What differs from run to run: ids that the gateway gives (UUID version 7) or proposes, references, cursors, tokens.
MADE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=e\.g\. )[0-9a-f-]{36}"
    r"|SP-\d{4}-\d{4}-\d{4}|(?<=_after=)[\w%]+|eyJ[\w-]+\.[\w-]+\.[\w-]+"
)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. `path` is the route's template; `example` and `summary` name it in the contract.

    `parameters` are those of path and query, `headers` the names of the answer's.
    """

    example: str
    summary: str
    method: str
    path: str
    parameters: Json
    sent: Any
    status: int
    answer: Any
    media_type: str
    headers: frozenset[str] = frozenset()


class Teller:
    """Calls the gateway, one request every 20 seconds by the story's clock, and keeps what has a name."""

    def __init__(self, running: Running, clock: time_machine.Traveller) -> None:
        self.running = running
        self.clock = clock
        self.told: list[Exchange] = []
        self._number = 0

    async def call(
        self,
        example: str | None,
        client: str | None,
        request: str,
        sent: Any = None,
        *,
        at: dict[str, str] | None = None,
        query: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The answer's JSON. `request` is method and template, e.g. "GET /FHIR/R4/{type}/{id}", and `at` fills it.

        `example` is name and summary, e.g. "close: Closed with goals met"; None for a step that is not shown.
        """
        self._number += 1
        self.clock.shift(timedelta(seconds=20))
        method, path = request.split(" ")
        given = {
            "Content-Type": "application/fhir+json" if path.startswith("/FHIR") else "application/json",
            "X-Request-Id": f"5a7c0f6e-0000-4000-8000-{self._number:012d}",
            "X-Correlation-Id": CORRELATION_ID,
        }
        if client:
            given["Authorization"] = f"Bearer {self.running.tokens[client]}"
        given |= headers or {}
        response = await self.running.http.request(
            method, path.format(**(at or {})), params=query, headers=given, content=_body(sent, given["Content-Type"])
        )
        media_type = response.headers.get("content-type", "").partition(";")[0]
        is_json = media_type.endswith("json") and bool(response.content)
        answer = response.json() if is_json else response.text or None
        if example is None and response.status_code >= 400:
            raise RuntimeError(f"{request} was refused: {answer}")
        if example:
            name, _, summary = example.partition(": ")
            shown = None if isinstance(sent, bytes) else sent
            told = (at or {}) | (query or {})
            self.told.append(
                Exchange(
                    *(name, summary, method, path, told, shown),
                    *(response.status_code, answer, media_type, frozenset(response.headers)),
                )
            )
        return answer


def _body(sent: Any, media_type: str) -> bytes:
    if sent is None or isinstance(sent, bytes):
        return sent or b""
    return urlencode(sent).encode() if media_type == FORM else json.dumps(sent).encode()


def made_stable(told: Iterable[Exchange]) -> list[Exchange]:
    """The same, with what the gateway made up replaced by fixed values, in the order in which they appear."""
    fixed: dict[str, str] = {}

    def replacement(found: re.Match[str]) -> str:
        return fixed.setdefault(found[0], _fixed(found[0], len(fixed)))

    def stable(value: Any) -> Any:
        return json.loads(MADE.sub(replacement, json.dumps(value)))

    return [
        replace(one, parameters=stable(one.parameters), sent=stable(one.sent), answer=stable(one.answer))
        for one in told
    ]


def _fixed(made: str, number: int) -> str:
    if made.startswith("eyJ"):
        return "eyJhbGciOiJIUzI1NiJ9.eyJub3QiOiJhIHRva2VuIn0.c2lnbmF0dXJl"
    if "-" not in made:
        return "MjAyNi0wMy0wMiBub3QgYSBjdXJzb3I%3D"
    if made.startswith("SP-"):
        first = f"SP-4821-{number:04d}-556"
        return next(first + last for last in "0123456789" if is_reference(first + last))
    return f"01981f3e-6b7a-7c3d-9e21-{number:012d}"
