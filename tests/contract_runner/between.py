"""What stands between the runner and a healthy counterpart, and makes it a broken one."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request on its way in. `path` with its query; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body; empty when it is no JSON object."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def with_headers(self, **headers: str) -> "Call":
        return replace(self, headers={**self.headers, **{name.replace("_", "-"): headers[name] for name in headers}})

    def saying(self, document: object) -> "Call":
        return replace(self, body=json.dumps(document).encode())

    def at(self, method: str, path: str, document: object = None, type_: str = "") -> "Call":
        """Another request by the same client."""
        known = {name: value for name, value in self.headers.items() if name in {"authorization", "host"}}
        body = b"" if document is None else json.dumps(document).encode()
        return Call(method, path, known | ({"content-type": type_} if type_ else {}), body)


Pass = Callable[[Call], Awaitable[Response]]  # passes it on to the healthy one
Seen = dict[str, Any]  # what a fault remembers of one counterpart
Fault = Callable[[Call, Pass, Seen], Awaitable[Response]]


def between(fault: Fault) -> Callable[[ASGIApp], ASGIApp]:
    def around(healthy: ASGIApp) -> ASGIApp:
        seen: Seen = {}

        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            response = await fault(await read(scope, receive), lambda call: pass_to(healthy, call), seen)
            await response(scope, receive, send)

        return broken

    return around


async def read(scope: Scope, receive: Receive) -> Call:
    request = Request(scope, receive)
    query = f"?{request.url.query}" if request.url.query else ""
    return Call(request.method, scope["raw_path"].decode() + query, dict(request.headers), await request.body())


async def pass_to(healthy: ASGIApp, call: Call) -> Response:
    """What it answers."""
    headers = call.headers | {"content-length": str(len(call.body))}
    asked = httpx.Request(call.method, f"http://healthy{call.path}", headers=headers, content=call.body)
    answer = await httpx.ASGITransport(healthy).handle_async_request(asked)
    kept = {name: answer.headers[name] for name in answer.headers if name != "content-length"}
    return Response(await answer.aread(), answer.status_code, kept)


def answering(when: Callable[[Call], bool], status: int, body: str = "", **headers: str) -> Fault:
    """Answers so instead of doing anything."""

    async def answer(call: Call, pass_on: Pass, _seen: Seen) -> Response:
        if not when(call):
            return await pass_on(call)
        return Response(body, status, {name.replace("_", "-"): headers[name] for name in headers})

    return answer


def saying(when: Callable[[Call, Response], bool], status: int | None, body: str | None = None) -> Fault:
    """Does it, and answers otherwise; None: as it was."""

    async def say(call: Call, pass_on: Pass, _seen: Seen) -> Response:
        answer = await pass_on(call)
        if not when(call, answer):
            return answer
        said = answer.body if body is None else body
        return Response(said, status or answer.status_code, media_type="application/fhir+json")

    return say


def told_otherwise(when: Callable[[Call], bool], change: Callable[[Call], Call]) -> Fault:
    """Takes the request for another one."""

    async def tell(call: Call, pass_on: Pass, _seen: Seen) -> Response:
        return await pass_on(change(call) if when(call) else call)

    return tell


def answering_header(when: Callable[[Call], bool], name: str, value: str | None) -> Fault:
    """Does it, and tells this in the header; None: leaves it out."""

    async def answer_header(call: Call, pass_on: Pass, _seen: Seen) -> Response:
        answer = await pass_on(call)
        if when(call) and name in answer.headers:
            del answer.headers[name]
            if value is not None:
                answer.headers[name] = value
        return answer

    return answer_header
