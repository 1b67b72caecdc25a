"""The sandbox as one ASGI application: /sandbox is its own, /t/{tenant}/... goes to the tenant's gateway."""

import asyncio
import contextlib
import hmac
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import errors
from gateway.errors import NotFound, answer
from gateway.prefix import Prefixed, prefix_of
from gateway.reference import add_reference_pages
from gateway.reference.pages import show_rules
from gateway.sandbox.routes import add_sandbox_routes
from gateway.sandbox.tenants import Tenants
from gateway.telemetry import RequestContext, Telemetry, known
from gateway.web.assets import send_asset

MOST_BYTES = 5_000_000
TENANT = re.compile(r"/t/([a-z2-7]{12})(/.*)", re.DOTALL)
READS = {"GET", "HEAD", "OPTIONS"}


def build_sandbox(folder: Path, base_url: str, own_url: str, most: int = 50, *, local: bool = False) -> FastAPI:
    """`local` says that nobody but this machine can reach it. Raises NotOurs when the folder holds what no sandbox has
    put there."""
    tenants = Tenants(folder, base_url, own_url, most, local=local)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        tidying = asyncio.create_task(tenants.tidy_until(stop))
        yield
        stop.set()
        await tidying
        await tenants.close()

    app = FastAPI(
        title="Sandbox of the social prescribing gateway",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.base_url = tenants.base_url
    errors.install(app)
    add_sandbox_routes(app, tenants)
    app.add_route("/docs", show_rules, methods=["GET"])  # how to begin is told to each tenant, with its own address
    add_reference_pages(app)
    app.add_route("/app/assets/{name}", send_asset, methods=["GET"])
    app.add_route("/t/{tenant}/receiver/{key}/Task/{task}", take_push, methods=["PUT", "GET"])
    app.add_middleware(Telemetry, max_body_bytes=MOST_BYTES)
    app.add_middleware(ToTenant, tenants=tenants)
    if prefix := prefix_of(tenants.base_url):
        app.add_middleware(Prefixed, prefix=prefix)
    return app


class ToTenant:
    """ASGI middleware, outermost: takes /t/{tenant} off the path, as a proxy would, and the tenant's gateway answers,
    by the tenant's clock."""

    def __init__(self, app: ASGIApp, tenants: Tenants) -> None:
        self.app = app
        self.tenants = tenants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = TENANT.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or found[2].startswith("/receiver/"):
            await self.app(scope, receive, send)
            return
        try:
            tenant = self.tenants.find(found[1])
        except NotFound:
            await self.app(scope, receive, send)  # which says so
            return
        try:
            app = await tenant.awake()
        except Exception as trouble:
            context = RequestContext(str(uuid4()), str(uuid4()))
            await answer(known(trouble, context), context.correlation_id, self.tenants.base_url)(scope, receive, send)
            return
        prefix = len(f"/t/{found[1]}")
        inner = dict(scope) | {"path": found[2], "raw_path": scope.get("raw_path", b"")[prefix:]}
        try:
            with tenant.visited():
                await app(inner, receive, send)
        finally:
            if scope["method"] not in READS:
                tenant.news.set()


async def take_push(request: Request) -> Response:
    """What the tenant's worker sends. Raises NotFound for an address that only the tenant's gateway knows."""
    tenants: Tenants = request.app.state.tenants
    tenant = tenants.find(request.path_params["tenant"])
    if not hmac.compare_digest(request.path_params["key"].encode(), tenant.kept.receiver_key.encode()):
        raise NotFound
    if tenant.app is None:  # its worker is quicker than the rest of its start
        await tenant.awake()
    return await tenant.pushes.arrive(request, request.path_params["task"])
