"""PATCH [base]/[type]/[id] with a JSON Patch (R4 http.html#patch, RFC 6902): the next version, told by what changes."""

import dataclasses
from typing import Any

from jsonpatch import InvalidJsonPatch, JsonPatch, JsonPatchException, JsonPatchTestFailed, JsonPointerException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, Issue, NotFound, Rejected, UnsupportedMediaType, quoted
from gateway.fhir.arrivals import current
from gateway.fhir.exchange import Exchange, Json, answer_once, received_as, refuse_invalid
from gateway.fhir.read import open_resource
from gateway.fhir.update import refuse_stale, replace
from gateway.messages import Answer, Received, first_answer
from gateway.privacy import is_restricted, withhold
from gateway.validation import dump, parse, parse_json
from gateway.validation.structure import expression

MEDIA_TYPE = "application/json-patch+json"
MOST_OPERATIONS = 100


async def patch(request: Request) -> Response:
    """Answers 200 with ETag, Last-Modified and the version as stored. 400 when the patch is no JSON Patch, 422 when a
    test fails, a path leads nowhere or what comes of it is no valid resource."""
    exchange, type_ = await open_resource(request, "u")
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != MEDIA_TYPE:
        found = quoted(given) if given else "no Content-Type"
        text = f"The body came as {found}. PATCH takes {MEDIA_TYPE} (RFC 6902); to replace the resource use PUT."
        raise UnsupportedMediaType(text, headers={"Accept-Patch": MEDIA_TYPE})
    received = await received_as(exchange, f"PATCH /FHIR/R4/{type_}/{{id}}")
    operations = parse_json(received.body)
    if not isinstance(operations, list) or not 0 < len(operations) <= MOST_OPERATIONS:
        raise BadRequest(f"A JSON Patch is a list of 1 to {MOST_OPERATIONS} operations, each with op and path.")
    reference = f"{type_}/{request.path_params['id']}"
    answer = await answer_once(exchange, received, _patch(exchange, received, reference, operations))
    return exchange.send(answer)


async def _patch(exchange: Exchange, received: Received, reference: str, operations: list[Any]) -> Answer:
    first = await first_answer(exchange.gateway.store, exchange.caller, exchange.context, received)
    if first:
        return first
    before = await current(exchange, reference)
    if before is None:
        raise NotFound
    refuse_stale(exchange, before)
    content = apply(operations, before, exchange.gateway.settings.max_body_bytes)
    await refuse_invalid(exchange, content)
    content = withhold(content)
    if is_restricted(content):  # the operations may say, or test, where the person is
        received = dataclasses.replace(received, kept=dump(content))
    return await replace(exchange, received, before, content, "PATCH")


def apply(operations: list[Any], before: Json, most_bytes: int) -> Json:
    """The resource that the operations make of `before`, which stays as it is.

    Raises BadRequest for an operation that RFC 6902 does not know; Rejected for one that cannot be done, and when the
    result is another resource, larger than `most_bytes` or deeper than JSON is read.
    """
    type_ = before["resourceType"]
    content: Any = parse(dump(before))
    for number, operation in enumerate(operations, start=1):
        content = _apply_one(operation, number, content, type_)
        if operation["op"] == "copy":  # copies of copies double with each operation
            _measured(content, most_bytes)
    if not isinstance(content, dict) or any(content.get(key) != before[key] for key in ("resourceType", "id")):
        raise Rejected("A patch may not change what resource this is: leave resourceType and id.", expression=type_)
    return parse(_measured(content, most_bytes))


def _apply_one(operation: Any, number: int, content: Any, type_: str) -> Any:
    """Texts are our own: those of the library repeat what is in the resource."""
    try:
        step = JsonPatch([operation])
    except (JsonPatchException, JsonPointerException):
        names = "op (add, remove, replace, move, copy or test), and path as a JSON Pointer"
        raise BadRequest(f"Operation {number} of the patch is none of RFC 6902. It needs {names}.") from None
    try:
        return step.apply(content, in_place=True)
    except InvalidJsonPatch:
        text = f"Operation {number} of the patch is incomplete: {operation['op']} needs a value, or from."
        raise BadRequest(text) from None
    except JsonPatchTestFailed:
        code, text = (
            "conflict",
            "tests for a value that the resource does not have. Read it again; nothing was changed.",
        )
    except (JsonPatchException, JsonPointerException):
        code, text = "processing", "names a place that the resource does not have. Read it again; nothing was changed."
    place = _place(type_, operation["path"])
    raise Rejected(issues=[Issue(code, f"Operation {number} of the patch, on {place}, {text}", place)])


def _place(type_: str, pointer: str) -> str:
    """The FHIRPath of a JSON Pointer."""
    steps = pointer.split("/")[1:]
    return expression(type_, [int(step[:9]) if step.isascii() and step.isdigit() else step for step in steps])


def _measured(content: Any, most_bytes: int) -> bytes:
    try:
        body = dump(content)
    except (TypeError, RecursionError):  # how orjson, and Python, say that it nests too deep
        body = None
    if body is None or len(body) > most_bytes:
        raise Rejected(issues=[Issue("too-costly", "The patch makes the resource too large.")])
    return body
