"""A mock of a sender's FHIR server: serves the resources it holds, and goes wrong when told to. See README.md."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

FHIR_JSON = "application/fhir+json"

Json = dict[str, Any]


@dataclass
class Fault:
    """What the mock answers instead of the resource, after a wait; without a status the resource itself, late."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0


@dataclass
class Held:
    """`resources` are by Type/id, `faults` too: each is played once, in order. `asked` has the headers of each
    request, with its Type/id."""

    resources: dict[str, Json] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def keep(self, *resources: Json) -> None:
        self.resources |= {f"{one['resourceType']}/{one['id']}": one for one in resources}


def build_mock(held: Held, authorization: str | None = None) -> FastAPI:
    """The mock. With `authorization` it answers 401 to requests without that header."""
    app = FastAPI(title="Mock sender", openapi_url=None)

    @app.get("/FHIR/R4/{type_}/{id_}")
    async def read(type_: str, id_: str, request: Request) -> Response:
        name = f"{type_}/{id_}"
        held.asked.append((name, dict(request.headers)))
        if authorization and request.headers.get("authorization") != authorization:
            return Response(status_code=401)
        fault = held.faults[name].pop(0) if held.faults.get(name) else Fault()
        await asyncio.sleep(fault.seconds)
        if fault.status:
            return Response(fault.body, fault.status, fault.headers, FHIR_JSON)
        if name not in held.resources:
            return Response(status_code=404)
        return Response(orjson.dumps(held.resources[name]), media_type=FHIR_JSON)

    return app
