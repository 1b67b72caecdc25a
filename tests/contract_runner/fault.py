"""What stands in front of a healthy counterpart to break it: it may change each request and each answer."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """`path` with its query; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def saying(self, document: object) -> "Asked":
        return replace(self, body=json.dumps(document).encode())

    def at(self, method: str, path: str, document: object = None, **headers: str) -> "Asked":
        """Another request by the same client."""
        known = {name: value for name, value in self.headers.items() if name in {"authorization", "host"}}
        body = b"" if document is None else json.dumps(document).encode()
        return Asked(method, path, known | headers, body)


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refuses(self) -> bool:
        return self.status >= 400

    def saying(self, document: object, status: int | None = None) -> "Answered":
        return replace(self, body=json.dumps(document).encode(), status=status or self.status)


@dataclass
class Fault:
    """Passes everything on as it is; the broken ones override `answer`."""

    app: ASGIApp
    seen: dict[str, Any] = field(default_factory=dict)  # what it remembers from one request to the next

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        asked = Asked(
            scope["method"], scope["raw_path"].decode().partition("?")[0] + query, headers, await _all(receive)
        )
        answered = await self.answer(asked, scope)
        kept = {name: value for name, value in answered.headers.items() if name != "content-length"}
        head = [(name.encode(), value.encode("latin-1")) for name, value in kept.items()]
        head.append((b"content-length", str(len(answered.body)).encode()))
        await send({"type": "http.response.start", "status": answered.status, "headers": head})
        await send({"type": "http.response.body", "body": answered.body})

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        return await self.ask(asked, scope)

    async def ask(self, asked: Asked, scope: Scope) -> Answered:
        """What the healthy one answers."""
        path, _, query = asked.path.partition("?")
        headers = asked.headers | {"content-length": str(len(asked.body))}
        inner = dict(scope) | {
            "method": asked.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "state": {},
        }
        messages: list[Message] = []

        async def hear() -> Message:
            return {"type": "http.request", "body": asked.body, "more_body": False}

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(inner, hear, keep)
        start = next(one for one in messages if one["type"] == "http.response.start")
        body = b"".join(one.get("body", b"") for one in messages)
        return Answered(
            start["status"], {name.decode(): value.decode("latin-1") for name, value in start["headers"]}, body
        )


async def _all(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body
