"""The two OpenAPI documents: what the routes say, and what the story shows."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from tools.contract.telling import Exchange

from gateway.platform.routes import router

Json = dict[str, Any]

HERE = Path(__file__).parent
OPENAPI = "3.1.1"
PLATFORM = """\
Link workers' systems read the referrals of their hubs and tell what happened to them. Each change is one request and
makes one version of the referral, which the EPR is told of.

What may be done next stands in `allowed_moves` of the referral. Send its ETag as If-Match, so that two people do not
change it at once. When something is wrong, the answer is an OperationOutcome (FHIR R4): each issue says which element,
which rule and what to do.
"""
OUTCOME = {"application/fhir+json": {"schema": {"$ref": "./r4.schema.json#/$defs/OperationOutcome"}}}
TOO_LARGE = "The body is too large."
BROKEN = "Our fault. Send the same request again, with its X-Request-Id; it is stored once at most."
SHARED = ("X-Request-Id", "X-Correlation-Id")
ORDER = ("openapi", "info", "servers", "tags", "security", "paths", "webhooks", "components")


class Drift(Exception):
    """The contract is silent about something that the gateway does."""


def fhir_door(app: FastAPI, told: Iterable[Exchange]) -> Json:
    """openapi/gateway.yaml: kept by hand in fhir_door.yaml, with the story's examples. Raises Drift."""
    document = _load("fhir_door.yaml")
    del document["x-refusals"]
    document["info"]["version"] = app.version
    told = [one for one in told if not one.request.path.startswith("/platform")]
    update = next(one for one in told if one.name == "task" and one.request.method == "GET")
    _name(document["webhooks"]["taskUpdate"]["put"]["requestBody"]["content"][update.media_type], update, update.answer)
    return _filled(document, told)


def platform_door(app: FastAPI, told: Iterable[Exchange]) -> Json:
    """openapi/platform.yaml: from routes and models, with the story's examples. Raises Drift."""
    title = "Social prescribing gateway: platform API"
    document = get_openapi(
        title=title, version=app.version, openapi_version=OPENAPI, description=PLATFORM, routes=router.routes
    )
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document["tags"] = [{"name": "referrals", "description": "What was referred, and what becomes of it"}]
    document["components"] |= {"securitySchemes": {}, "responses": {}}
    for route in router.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                _say(document, document["paths"][route.path][method.lower()], route.name, reads=method == "GET")
    for part in ("paths", "components"):
        document[part] = _tidy(document[part])
    return _filled(document, [one for one in told if one.request.path.startswith("/platform")])


def _say(document: Json, operation: Json, name: str, *, reads: bool) -> None:
    """Brings an operation as FastAPI describes it to how it is served: its refusals are OperationOutcomes."""
    summary, _, more = operation.pop("description").partition(". ")
    operation |= {"operationId": name, "summary": summary.rstrip(".")} | ({"description": more} if more else {})
    operation["security"] = [{"oauth2": [f"platform/referrals.{'read' if reads else 'write'}"]}]
    responses = operation["responses"]
    responses["500"] = {"description": BROKEN}
    if not reads:
        responses["413"] = {"description": TOO_LARGE}
        operation["parameters"].append({"$ref": "#/components/parameters/If-Match"})
    for parameter in operation.get("parameters", []):
        given = parameter.get("schema", {})
        if {"type": "null"} in given.get("anyOf", []):  # an address cannot say null
            parameter["schema"] = next(one for one in given["anyOf"] if one != {"type": "null"})
    for status, response in responses.items():
        if status < "400":
            model = resolved(document, response["content"]["application/json"]["schema"])
            response["description"] = model["description"]
        else:
            document["components"]["responses"][status] = response | {"content": _copy(OUTCOME)}
            responses[status] = {"$ref": f"#/components/responses/{status}"}


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
        operation["parameters"] = [*given, *({"$ref": f"#/components/parameters/{name}"} for name in SHARED)]
        for response in operation["responses"].values():
            _show_headers(document, response, SHARED)
    for response in components["responses"].values():
        _show_headers(document, response, SHARED)
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
    if not one.name:
        return
    if answers:
        _name(answers, one, one.answer)
    if operation and one.status < 400:
        if asked.body is not None:
            for content in operation["requestBody"]["content"].values():
                _name(content, one, asked.body)
        values = (asked.at or {}) | (asked.query or {})
        for parameter in [*operation.get("parameters", []), *document["paths"][asked.path].get("parameters", [])]:
            if parameter.get("name") in values:
                parameter.setdefault("example", values[parameter["name"]])


def _name(content: Json, one: Exchange, value: Any) -> None:
    content.setdefault("examples", {})[one.name] = {"summary": one.summary, "value": value}


def _show_headers(document: Json, response: Json, names: Iterable[str]) -> None:
    seen = {name.lower() for name in names}
    for name in document["components"]["headers"]:
        if name.lower() in seen and "$ref" not in response:
            response.setdefault("headers", {})[name] = {"$ref": f"#/components/headers/{name}"}


def resolved(document: Json, part: Json) -> Json:
    """What a part says itself, or what it refers to within the document."""
    if "$ref" not in part:
        return part
    found = document
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _load(name: str) -> Json:
    return _copy(yaml.safe_load((HERE / name).read_text("utf-8")))


def _copy(value: Json) -> Json:
    """All the way down, and with no part in two places, as YAML's aliases leave it."""
    copied: Json = json.loads(json.dumps(value))
    return copied
