"""What every request of an operator goes through first."""

from dataclasses import dataclass
from typing import Annotated

import jiter
from fastapi import Depends, Request

from gateway.arrival import Gateway
from gateway.errors import Forbidden, Unreadable
from gateway.security import Caller
from gateway.telemetry import RequestContext

READ, WRITE = "operations/deliveries.read", "operations/deliveries.write"
TRACE, UNMASK = "operations/traces.read", "operations/traces.unmask"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request, with what it needs at hand."""

    request: Request
    gateway: Gateway
    caller: Caller
    context: RequestContext


def admit(request: Request, authorization: str | None, scope: str) -> Operation:
    """Raises Unauthorised, or Forbidden unless an operator calls whose token has the scope."""
    state = request.app.state
    caller: Caller = state.gatekeeper.caller(authorization)
    request.state.caller = caller
    if caller.role != "operator":
        raise Forbidden("This is for operators. What became of one referral's updates stands with the referral.")
    if not caller.allows(scope):
        raise Forbidden(f"This needs the scope {scope}, which your token does not have.")
    return Operation(request, state.gateway, caller, request.state.context)


async def _to_watch(request: Request) -> Operation:
    return admit(request, request.headers.get("authorization"), READ)


async def _to_trace(request: Request) -> Operation:
    return await _read(admit(request, request.headers.get("authorization"), TRACE))


async def _to_unmask(request: Request) -> Operation:
    admit(request, request.headers.get("authorization"), TRACE)
    return await _read(admit(request, request.headers.get("authorization"), UNMASK))


async def _to_operate(request: Request) -> Operation:
    return await _read(admit(request, request.headers.get("authorization"), WRITE))


async def _read(operation: Operation) -> Operation:
    """Raises Unreadable for a body that FastAPI would take all the same: UTF-16, one key twice."""
    if body := await operation.request.body():
        try:
            jiter.from_json(body, catch_duplicate_keys=True, allow_inf_nan=False)
        except ValueError:
            raise Unreadable("The body must be one JSON object in UTF-8 that says each key once.") from None
    return operation


ToWatch = Annotated[Operation, Depends(_to_watch)]
ToTrace = Annotated[Operation, Depends(_to_trace)]
ToUnmask = Annotated[Operation, Depends(_to_unmask)]
ToOperate = Annotated[Operation, Depends(_to_operate)]
