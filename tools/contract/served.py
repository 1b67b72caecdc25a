"""What the gateway serves, to compare with what the documents say."""

import inspect
import json
from collections.abc import Callable, Iterator, Set
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route
from tools.contract.documents import Json, operations_of

from gateway.fhir.metadata import capability_statement
from gateway.fhir.routes import REFUSING
from gateway.fhir.search.everything import KNOWN
from gateway.fhir.terminology import SEARCHED, TYPES
from gateway.fhir.translate import TEXTS
from gateway.reference.contract import resolved
from gateway.search import belongs_by
from gateway.search.query import RESULT, SILENT

PAGING = {"_page", "_format"}
OTHERS = "others"  # stands for the parameters of single types, which its description lists


def served(app: FastAPI) -> set[tuple[str, str]]:
    """(METHOD, path) of all routes. HEAD comes with GET, and the base with a slash at its end is the base."""
    plain = {
        (method, route.path.rstrip("/"))
        for route in app.routes
        if isinstance(route, Route) and not route.path.startswith(("/app/", "/launch", "/docs"))  # pages are for people
        for method in route.methods or ()
        if method != "HEAD" and _endpoint(route, method) not in {None, *REFUSING}
    }
    # Included routers do not list their routes; their description does.
    return plain | operations_of(get_openapi(title="", version="", routes=app.routes)).keys()


def _endpoint(route: Route, method: str) -> Callable[..., Any] | None:
    """The one that answers this method, where a route has one for each; None where it refuses the method."""
    closed = inspect.getclosurevars(route.endpoint).nonlocals if inspect.isfunction(route.endpoint) else {}
    by_method: dict[str, Callable[..., Any]] | None = closed.get("endpoints")
    return route.endpoint if by_method is None else by_method.get(method)


def gaps(app: FastAPI, *documents: Json) -> list[str]:
    """Where routes and documents differ, a sentence each."""
    described = {operation for document in documents for operation in operations_of(document)}
    done, said = ({f"{method} {path}" for method, path in some} for some in (served(app), described))
    return [*_uneven("operation", done, said), *_fhir(documents[0])]


def _fhir(document: Json) -> Iterator[str]:
    """Resource types and search parameters, by the gateway's own CapabilityStatement and tables."""
    stated = json.loads(capability_statement(""))["rest"][0]["resource"]
    kept = [one for one in stated if one["type"] not in {*TYPES, "Bundle"}]
    checked = {one["type"] for one in stated if "validate" in {each["name"] for each in one.get("operation", [])}}
    belonging = {one["type"] for one in kept if belongs_by(one["type"])}
    parameters = document["components"]["parameters"]
    for name, types in (("type", {one["type"] for one in kept}), ("checked", checked), ("belonging", belonging)):
        yield from _uneven("resource type", types, set(parameters[name]["schema"]["enum"]))
    of_types = [{each["name"] for each in one["searchParam"]} for one in kept]
    named = _queries(document, "/FHIR/R4/{type}")
    # Those of all types stand by name; of the others, some do.
    searched = set.intersection(*of_types) | (set.union(*of_types) & named) | RESULT.keys() | PAGING | {OTHERS}
    taken: dict[str, Set[str]] = {"/FHIR/R4/{type}": searched, "/FHIR/R4/Patient/{id}/{type}": searched}
    taken |= {"/FHIR/R4/Patient/{id}/$everything": KNOWN - SILENT | {"_format"}}
    taken |= {f"/FHIR/R4/{type_}": SEARCHED.keys() | {"_format"} for type_ in TYPES}
    taken |= {f"/FHIR/R4/ConceptMap{at}/$translate": {*TEXTS, "reverse", "_format"} for at in ("", "/{id}")}
    for path, names in taken.items():
        yield from _uneven("search parameter", names, _queries(document, path))


def _queries(document: Json, path: str) -> set[str]:
    """The names of the query parameters of GET."""
    given = operations_of(document)["GET", path]["parameters"]
    return {one["name"] for one in (resolved(document, part) for part in given) if one["in"] == "query"}


def _uneven(what: str, done: Set[str], said: Set[str]) -> Iterator[str]:
    for one in sorted(done ^ said):
        yield f"The {what} {one} is {'served, but not described' if one in done else 'described, but not served'}."
