"""The pages and files at /docs: open to all, for nothing in them is of a person."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from jinja2 import ChoiceLoader, FileSystemLoader
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import NotFound
from gateway.reference.contract import FILES, Door, Json, doors, folder
from gateway.reference.samples import JSON, as_curl, as_python, laid_out
from gateway.reference.values import of_operation, of_pushes, of_rules, of_shapes, of_start
from gateway.reference.words import breaking, in_html, in_line
from gateway.web.assets import takes_gzip
from gateway.web.page import HEADERS, POLICY, pages

HTML = "text/html; charset=utf-8"
KEPT = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}  # what is here changes with the gateway, not with you
MEDIA_TYPES = {".yaml": "application/yaml", ".json": "application/json"}
COLOURS = {"GET": "blue", "POST": "green", "PUT": "orange", "PATCH": "purple"}

own = pages.overlay(
    loader=ChoiceLoader(
        [FileSystemLoader(Path(__file__).parent / "templates"), *([pages.loader] if pages.loader else [])]
    )
)
own.filters |= {"in_html": in_html, "in_line": in_line, "curl": as_curl, "python": as_python}
own.filters |= {"breaking": breaking}
own.filters |= {"json": lambda value: laid_out(value, JSON), "colour": COLOURS.get}


def add_reference_pages(app: FastAPI) -> None:
    app.add_route("/docs", show_start, methods=["GET"])
    app.add_route("/docs/rules", show_rules, methods=["GET"])
    app.add_route("/docs/openapi/{file}", send_file, methods=["GET"])
    app.add_route("/docs/{door}/shapes", show_shapes, methods=["GET"])
    app.add_route("/docs/{door}/pushes", show_pushes, methods=["GET"])
    app.add_route("/docs/{door}/{operation}", show_operation, methods=["GET"])


@dataclass(frozen=True, slots=True)
class Page:
    content: bytes
    gzipped: bytes


# Not async: the first look at a page reads and lays out much, which is a thread's work, not the loop's.
def show_start(request: Request) -> Response:
    return _send(request, _page("docs.html", of_start, request.app.state.gateway.settings.base_url))


def show_rules(request: Request) -> Response:
    return _send(request, _page("docs-rules.html", of_rules))


def show_shapes(request: Request) -> Response:
    return _send(request, _page("docs-shapes.html", of_shapes, _door(request).name))


def show_pushes(request: Request) -> Response:
    return _send(request, _page("docs-pushes.html", of_pushes, _door(request).name))


def show_operation(request: Request) -> Response:
    door = _door(request)
    id_ = request.path_params["operation"]
    if id_ not in door.operations:
        raise NotFound("There is no operation of this name. GET /docs lists them.")
    return _send(request, _page("docs-operation.html", of_operation, door.name, id_))


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
def _page(template: str, values: Callable[..., Json], *of: str) -> Page:
    """The same for everybody as long as the process runs; `of` is what its values are made of."""
    html = own.get_template(template).render(doors=doors(), **values(*of))
    return _packed(html.encode())
