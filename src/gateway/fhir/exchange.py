"""What every FHIR request goes through before its own part: who, what media type, what body."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.errors import Duplicate, Forbidden, GatewayError, NotAcceptable, Rejected, UnsupportedMediaType
from gateway.messages import Answer, Received, first_answer
from gateway.security import Caller
from gateway.telemetry import RequestContext
from gateway.validation import check, parse

Json = dict[str, Any]

BODY_TYPES = {"application/fhir+json", "application/json", "text/json"}
ANSWER_TYPES = {*BODY_TYPES, "application/*", "*/*"}
JSON_FORMATS = {"json", "application/fhir+json", "application/json", "text/json"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One FHIR request, with what it needs at hand."""

    request: Request
    gateway: Gateway
    caller: Caller
    context: RequestContext

    @property
    def base_url(self) -> str:
        return f"{self.gateway.settings.base_url}/FHIR/R4"

    @property
    def prefer(self) -> str:
        """minimal | representation | OperationOutcome | '' (R4 http.html#ops, Prefer: return=...)."""
        for part in self.request.headers.get("prefer", "").split(","):
            name, _, value = part.strip().partition("=")
            if name == "return":
                return value
        return ""

    @property
    def strict(self) -> bool:
        return "handling=strict" in self.request.headers.get("prefer", "")

    def send(self, answer: Answer) -> Response:
        """The answer as HTTP; the audit middleware learns whether its row is written already."""
        self.request.state.audited = answer.audited
        return answer.response()

    def require(self, *scopes: str) -> None:
        """Raises Forbidden unless the caller may do all of it, e.g. system/Task.c."""
        for scope in scopes:
            if not self.caller.allows(scope):
                raise Forbidden(f"This needs the scope {scope}, which your token does not have.")


async def open_exchange(request: Request) -> Exchange:
    """Raises Unauthorised, Forbidden for clients of the platform side, NotAcceptable."""
    state = request.app.state
    caller = state.gatekeeper.caller(request.headers.get("authorization"))
    request.state.caller = caller
    await state.gateway.directory.refresh()
    exchange = Exchange(request, state.gateway, caller, request.state.context)
    if caller.role != "epr":
        raise Forbidden("The FHIR door is for EPRs. Platforms use /platform/v1.")
    _check_accept(request)
    return exchange


def _check_accept(request: Request) -> None:
    if request.scope["query_string"] and (wanted := request.query_params.get("_format")) is not None:
        if wanted.replace(" ", "+") not in JSON_FORMATS:  # a bare + in an address means a space
            raise NotAcceptable
        return
    accept = request.headers.get("accept", "*/*")
    offers = [part.split(";") for part in accept.lower().split(",")]
    for media_type, *parameters in offers:
        if media_type.strip() in ANSWER_TYPES:
            _check_version(parameters, NotAcceptable)
            return
    raise NotAcceptable


async def receive(exchange: Exchange, action: str, handle: Callable[[Received, Json], Awaitable[Answer]]) -> Response:
    """Reads the body and has it handled; a repeat of what was answered before gets that answer, whatever now holds."""
    received, resource = await read_body(exchange, action)
    try:
        answer = await handle(received, resource)
    except (Duplicate, Forbidden):
        raise
    except GatewayError:
        first = await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
        if first is None:
            raise
        answer = first
    return exchange.send(answer)


async def read_body(exchange: Exchange, action: str) -> tuple[Received, Json]:
    """The checked resource in the body. Raises UnsupportedMediaType, Unreadable, Rejected with all findings."""
    media_type, *parameters = exchange.request.headers.get("content-type", "").lower().split(";")
    if media_type.strip() not in BODY_TYPES:
        found = media_type.strip() or "no Content-Type"
        raise UnsupportedMediaType(f"The body came as {found[:100]}. Send application/fhir+json (FHIR R4, 4.0.1).")
    _check_version(parameters, UnsupportedMediaType)
    body = await exchange.request.body()
    resource = parse(body)
    issues = check(resource)
    if issues:
        raise Rejected(issues=issues)
    return Received(action, exchange.request.scope["path"], body), resource


def _check_version(parameters: list[str], error: type[NotAcceptable] | type[UnsupportedMediaType]) -> None:
    """fhirVersion=4.0 is ours (R4 http.html#version-parameter); BaRS' version=1.x.y names its own version."""
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "fhirversion" and not value.strip('"').startswith("4.0"):
            raise error("The media type asks for another FHIR version. This gateway speaks FHIR R4 (fhirVersion=4.0).")
