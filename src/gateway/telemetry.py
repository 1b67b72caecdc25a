"""Each request's ids, its line in the log, and the net under it: whatever breaks, the answer is an OperationOutcome."""

import logging
import re
import time
import traceback
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import BadRequest, Contended, GatewayError, ServerError, TooLarge, Unavailable, answer
from gateway.store.engine import is_contended, is_unreachable

UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RequestContext:
    """X-Request-Id names this request (a retry keeps it); X-Correlation-Id names the whole referral's conversation."""

    request_id: str
    correlation_id: str


def set_up_logging(level: str) -> None:
    """One JSON line an event on standard output. Nothing from a body, and no identifier of a person, is ever logged."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
    )


class Telemetry:
    """ASGI middleware, outermost. Puts a RequestContext into `scope["state"]["context"]` and echoes its ids."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        context, trouble = _context(headers)
        scope.setdefault("state", {})["context"] = context
        sent: dict[str, int] = {}

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", context.request_id.encode()),
                    (b"x-correlation-id", context.correlation_id.encode()),
                ]
            await send(message)

        try:
            if trouble:
                raise trouble
            if CONTROLS.search(unquote_to_bytes(scope["query_string"]) + scope["path"].encode("utf-8", "replace")):
                raise BadRequest("The address holds control characters, which nothing here is called by.")
            length = headers.get(b"content-length", b"")
            if length.isdigit() and int(length) > self.max_body_bytes:
                raise TooLarge(f"The body may hold {self.max_body_bytes:,} bytes at most.")
            await self.app(scope, _limited(receive, self.max_body_bytes), send_with_ids)
        except Exception as error:
            refusal = known(error, context)
            if "status" in sent:  # too late for another answer
                raise
            url = scope["app"].state.base_url
            await answer(refusal, context.correlation_id, url)(scope, receive, send_with_ids)
        finally:
            log.info(
                "request",
                method=scope["method"],
                route=template(scope),
                status=sent.get("status"),
                ms=round((time.perf_counter() - started) * 1000, 1),
                request_id=context.request_id,
                correlation_id=context.correlation_id,
            )


def known(error: Exception, context: RequestContext) -> GatewayError:
    """What it is to whoever asked; that something broke is in the log."""
    if isinstance(error, GatewayError):
        return error
    log.error("crashed", error=type(error).__name__, at=where(error), correlation_id=context.correlation_id)
    if is_contended(error):
        return Contended()
    return Unavailable() if is_unreachable(error) else ServerError()


def _context(headers: MutableMapping[bytes, bytes]) -> tuple[RequestContext, GatewayError | None]:
    ids = {}
    trouble = None
    for name in (b"x-request-id", b"x-correlation-id"):
        given = headers.get(name, b"").decode("latin-1")
        ids[name] = given if UUID.fullmatch(given) else str(uuid4())
        if name in headers and ids[name] != given:
            trouble = BadRequest(f"The header {name.decode()} must be a UUID, e.g. {ids[name]}.")
    return RequestContext(ids[b"x-request-id"], ids[b"x-correlation-id"]), trouble


def _limited(receive: Receive, most: int) -> Receive:
    """Stops reading a body that has no Content-Length, or a false one, once it is too large.

    FastAPI's own limit answers in plain text; everything said here is an OperationOutcome.
    """
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLarge(f"The body may hold {most:,} bytes at most.")
        return message

    return limited


def template(scope: Scope) -> str:
    """The route as registered: the address itself may hold what does not belong in a log."""
    if "route" in scope:  # FastAPI's own, the only ones that say so
        return str(scope["route"].path)
    return _template(scope["app"], scope["endpoint"]) if "endpoint" in scope else "unknown address"


@lru_cache(maxsize=256)
def _template(app: Any, endpoint: Any) -> str:
    return next(str(route.path) for route in app.routes if getattr(route, "endpoint", None) is endpoint)


def where(error: BaseException) -> list[str]:
    """File, line and function of each frame: an exception's message may repeat data, its place cannot."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)][-6:]
