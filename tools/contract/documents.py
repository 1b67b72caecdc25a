"""The two OpenAPI documents: what the routes say, and what the story shows."""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from tools.contract.pushed import bars_message, signed_event, the_task
from tools.contract.telling import MADE, Exchange

from adapters.webhook.events import CLOUD_EVENT
from gateway.fhir.metadata import capability_statement
from gateway.operations import routes as operations
from gateway.operations import traces
from gateway.operations.exchange import READ, TRACE, UNMASK, WRITE, ToOperate, ToTrace, ToUnmask, ToWatch
from gateway.platform import identity, routes
from gateway.platform.exchange import ToRead, ToReadDeliveries, ToWrite
from gateway.reference.contract import resolved

Json = dict[str, Any]

HERE = Path(__file__).parent
OPENAPI = "3.1.1"
PLATFORM = """\
Link workers' systems read the referrals of their hubs and tell what happened to them. Each change is one request and
makes one version of the referral, which the EPR is told of.

What may be done next stands in `allowed_moves` of the referral. Send its ETag as If-Match, so that two people do not
change it at once. A referrer who asks to cancel after work began waits for your answer: see `cancellation`.

Operators see every update on its way to every destination, without what it says of a person, and send again what did
not arrive.

They find out, too, why a referral or a request did what it did: its trace. What stands in people's records is hidden in
it, unless a reason is given, which is audited.

Where it is not certain who a referral is about, a question stands under `identity` until one of you decides it; a
decision can be taken back.

When something is wrong, the answer is an OperationOutcome (FHIR R4): each issue says which element, which rule and what
to do.
"""
OUTCOME = {"application/fhir+json": {"schema": {"$ref": "./r4.schema.json#/$defs/OperationOutcome"}}}
TAGS = {"referrals": "What was referred, and what becomes of it", "identity": "Who is who, where it is not certain"}
TAGS["operations"] = "For operators: what arrived, what did not, and sending it again"
ROUTES = [*routes.router.routes, *identity.router.routes, *operations.router.routes, *traces.router.routes]
SCOPES = [
    (ToRead, "platform/referrals.read"),
    (ToReadDeliveries, "platform/deliveries.read"),
    (ToWrite, "platform/referrals.write"),
    (ToWatch, READ),
    (ToOperate, WRITE),
    (ToTrace, TRACE),
    (ToUnmask, UNMASK),
]
IN_PATHS = {
    "referral_id": "The referral's `id`; its Task has the same.",
    "prescription_id": "The `id` of one of the referral's `prescriptions`.",
    "question_id": "The `id` of a question about who is who.",
    "delivery_id": "The `id` of an update on its way to one destination; its `webhook-id`, too.",
    "destination_id": "The `id` of a destination, as registered.",
    "key": "A referral's reference or `id`, a delivery's `id`, or a correlation id.",
}
ANYWHERE = {
    "500": "Our fault. Send the same request again, with its X-Request-Id; it is stored once at most.",
    "503": "The database is gone, or others changed the same. Nothing was kept; send it again after Retry-After.",
}
TOO_LARGE = {"413": "The body is too large."}
_REFUSAL = "#/components/responses/{}"
SHARED = ("X-Request-Id", "X-Correlation-Id")
ORDER = ("openapi", "info", "servers", "tags", "security", "paths", "webhooks", "components")


class Drift(Exception):
    """The contract is silent about something that the gateway does."""


def fhir_door(app: FastAPI, told: Iterable[Exchange]) -> Json:
    """openapi/gateway.yaml: kept by hand in fhir_door/, with the story's examples. Raises Drift."""
    document: Json = {}
    for part in (
        "about",
        "system",
        "type",
        "instance",
        "subscription",
        "words",
        "form",
        "cards",
        "around",
        "webhook",
        "parameters",
        "answers",
    ):
        _add(document, _load(f"fhir_door/{part}.yaml"))
    groups = document.pop("x-refusals")
    for operation in operations_of(document).values():
        refused = {status: _REFUSAL.format(status) for status in _statuses(operation.pop("x-refuses"), groups)}
        operation["responses"] |= {status: {"$ref": place} for status, place in refused.items()}
    others = document["components"]["parameters"]["others"]
    others["description"] = others["description"].format(parameters=_parameters_of_types(document))
    document["info"]["version"] = app.version
    told = [one for one in told if not one.request.path.startswith("/platform")]
    task = the_task(told)
    for place in ("put", "get"):
        operation = document["webhooks"]["taskUpdate"][place]
        said = operation["requestBody"] if place == "put" else operation["responses"]["200"]
        _name(said["content"][task.media_type], task, task.answer)
    message = document["webhooks"]["barsResponse"]["post"]["requestBody"]["content"][task.media_type]
    _name(message, task, bars_message(task.answer))
    return _filled(document, told)


def _add(document: Json, part: Json) -> None:
    for name, value in part.items():
        if isinstance(value, dict):
            _add(document.setdefault(name, {}), value)
        else:
            document[name] = value


def _statuses(names: str, groups: Mapping[str, str]) -> set[str]:
    """The statuses that are named, and those of the groups that are."""
    return set().union(*(_statuses(groups[name], groups) if name in groups else {name} for name in names.split()))


def _parameters_of_types(document: Json) -> str:
    """A line for each type that is stored, with the search parameters that others do not have."""
    stated = json.loads(capability_statement(""))["rest"][0]["resource"]
    types = document["components"]["parameters"]["type"]["schema"]["enum"]
    names = {one["type"]: [each["name"] for each in one["searchParam"]] for one in stated if one["type"] in types}
    shared = set.intersection(*map(set, names.values()))
    return "\n".join(
        f"- {type_}: {', '.join(name for name in own if name not in shared)}" for type_, own in names.items()
    )


def platform_door(app: FastAPI, told: Iterable[Exchange]) -> Json:
    """openapi/platform.yaml: from routes and models, with the story's examples. Raises Drift."""
    title = "Social prescribing gateway: platform API"
    document = get_openapi(
        title=title, version=app.version, openapi_version=OPENAPI, description=PLATFORM, routes=ROUTES
    )
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document["tags"] = [{"name": name, "description": words} for name, words in TAGS.items()]
    document["components"] |= {"securitySchemes": {}, "responses": {}}
    for route in ROUTES:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                _say(document, document["paths"][route.path][method.lower()], route)
    for part in ("paths", "components"):
        document[part] = _tidy(document[part])
    _add(document, _load("platform_webhook.yaml"))
    event = document["webhooks"]["referralEvent"]["post"]["requestBody"]["content"][CLOUD_EVENT]
    task = the_task(told)
    _name(event, task, signed_event(task.answer))
    return _filled(document, [one for one in told if one.request.path.startswith("/platform")])


def _say(document: Json, operation: Json, route: APIRoute) -> None:
    """Brings an operation as FastAPI describes it to how it is served: its refusals are OperationOutcomes."""
    summary, _, more = operation.pop("description").partition(". ")
    operation |= {"operationId": route.name, "summary": summary.rstrip(".")} | ({"description": more} if more else {})
    asked = inspect.signature(route.endpoint).parameters["exchange"].annotation
    operation["security"] = [{"oauth2": [scope for needed, scope in SCOPES if needed == asked]}]
    responses, parameters = operation["responses"], operation.setdefault("parameters", [])
    for status, words in (ANYWHERE | (TOO_LARGE if "requestBody" in operation else {})).items():
        responses[status] = {"description": words}
    if "412" in responses:
        parameters.append({"$ref": "#/components/parameters/If-Match"})
    for parameter in parameters:
        if parameter.get("in") == "path":
            parameter.setdefault("description", IN_PATHS[parameter["name"]])
        given = parameter.get("schema", {})
        if {"type": "null"} in given.get("anyOf", []):  # an address cannot say null
            parameter["schema"] = next(one for one in given["anyOf"] if one != {"type": "null"})
    for status, response in responses.items():
        if status < "400":
            model = resolved(document, response["content"]["application/json"]["schema"])
            response["description"] = model["description"]
        else:
            document["components"]["responses"][status] = response | {"content": _copy(OUTCOME)}
            responses[status] = {"$ref": _REFUSAL.format(status)}


def _tidy(schema: Any) -> Any:
    """Without the titles that pydantic makes from names, and with whole limits as whole numbers."""
    match schema:
        case list():
            return [_tidy(one) for one in schema]
        case dict():
            return {name: _tidy(one) for name, one in schema.items() if name != "title" or not isinstance(one, str)}
        case float() if schema.is_integer():
            return int(schema)
    return schema


def _filled(document: Json, told: Iterable[Exchange]) -> Json:
    """With what holds at both doors, the examples of the story, and the headers that its answers had."""
    both = _load("both_doors.yaml")
    components = document["components"]
    for part, shared in both["components"].items():
        components[part] = shared | components.get(part, {})
    for one in told:
        _show(document, one)
    for operation in operations_of(document).values():
        operation["responses"] = dict(sorted(operation["responses"].items()))
        given = operation.get("parameters", [])
        said = {one.get("name") for one in given}
        shared = [{"$ref": f"#/components/parameters/{name}"} for name in SHARED if name not in said]
        operation["parameters"] = [*given, *shared]
        for response in operation["responses"].values():
            _show_headers(document, response, SHARED)
    for response in components["responses"].values():
        _show_headers(document, response, SHARED)
    used = json.dumps([document["paths"], components["responses"], document["webhooks"]])
    headers = components["headers"]
    components["headers"] = {name: one for name, one in headers.items() if f'/headers/{name}"' in used}
    whole = document | {"servers": both["servers"]}
    return {name: whole[name] for name in ORDER if name in whole}


def operations_of(document: Json) -> dict[tuple[str, str], Json]:
    """(METHOD, path) -> operation."""
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def _show(document: Json, one: Exchange) -> None:
    asked = one.request
    operation = operations_of(document).get((asked.method, asked.path))
    anywhere = {str(one.status): {"$ref": f"#/components/responses/{one.status}"}}
    try:
        response = resolved(document, (operation["responses"] if operation else anywhere)[str(one.status)])
        answers = response["content"][one.media_type] if one.answer is not None else {}
    except KeyError:
        said = f"{one.status} {one.media_type}"
        raise Drift(f"{asked.method} {asked.path} answered {said}, which is not described.") from None
    _show_headers(document, response, one.headers)
    if operation and one.status < 300 and (one.name or asked.method != "GET"):
        operation.setdefault("x-requests", []).append(_how_it_was_sent(one))
    if not one.name:
        return
    if answers:
        _name(answers, one, one.answer)
    if operation and one.status < 400:
        if asked.body is not None:
            for content in operation["requestBody"]["content"].values():
                _name(content, one, asked.body)
        values = (asked.at or {}) | (asked.query or {}) | (asked.given or {})
        for part in [*operation.get("parameters", []), *document["paths"][asked.path].get("parameters", [])]:
            parameter = resolved(document, part)
            if parameter["name"] in values:
                value = values[parameter["name"]]
                parameter.setdefault("example", [value] if parameter["schema"].get("type") == "array" else value)


def _how_it_was_sent(one: Exchange) -> Json:
    """What an example of OpenAPI cannot say of its request: when in the story, by which client, where to, with which
    headers. A step between, which is no example, has its body here, and what it `gives`: the ids of its answer, by
    JSON Pointer. `gateway.reference` makes code of these, and `tools.postman` a collection."""
    asked = one.request
    # The media type stands in requestBody; a signature is good once, and security says that one is needed.
    headers = {
        name: value for name, value in (asked.given or {}).items() if name not in {"Content-Type", "Authorization"}
    }
    said = {"as": asked.client, "at": asked.at, "query": asked.query, "headers": headers}
    if not one.name:
        said |= {"body": asked.body, "gives": _new_ids(one)}
    named = {"example": one.name} if one.name else {}
    return {"step": one.step} | named | {name: value for name, value in said.items() if value}


def _new_ids(one: Exchange) -> dict[str, str]:
    """JSON Pointer -> id, for each id of ours that the answer has, and the request had not: where it is first."""
    found: dict[str, str] = {}
    for place, text in _texts(one.answer):
        for made in MADE.finditer(text):
            if made["id"] and made["id"] not in {*found.values()} and made["id"] not in str(one.request):
                found[place] = made["id"]
    return found


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of all texts inside."""
    if isinstance(value, str):
        yield place, value
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from _texts(inner, f"{place}/{step}")


def _name(content: Json, one: Exchange, value: Any) -> None:
    content.setdefault("examples", {})[one.name] = {"summary": one.summary, "value": value}


def _show_headers(document: Json, response: Json, names: Iterable[str]) -> None:
    seen = {name.lower() for name in names}
    for name in document["components"]["headers"]:
        if name.lower() in seen and "$ref" not in response:
            response.setdefault("headers", {})[name] = {"$ref": f"#/components/headers/{name}"}


def _load(name: str) -> Json:
    return _copy(yaml.safe_load((HERE / name).read_text("utf-8")))


def _copy(value: Json) -> Json:
    """All the way down, and with no part in two places, as YAML's aliases leave it."""
    copied: Json = json.loads(json.dumps(value))
    return copied
