"""A mock of a Subscription's endpoint: a real small server that keeps the notifications it gets. See README.md."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Notified:
    """What came, and what is to be answered. `statuses` are answered first, one each; then 200.

    With `headers` each notification must have them: 401 without. What is no notification is 400. Neither is kept.
    """

    came: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    delay: float = 0  # seconds before each answer
    headers: Mapping[str, str] = field(default_factory=dict)

    def of_type(self, type_: str) -> list[dict[str, Any]]:
        """Those of a type: handshake, heartbeat, event-notification."""
        return [one for one in self.came if one["type"] == type_]


def build_endpoint(notified: Notified) -> Starlette:
    """The endpoint, at every path; `GET /` shows what came."""

    async def take(request: Request) -> Response:
        if any(request.headers.get(name) != value for name, value in notified.headers.items()):
            return Response(status_code=401)
        try:
            bundle = orjson.loads(await request.body())
            type_ = _type_of(bundle)
        except (ValueError, TypeError, LookupError, StopIteration):
            return Response(status_code=400)
        status = notified.statuses.pop(0) if notified.statuses else 200
        notified.came.append(
            {
                "path": request.url.path,
                "headers": dict(request.headers),
                "bundle": bundle,
                "type": type_,
                "answered": status,
            }
        )
        await asyncio.sleep(notified.delay)
        return Response(status_code=status, headers={"Location": "/elsewhere"} if 300 <= status < 400 else {})

    async def show(_request: Request) -> Response:
        return JSONResponse(notified.came)

    return Starlette(
        routes=[Route("/", show, methods=["GET"]), Route("/{path:path}", take, methods=["POST"])],
    )


def _type_of(bundle: dict[str, Any]) -> str:
    parameters = bundle["entry"][0]["resource"]["parameter"]
    return next(str(one["valueCode"]) for one in parameters if one["name"] == "type")
