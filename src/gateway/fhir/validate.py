"""$validate: the judgement of the door, without going through it (R4 resource-operation-validate.html).

Any FHIR client may ask. What a stored resource says is only judged for those who may read it, and what would be
refused for want of a scope is told as a finding.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import GatewayError, Issue, NotFound, Unavailable, explained, quoted, warnings_outcome
from gateway.fhir.arrivals import SERVED, current
from gateway.fhir.batch import perform_all
from gateway.fhir.create import create_new
from gateway.fhir.exchange import Exchange, check_here, keep, open_exchange, read_bytes
from gateway.fhir.messages import process
from gateway.fhir.transaction import transact
from gateway.fhir.update import replace as replace_stored
from gateway.messages import Answer, Received
from gateway.referrals import Judged
from gateway.search.query import SILENT
from gateway.validation import SUPPORTED, check, dump, parse
from mappings.systems import BASE

Json = dict[str, Any]

CHECKED = SERVED | {"Bundle"}
REFERRAL = f"{BASE}:StructureDefinition/referral"
R4_PROFILE = "http://hl7.org/fhir/StructureDefinition/"
MODES = ("create", "update", "delete", "profile")
VALUES = {"mode": "valueCode", "profile": "valueUri", "resource": "resource"}  # what Parameters may hold
TYPE = re.compile(r"^(?!Bundle)[A-Z][A-Za-z]+(?=\.|$)")  # that an expression starts with
INSIDE = re.compile(r"Parameters\.parameter\[\d+\]\.resource\b")
WRAPPED = "Bundle.entry[0].resource"
CLEAR = Issue("informational", "No issues found.", severity="information")
NO_DELETE = Issue(
    "not-supported",
    "Nothing of a health record is deleted here. Send a version with the status entered-in-error instead.",
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: about which resource (None: the one at the address), in which mode, by which profile."""

    type: str
    id: str | None
    resource: Json | None
    mode: str | None
    profile: str | None


async def validate(request: Request) -> Response:
    """Answers 200 with an OperationOutcome, whatever was found; 400 only when the body cannot be read."""
    exchange = await open_exchange(request)
    type_ = request.path_params["type"]
    if type_ not in CHECKED:
        raise NotFound(f"{quoted(type_)} is not a resource type that this gateway checks. See metadata.")
    sent = None  # then what is stored under the id is meant
    if "id" not in request.path_params or (await request.body()).strip():
        sent = parse((await read_bytes(exchange, "POST /FHIR/R4/{type}/$validate")).body)
    question, issues = _asked(request, type_, sent)
    if not issues:
        issues = await _judge(exchange, question)
    return exchange.send(
        Answer(200, dump(warnings_outcome(issues or [CLEAR])), explained(exchange.gateway.settings.base_url, issues))
    )


def _asked(request: Request, type_: str, sent: Json | None) -> tuple[Question, list[Issue]]:
    """The question, and what is wrong with the Parameters that hold it."""
    given: list[tuple[str, Any, str | None]] = [
        (name, value, None) for name, value in request.query_params.multi_items() if name not in SILENT
    ]
    issues = []
    if sent is not None and sent.get("resourceType") == "Parameters":
        issues = check(sent)
        if any(not INSIDE.match(issue.expression or "") for issue in issues):
            return Question(type_, None, None, None, None), issues
        for index, part in enumerate(sent.get("parameter", [])):
            given.append((part["name"], _value(part), f"Parameters.parameter[{index}]"))
    elif sent is not None:
        given.append(("resource", sent, None))
    if misgiven := _misgiven(given):
        return Question(type_, None, None, None, None), issues + misgiven
    said = {name: value for name, value, _ in given}
    question = Question(
        type_, request.path_params.get("id"), *(said.get(name) for name in ("resource", "mode", "profile"))
    )
    return question, _misasked(question)


def _value(part: Json) -> Any:
    if part["name"] == "resource":
        resource = part.get("resource")
        return resource if isinstance(resource, dict) else None
    return next((value for key, value in part.items() if key.startswith("value") and isinstance(value, str)), None)


def _misgiven(given: list[tuple[str, Any, str | None]]) -> list[Issue]:
    """What is wrong with the parameters: each is one of three, has a value, and stands once."""
    issues, seen = [], set()
    for name, value, at in given:
        if name not in VALUES or (at is None and name == "resource" and not isinstance(value, dict)):
            issues.append(Issue("not-supported", f"$validate takes {', '.join(VALUES)}; this is none of them.", at))
        elif value is None:
            issues.append(Issue("required", f"{at}: {name} needs a {VALUES[name]}.", at))
        elif name in seen:
            issues.append(Issue("invalid", f"{name} may stand once, in the address or in the Parameters.", at))
        seen.add(name)
    return issues


def _misasked(question: Question) -> list[Issue]:
    if question.mode not in (None, *MODES):
        return [Issue("code-invalid", f"mode must be one of {', '.join(MODES)}.")]
    if question.resource is None and question.id is None and question.mode != "delete":
        return [Issue("required", "Send the resource to check, by itself or as the parameter named resource.")]
    if question.mode == "profile" and (question.id is None or question.resource is not None):
        text = "Mode profile checks what is stored: name it by its id in the address, and send no resource."
        return [Issue("invalid", text)]
    return []


async def _judge(exchange: Exchange, question: Question) -> list[Issue]:
    if question.mode == "delete":
        return [NO_DELETE]
    resource = question.resource
    if resource is None:
        exchange.require(f"system/{question.type}.r")
        resource = await current(exchange, f"{question.type}/{question.id}")
        if resource is None:
            raise NotFound
    kind = resource.get("type") if (resource.get("resourceType"), question.type) == ("Bundle", "Bundle") else None
    if kind not in ("batch", "message"):  # there the door itself says which entries may be other than R4 has it
        if issues := await check_here(exchange, resource):
            return issues
        if resource["resourceType"] != question.type:
            return [Issue("invalid", f"The resource is not a {question.type}, as the address says.", "resourceType")]
    if question.id is not None and question.mode is None and resource.get("id") != question.id:
        return [Issue("invalid", "The id in the body must be the id in the address.", f"{question.type}.id")]
    by_profile, issues = _by_profile(resource, question.profile)
    door = _door(exchange, question, resource, by_profile)
    return issues + [_unwrapped(issue, resource) for issue in await door()] if door else issues


def _by_profile(resource: Json, profile: str | None) -> tuple[bool, list[Issue]]:
    """Whether it is to be judged as a referral, and what is to be said of the profile."""
    name, type_ = (profile or "").partition("|")[0], resource["resourceType"]
    if name == REFERRAL:
        if type_ in ("Bundle", "ServiceRequest", "Task"):
            return True, []
        return False, [Issue("invalid", "A referral is a Bundle, a ServiceRequest, or a Task.", type_)]
    base = name.removeprefix(R4_PROFILE)
    if not name or (name != base and base in (type_, "DomainResource", "Resource")):
        return False, []
    if name != base and base in SUPPORTED:
        return False, [Issue("structure", f"The profile is of {base}, the resource is a {type_}.", type_)]
    text = f"The profile is not known here; checked by FHIR R4 alone. Known: {REFERRAL} and {R4_PROFILE}{type_}."
    return False, [Issue("not-supported", text, severity="warning")]


def _door(
    exchange: Exchange, question: Question, resource: Json, is_referral: bool
) -> Callable[[], Awaitable[list[Issue]]] | None:
    """The door that would take the resource, held shut; None when FHIR R4 is all there is to judge by."""
    kind = resource.get("type") if question.type == "Bundle" else None
    if kind in ("transaction", "message"):
        return partial(_try, exchange, transact if kind == "transaction" else _process, resource)
    if kind == "batch":
        return partial(_judge_entries, exchange, resource)
    if question.type == "Bundle":
        return None
    if is_referral and question.mode is None:
        request = {"method": "POST", "url": question.type}
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"resource": resource, "request": request}],
        }
        return partial(_try, exchange, transact, bundle)
    if question.mode == "create":
        exchange.require(f"system/{question.type}.c")
        return partial(_try, exchange, create_new, resource)
    if question.mode == "update":
        return partial(_try, exchange, partial(_update, question.id), resource)
    return None


async def _process(exchange: Exchange, received: Received, _bundle: Json) -> Answer:
    exchange.require("system/ServiceRequest.c", "system/Task.c")
    return await process(exchange, received, None)


async def _update(id_: str | None, exchange: Exchange, received: Received, resource: Json) -> Answer:
    type_ = resource["resourceType"]
    exchange.require(f"system/{type_}.u")
    if "id" not in resource or id_ not in (None, resource["id"]):
        raise NotFound(f"{type_}.id must be that of the resource that is to be updated.", expression=f"{type_}.id")
    before = await current(exchange, f"{type_}/{resource['id']}")
    if before is None:
        raise NotFound("Nothing of yours has this id. POST creates.", expression=f"{type_}.id")
    return await replace_stored(exchange, received, before, resource, "PUT")


async def _try(
    exchange: Exchange, door: Callable[[Exchange, Received, Json], Awaitable[Answer]], resource: Json
) -> list[Issue]:
    """What the door says, all findings; nothing is stored."""
    received = Received("POST /FHIR/R4/{type}/$validate", exchange.request.scope["path"], dump(resource))
    try:
        await door(_held_shut(exchange), *keep(received, resource))
    except Judged as judged:
        return [issue for accepted in judged.accepted for issue in accepted.warnings]
    except GatewayError as refused:
        if refused.status >= 500:
            raise
        return refused.issues
    return []


def _held_shut(exchange: Exchange) -> Exchange:
    return replace(exchange, gateway=replace(exchange.gateway, trial=True))


async def _judge_entries(exchange: Exchange, bundle: Json) -> list[Issue]:
    """What is said of the entries of a batch, each by the door that it asks for."""
    try:
        answered = await perform_all(_held_shut(exchange), bundle)
    except GatewayError as refused:
        return refused.issues
    if any(entry["response"]["status"].startswith("5") for entry in answered):
        raise Unavailable
    return [issue for index, entry in enumerate(answered) for issue in _told(entry, f"Bundle.entry[{index}]")]


def _told(entry: Json, at: str) -> list[Issue]:
    """The findings of one entry, with their places in the Bundle."""
    issues = []
    for issue in entry["response"].get("outcome", {}).get("issue", []):
        place = TYPE.sub(f"{at}.resource", issue.get("expression", [f"{at}.request"])[0])
        place = place if place.startswith(at) else f"{at}.request"
        issues.append(Issue(issue["code"], issue["diagnostics"], place, issue["severity"]))
    return issues


async def tell_judgement(_request: Request, judged: Exception) -> Response:
    """The answer to a request of which nothing is stored because it is a trial, when the door would have taken it."""
    assert isinstance(judged, Judged)
    issues = [issue for accepted in judged.accepted for issue in accepted.warnings]
    return Answer(200, dump(warnings_outcome(issues)) if issues else b"").response()


def _unwrapped(issue: Issue, resource: Json) -> Issue:
    """The finding, its place in the resource itself where that was judged inside a Bundle made for it."""
    if resource["resourceType"] == "Bundle" or not (issue.expression or "").startswith(WRAPPED):
        return issue
    text = issue.text.replace(WRAPPED, resource["resourceType"])
    place = (issue.expression or "").replace(WRAPPED, resource["resourceType"], 1)
    return replace(issue, text=text, expression=place)
