"""A batch: each entry is a request of its own, with its own answer (R4 http.html#brules)."""

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from string import punctuation
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID, uuid5

from starlette.types import Message, Scope

from gateway.errors import FHIR_JSON, BadRequest, GatewayError, NotFound, outcome
from gateway.fhir.entries import INSTEAD, MOST_ALONE, bounded_entries
from gateway.fhir.exchange import PATH, Exchange, refuse_invalid
from gateway.ids import instant
from gateway.messages import Answer
from gateway.validation import dump, parse

Json = dict[str, Any]

UNQUOTED = f"{punctuation} "  # what of ASCII may stand in a header or a query as it is, among letters and digits
CONDITIONS = {
    "ifMatch": b"if-match",
    "ifNoneMatch": b"if-none-match",
    "ifModifiedSince": b"if-modified-since",
    "ifNoneExist": b"if-none-exist",
}
PASSED_ON = {b"authorization", b"accept", b"prefer"}
SURROUNDINGS = ("type", "asgi", "http_version", "scheme", "server", "client", "root_path")


async def answer_batch(exchange: Exchange, bundle: Json) -> Answer:
    """200 with a batch-response: an entry for each entry, in order, with its own status.

    Raises Rejected when the Bundle around the resources is not valid; what is wrong with a resource concerns its own
    entry only.
    """
    answered = await perform_all(exchange, bundle)
    return Answer(200, dump({"resourceType": "Bundle", "type": "batch-response", "entry": answered}))


async def perform_all(exchange: Exchange, bundle: Json) -> list[Json]:
    """The entry of the answer to each entry of a batch. Raises Rejected as `answer_batch` does."""
    await refuse_invalid(exchange, _without_resources(bundle))
    entries = bounded_entries(bundle, MOST_ALONE)
    return [await perform(exchange, index, entry) for index, entry in enumerate(entries)]


def _without_resources(bundle: Json) -> Json:
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return bundle
    hulls = [
        {key: value for key, value in entry.items() if key != "resource"} if isinstance(entry, dict) else entry
        for entry in entries
    ]
    return bundle | {"entry": hulls}


async def perform(exchange: Exchange, index: int, entry: Json) -> Json:
    """The entry of the answer to what this entry asks for, done as if it were sent by itself.

    It goes through the whole application, so that it is judged, refused and audited as such. Its X-Request-Id follows
    from that of the Bundle: the Bundle sent again gets the first answers.
    """
    request = entry["request"]
    url = request.get("url", "").removeprefix(f"{exchange.base_url}/").strip("/")
    method = request.get("method", "")
    if method == "HEAD" or not method or not url.partition("?")[0]:
        text = INSTEAD.get(method) or "request.method and request.url must say what is asked for: GET, Patient/[id]."
        return _refused(exchange, BadRequest(text, expression=f"Bundle.entry[{index}].request"))
    outer = exchange.request.scope
    headers = [(name, value) for name, value in outer["headers"] if name in PASSED_ON]
    headers += [
        (name, quote(request[key], safe=UNQUOTED).encode()) for key, name in CONDITIONS.items() if key in request
    ]
    headers += [
        (b"content-type", b"application/fhir+json"),
        (b"x-request-id", str(uuid5(UUID(exchange.context.request_id), str(index))).encode()),
        (b"x-correlation-id", exchange.context.correlation_id.encode()),
    ]
    path, _, query = url.partition("?")
    scope = {key: outer[key] for key in SURROUNDINGS if key in outer} | {
        "method": method,
        "path": f"{outer.get('root_path', '')}{PATH}/{unquote(path)}",
        "raw_path": quote(path, safe=UNQUOTED).encode(),
        "query_string": quote(query, safe=UNQUOTED).encode(),
        "headers": headers,
        # What is tried out and not done is audited as what it is, a question: once, outside.
        "state": {"trial": exchange.gateway.trial, "audited": exchange.gateway.trial and method != "GET"},
    }
    body = dump(entry["resource"]) if "resource" in entry else b""
    status, told, content = await _call(exchange, scope, body)
    if content and told[b"content-type"] != FHIR_JSON.encode():
        text = "What is at request.url is no FHIR resource, so it has no place in a Bundle. GET it by itself."
        return _refused(exchange, NotFound(text, expression=f"Bundle.entry[{index}].request.url"))
    return _entry(exchange, status, told, content)


async def _call(exchange: Exchange, scope: Scope, body: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of the application's answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    await exchange.request.app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


def _entry(exchange: Exchange, status: int, headers: dict[bytes, bytes], body: bytes) -> Json:
    response: Json = {"status": f"{status} {HTTPStatus(status).phrase}"}
    entry: Json = {"response": response}
    for name, element in ((b"location", "location"), (b"etag", "etag")):
        if name in headers:
            response[element] = headers[name].decode()
    content = parse(body) if body else {}
    if b"last-modified" in headers:
        by_the_second = instant(parsedate_to_datetime(headers[b"last-modified"].decode()))
        response["lastModified"] = content.get("meta", {}).get("lastUpdated", by_the_second)
    if content.get("resourceType") == "OperationOutcome":
        response["outcome"] = content
    elif content:
        entry["resource"] = content
        if "id" in content:
            entry["fullUrl"] = f"{exchange.base_url}/{content['resourceType']}/{content['id']}"
    return entry


def _refused(exchange: Exchange, error: GatewayError) -> Json:
    told = outcome(error, exchange.context.correlation_id)
    return {"response": {"status": f"{error.status} {HTTPStatus(error.status).phrase}", "outcome": told}}
