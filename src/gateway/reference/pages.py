"""The pages and files at /docs: open to all, for nothing in them is of a person."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from jinja2 import ChoiceLoader, FileSystemLoader
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import NotFound
from gateway.profile import CONFIGURABLE, RULES
from gateway.profile.table import NHS_NUMBER_CHECK
from gateway.reference.contract import FILES, Door, Operation, doors, folder, resolved
from gateway.reference.refusals import anchor_of, refusals
from gateway.reference.samples import JSON, as_curl, as_python, laid_out
from gateway.reference.shapes import fields, kind_of
from gateway.reference.words import breaking, in_html, in_line
from gateway.web.assets import takes_gzip
from gateway.web.page import HEADERS, POLICY, pages

HTML = "text/html; charset=utf-8"
KEPT = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}  # what is here changes with the gateway, not with you
MEDIA_TYPES = {".yaml": "application/yaml", ".json": "application/json"}
COLOURS = {"GET": "blue", "POST": "green", "PUT": "orange", "PATCH": "purple"}
WHO = {"fhir": "demo-epr", "platform": "demo-platform"}  # of whom a token is, where an example does not say

own = pages.overlay(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent / "templates"), *([pages.loader] if pages.loader else [])])
)
own.filters |= {"in_html": in_html, "in_line": in_line, "curl": as_curl, "python": as_python}
own.filters |= {"breaking": breaking}
own.filters |= {"json": lambda value: laid_out(value, JSON), "colour": COLOURS.get}


def add_reference_pages(app: FastAPI) -> None:
    app.add_route("/docs", show_start, methods=["GET"])
    app.add_route("/docs/rules", show_rules, methods=["GET"])
    app.add_route("/docs/openapi/{file}", send_file, methods=["GET"])
    app.add_route("/docs/{door}/shapes", show_shapes, methods=["GET"])
    app.add_route("/docs/{door}/{operation}", show_operation, methods=["GET"])


@dataclass(frozen=True, slots=True)
class Page:
    content: bytes
    gzipped: bytes


# Not async: the first look at a page reads and lays out much, which is a thread's work, not the loop's.
def show_start(request: Request) -> Response:
    base = request.app.state.gateway.settings.base_url
    return _send(request, _page("docs.html", base))


def show_rules(request: Request) -> Response:
    return _send(request, _page("docs-rules.html"))


def show_shapes(request: Request) -> Response:
    door = _door(request)
    return _send(request, _page("docs-shapes.html", door.name))


def show_operation(request: Request) -> Response:
    door = _door(request)
    id_ = request.path_params["operation"]
    if id_ not in door.operations:
        raise NotFound("There is no operation of this name. GET /docs lists them.")
    return _send(request, _page("docs-operation.html", door.name, id_))


def send_file(request: Request) -> Response:
    """A file of openapi/, by one of the names that there are."""
    name = request.path_params["file"]
    if name not in FILES:
        raise NotFound("There is no file of this name. GET /docs names them.")
    return _send(request, _file(name), MEDIA_TYPES[Path(name).suffix])


def _door(request: Request) -> Door:
    found = doors().get(request.path_params["door"])
    if found is None:
        raise NotFound("There is no such page. GET /docs lists what there is.")
    return found


def _send(request: Request, page: Page, media_type: str = HTML) -> Response:
    headers = HEADERS | KEPT | {"Content-Security-Policy": f"{POLICY}'none'"}
    if takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(page.gzipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=media_type)
    return Response(page.content, headers=headers, media_type=media_type)


def _packed(content: bytes) -> Page:
    return Page(content, gzip.compress(content, mtime=0))


@cache
def _file(name: str) -> Page:
    return _packed((folder() / name).read_bytes())


@cache
def _page(template: str, *of: str) -> Page:
    """The same for everybody as long as the process runs; `of` is what its values are made of."""
    html = own.get_template(template).render(doors=doors(), **VALUES[template](*of))
    return _packed(html.encode())


def _start(base: str) -> dict[str, Any]:
    return {"base": base}


def _rules() -> dict[str, Any]:
    def agreed(key: str) -> str:
        if key == NHS_NUMBER_CHECK:
            return "by the entry nhs_number_check"
        return "yes" if key in CONFIGURABLE else "no, it is the same for every sender"

    return {"rules": RULES, "agreed": agreed, "refusals": list(refusals())}


def _shapes(name: str) -> dict[str, Any]:
    schemas = doors()[name].document["components"]["schemas"]
    shapes = {one: (schema, list(fields(schema, name)), kind_of(schema, name)) for one, schema in sorted(schemas.items())}
    return {"door": doors()[name], "shapes": shapes}


def _operation(name: str, id_: str) -> dict[str, Any]:
    door = doors()[name]
    operation = door.operations[id_]
    by_status: dict[str, list[Any]] = {}
    for one in refusals():
        by_status.setdefault(str(one.error.status), []).append(one)
    return {
        "door": door,
        "operation": operation,
        "parameters": [(one, kind_of(one.get("schema", {}), name)) for one in operation.parameters],
        "body": _body(door, operation),
        "answers": [(status, resolved(door.document, one)) for status, one in operation.said["responses"].items()],
        "refusals": by_status,
        "scopes": _scopes(door, operation),
        "client": next((one.client for one in operation.examples if one.client), WHO[name]),
        "kind": lambda schema: kind_of(schema, name),
    }


def _body(door: Door, operation: Operation) -> list[dict[str, Any]]:
    """What the body may be: media type, kind, and its fields where it is a shape of the door's."""
    said = []
    for media_type, content in operation.said.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        whole = resolved(door.document, schema) if schema.get("$ref", "#").startswith("#") else {}
        rows = list(fields(whole.get("items", whole), door.name)) if "allOf" not in whole else []
        kind = kind_of(whole if "allOf" in whole else schema, door.name)
        said.append({"media_type": media_type, "kind": kind, "fields": rows, "words": whole.get("description", "")})
    return said


def _scopes(door: Door, operation: Operation) -> list[str] | None:
    """Those that a token needs one of; None when it needs no token."""
    needed = operation.said.get("security", door.document.get("security", []))
    return list(needed[0].get("oauth2", [])) if needed and "oauth2" in needed[0] else None


VALUES: dict[str, Callable[..., dict[str, Any]]] = {
    "docs.html": _start,
    "docs-rules.html": _rules,
    "docs-shapes.html": _shapes,
    "docs-operation.html": _operation,
}

__all__ = ["add_reference_pages", "anchor_of"]
