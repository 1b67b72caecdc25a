"""How a fault acts on a call, whichever door it came through."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from fastapi import Request, Response

from adapters.rio.mock.faults import Rule
from adapters.rio.mock.spoiling import spoil_bytes

HTML = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Planned maintenance</title>'
    "<h1>Planned maintenance</h1><p>The system is not available."
)


class Refuse(Protocol):
    """An answer of refusal in the words of the door."""

    def __call__(self, status: int, code: str, text: str) -> Response: ...


async def carry_out(
    request: Request, rule: Rule | None, work: Callable[[Rule | None], Response], refuse: Refuse
) -> Response:
    """The answer of `work`, which does and keeps what was asked for, or what the rule makes of it.

    `work` is given the rule too: some faults act inside. A wait holds up this call alone.
    """
    if rule is None:
        return work(None)
    if not _acts_afterwards(rule):
        await _wait(rule)
        return await _stopped(request, rule, refuse) or _spoilt(rule, work(rule))
    answer = work(rule)
    await _wait(rule)
    return await _stopped(request, rule, refuse) or answer


def _acts_afterwards(rule: Rule) -> bool:
    return rule.committed or rule.fault.endswith("after-commit")


async def _wait(rule: Rule) -> None:
    if not rule.fault.startswith(("hang", "reset")):
        await asyncio.sleep(rule.wait)


async def _stopped(request: Request, rule: Rule, refuse: Refuse) -> Response | None:
    """What comes instead of the answer, if anything."""
    if rule.fault.startswith(("hang", "reset")):
        return await _cut(request, rule.wait)
    stops = {
        "http-error": lambda: refuse(rule.status, "INTERNAL_ERROR", "A scripted fault of the mock."),
        "soap-fault": lambda: refuse(200, "INTERNAL_ERROR", "A scripted fault of the mock."),
        "certificate-refused": lambda: Response("Forbidden: client certificate", 403, media_type="text/plain"),
        "downtime": lambda: Response(HTML, 503, media_type="text/html"),
        "read-only": lambda: refuse(200, "READ_ONLY", "The system is read-only for now."),
        "device-not-registered": lambda: refuse(401, "DEVICE_NOT_REGISTERED", "The device is not registered."),
    }
    answer = stops[rule.fault]() if rule.fault in stops else None
    if answer and rule.retry_after is not None:
        answer.headers["Retry-After"] = str(rule.retry_after)
    return answer


def _spoilt(rule: Rule, answer: Response) -> Response:
    body = spoil_bytes(rule.fault, bytes(answer.body))
    if body != answer.body:
        answer.body = body
        answer.headers["Content-Length"] = str(len(body))
    return answer


def transport_of(request: Request) -> asyncio.Transport | None:
    """The connection beneath, as uvicorn has it; ASGI itself offers none. None under a test client."""
    transport: asyncio.Transport | None = getattr(getattr(request.receive, "__self__", None), "transport", None)
    return transport


async def _cut(request: Request, seconds: float) -> Response:
    """Says nothing for so long, or until the caller goes, then resets the connection (RST); what it returns is not
    heard."""
    transport = transport_of(request)
    if transport is None:
        raise ConnectionResetError("A scripted fault of the mock: no answer.")
    gone = asyncio.create_task(_disconnected(request))
    await asyncio.wait({gone}, timeout=seconds)
    line = transport.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await gone
    return Response()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
