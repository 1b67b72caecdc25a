"""What every FHIR request goes through before its own part: who, what media type, what body."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.errors import (
    Duplicate,
    Forbidden,
    GatewayError,
    Issue,
    NotAcceptable,
    Rejected,
    UnsupportedMediaType,
    quoted,
)
from gateway.messages import Answer, Received, first_answer
from gateway.privacy import withhold
from gateway.security import Caller
from gateway.store.questionnaires import find_questionnaires
from gateway.telemetry import RequestContext
from gateway.validation import check, dump, parse
from mappings.form import CANONICAL, URL, questionnaire

Json = dict[str, Any]

BODY_TYPES = {"application/fhir+json", "application/json", "text/json"}
ANSWER_TYPES = {*BODY_TYPES, "application/*", "*/*"}
FORMATS = {*BODY_TYPES, "json"}
PATH = "/FHIR/R4"  # of the base
BEFORE_XML = b"\xef\xbb\xbf \t\r\n"  # a byte order mark, blanks
ANSWERS = "QuestionnaireResponse"
MOST_QUESTIONNAIRES = 10  # looked up for one request
VERSIONS = {"1.0": "DSTU2", "3.0": "STU3", "4.3": "R4B", "5.0": "R5"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One FHIR request, with what it needs at hand."""

    request: Request
    gateway: Gateway
    caller: Caller
    context: RequestContext

    @property
    def base_url(self) -> str:
        return f"{self.gateway.settings.base_url}{PATH}"

    @property
    def prefer(self) -> str:
        """minimal | representation | OperationOutcome | '' (R4 http.html#ops, Prefer: return=...)."""
        return self._preferred("return")

    @property
    def strict(self) -> bool:
        return self._preferred("handling") == "strict"

    def _preferred(self, wanted: str) -> str:
        """The value of a preference, without its parameters; of several the first counts (RFC 7240, 2)."""
        for part in ",".join(self.request.headers.getlist("prefer")).split(","):
            name, _, value = part.partition(";")[0].partition("=")
            if name.strip().lower() == wanted:
                return value.strip().strip('"')
        return ""

    def may_read(self, type_: str) -> bool:
        return self.caller.allows(f"system/{type_}.r")

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
    gateway = replace(state.gateway, trial=True) if getattr(request.state, "trial", False) else state.gateway
    exchange = Exchange(request, gateway, caller, request.state.context)
    if caller.role != "epr":
        raise Forbidden("The FHIR door is for EPRs. Platforms use /platform/v1.")
    check_accept(request)
    return exchange


def check_accept(request: Request) -> None:
    """Raises NotAcceptable unless Accept, or _format instead of it, takes what is served (R4 http.html#mime-type)."""
    wanted = request.query_params.get("_format") if request.scope["query_string"] else None
    taken = ANSWER_TYPES if wanted is None else FORMATS
    # An empty Accept is none (RFC 9110, 12.5.1); + in an address is a blank.
    offered = request.headers.get("accept", "").strip() or "*/*" if wanted is None else wanted.replace(" ", "+")
    versions = []
    for offer in offered.lower().split(","):
        media_type, *parameters = (part.strip(" +") for part in offer.split(";"))
        if media_type in taken and not any(name.startswith("q=0") and not name.strip("q=0.") for name in parameters):
            version = _other_version(parameters)
            if version is None:
                return
            versions.append(version)
    raise NotAcceptable(f"You ask for FHIR {versions[0]}. {NotAcceptable.text}" if versions else None)


async def receive(exchange: Exchange, action: str, handle: Callable[[Received, Json], Awaitable[Answer]]) -> Response:
    """Reads the body and has it handled; a repeat of what was answered before gets that answer, whatever now holds."""
    received, resource = await read_body(exchange, action)
    return exchange.send(await answer_once(exchange, received, handle(received, resource)))


async def answer_once(exchange: Exchange, received: Received, handled: Awaitable[Answer]) -> Answer:
    """The answer; to a repeat that would now be refused, the answer that the first one got."""
    try:
        return await handled
    except (Duplicate, Forbidden):
        raise
    except GatewayError:
        first = await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
        if first is None:
            raise
        return first


async def read_body(exchange: Exchange, action: str) -> tuple[Received, Json]:
    """The checked resource in the body. Raises UnsupportedMediaType, Unreadable, Rejected with all findings."""
    received = await read_bytes(exchange, action)
    resource = parse(received.body)
    await refuse_invalid(exchange, resource)
    return keep(received, resource)


def keep(received: Received, resource: Json) -> tuple[Received, Json]:
    """What is stored of a valid resource that came in, and worked with: all but what privacy forbids to know."""
    kept = withhold(resource)
    return received if kept is resource else replace(received, kept=dump(kept)), kept


async def refuse_invalid(exchange: Exchange, resource: Json) -> None:
    """Raises Rejected with all findings of what is no valid R4."""
    issues = await check_here(exchange, resource)
    if issues:
        raise Rejected(issues=issues)


async def check_here(exchange: Exchange, resource: Json) -> list[Issue]:
    """The findings in a resource; answers are judged by our own Questionnaire, or by those that their organisation has
    stored, whatever the caller may read of those."""
    named = answered(resource)
    if not named:
        return check(resource)
    found = {one: questionnaire() for one in named if one in (URL, CANONICAL)}
    if others := [one for one in named if one not in found]:
        async with exchange.gateway.store.reading() as connection:
            found |= await find_questionnaires(connection, exchange.caller.organisation, others)
    return check(resource, questionnaires=found.get)


def answered(resource: Json) -> list[str]:
    """The canonicals that the QuestionnaireResponses here name, not yet checked; some of them if they are many."""
    entries = resource.get("entry")
    inside = [one.get("resource") for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    responses = [one for one in (resource, *inside) if isinstance(one, dict) and one.get("resourceType") == ANSWERS]
    named = {one["questionnaire"] for one in responses if isinstance(one.get("questionnaire"), str)}
    return sorted(named)[:MOST_QUESTIONNAIRES]


async def read_bytes(exchange: Exchange, action: str) -> Received:
    """The body as it came. Raises UnsupportedMediaType for what is not FHIR JSON of R4."""
    media_type, *parameters = exchange.request.headers.get("content-type", "").lower().split(";")
    if media_type.strip() not in BODY_TYPES:
        found = quoted(media_type.strip()) if media_type.strip() else "no Content-Type"
        raise UnsupportedMediaType(f"The body came as {found}. Send application/fhir+json (FHIR R4, 4.0.1).")
    version = _other_version(parameters)
    if version:
        raise UnsupportedMediaType(f"The body came as FHIR {version}. Send FHIR R4 (fhirVersion=4.0).")
    received = await received_as(exchange, action)
    if received.body.lstrip(BEFORE_XML).startswith(b"<"):
        raise UnsupportedMediaType("The body is XML. Send JSON: application/fhir+json (FHIR R4, 4.0.1).")
    return received


async def received_as(exchange: Exchange, action: str) -> Received:
    """The request with its address, condition included: a repeat is told by both, and by the body."""
    scope = exchange.request.scope
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    return Received(action, scope["path"] + query, await exchange.request.body())


def _other_version(parameters: list[str]) -> str | None:
    """The FHIR version that a media type names when it is not ours (R4 http.html#version-parameter).

    BaRS' version=1.x.y names BaRS' own version.
    """
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        version = value.strip('" ')
        if name == "fhirversion" and not version.startswith("4.0"):
            return f"{VERSIONS[version[:3]]} ({version[:3]})" if version[:3] in VERSIONS else "of another version"
    return None
