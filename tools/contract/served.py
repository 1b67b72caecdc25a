"""What the gateway serves, to compare with what the documents say."""

import json
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route
from tools.contract.documents import Json, operations_of, resolved

from gateway.fhir.metadata import capability_statement

PAGING = {"_count", "_after", "_format"}


def served(app: FastAPI) -> set[tuple[str, str]]:
    """(METHOD, path) of all routes. HEAD comes with GET, and the base with a slash at its end is the base."""
    plain = {
        (method, route.path.rstrip("/"))
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    # Included routers do not list their routes; their description does.
    return plain | operations_of(get_openapi(title="", version="", routes=app.routes)).keys()


def gaps(app: FastAPI, *documents: Json) -> list[str]:
    """Where routes and documents differ, a sentence each."""
    described = {operation for document in documents for operation in operations_of(document)}
    done, said = ({f"{method} {path}" for method, path in some} for some in (served(app), described))
    return [*_uneven("operation", done, said), *_fhir(documents[0])]


def _fhir(document: Json) -> Iterator[str]:
    """Resource types and search parameters, by the gateway's own CapabilityStatement."""
    stated = json.loads(capability_statement(""))["rest"][0]["resource"]
    types = document["components"]["parameters"]["type"]["schema"]["enum"]
    yield from _uneven("resource type", {one["type"] for one in stated}, set(types))
    taken = {parameter["name"] for one in stated for parameter in one["searchParam"]} | PAGING
    given = operations_of(document)["GET", "/FHIR/R4/{type}"]["parameters"]
    named = {one["name"] for one in (resolved(document, part) for part in given) if one["in"] == "query"}
    yield from _uneven("search parameter", taken, named)


def _uneven(what: str, done: set[str], said: set[str]) -> Iterator[str]:
    for one in sorted(done ^ said):
        yield f"The {what} {one} is {'served, but not described' if one in done else 'described, but not served'}."
