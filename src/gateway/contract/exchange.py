"""One request and its answer, whoever asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_READ = 2_000_000  # bytes of an answer; a target that sends a gigabyte is not listened to for longer

HOW_FAR = {
    "connect": "nothing answers at that address (no connection)",
    "tls": "its certificate, or how it speaks TLS, is not to be trusted",
    "send": "it closed the connection before it had the whole request",
    "answer": "no whole answer came in time",
    "cut": "the connection ended, or what came was no HTTP, before the answer was whole",
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """`headers` of both sides have lower-case names; `phase` is how far it got (`adapters.ports.Phase`; "cut"
    where its `answer` was not late but broken off)."""

    method: str
    url: str
    sent_headers: Mapping[str, str]
    sent_body: bytes
    phase: str = "done"
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    milliseconds: int = 0

    @property
    def json(self) -> Any:
        """The answer's body as JSON; None when it is none."""
        return _parsed(self.body)

    @property
    def sent_json(self) -> Any:
        return _parsed(self.sent_body)

    @property
    def outcome(self) -> str:
        """What came of it, in words."""
        if self.phase != "done":
            return f"no answer: {HOW_FAR.get(self.phase, self.phase)}"
        return f"{self.status}"


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
