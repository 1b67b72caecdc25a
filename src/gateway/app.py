"""Puts the parts together: settings in, a FastAPI application out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from fastapi import FastAPI

from adapters.rio.reading import RioReader
from adapters.smart.client import SmartEprs
from gateway import errors, fetching, subscribing, watching
from gateway.again import Again
from gateway.arrival import Gateway
from gateway.audit import Audit
from gateway.cds_hooks import add_cds_hooks
from gateway.delivery import run
from gateway.fhir.routes import add_fhir_routes
from gateway.fhir.validate import tell_judgement
from gateway.metrics import add_metrics_route
from gateway.operations import routes as operations
from gateway.operations import traces
from gateway.parties import Directory
from gateway.platform import identity
from gateway.platform.routes import router
from gateway.prefix import Prefixed, prefix_of
from gateway.reference import add_reference_pages
from gateway.referrals import Judged
from gateway.security import Gatekeeper, Seal, token_endpoint, token_secret
from gateway.settings import Settings
from gateway.status import add_status_routes
from gateway.store.engine import Store
from gateway.store.wake import watch
from gateway.telemetry import Telemetry
from gateway.web.deliveries import add_pages
from gateway.web.launched import add_launch
from gateway.web.live import add_live_routes, when_told_to_stop
from gateway.web.person import add_person_pages
from gateway.web.refer import add_refer_pages
from gateway.web.team import add_team_pages
from gateway.web.traces import add_trace_pages

log = structlog.get_logger()


def build_app(settings: Settings, *, hosted: bool = False) -> FastAPI:
    """The gateway: the EPR's door, the platform's door, tokens, and the worker unless it runs elsewhere. One that is
    `hosted` is one of many in its process, and no other process has its database: whoever hosts it hears the signals,
    and there is no news from elsewhere."""
    store = Store(settings.database_url, settings.database_connections)
    directory = Directory(store, settings.directory_seconds)
    secret = token_secret(settings.token_secret_file)
    gatekeeper = Gatekeeper(secret, settings.base_url, settings.token_seconds)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stop = app.state.stopping = asyncio.Event()  # for whoever hosts it: its worker may stop before its doors do
        hearing = [] if hosted else [asyncio.create_task(watch(store, stop, works=settings.worker))]
        if settings.worker:
            app.state.worker = asyncio.create_task(work(app.state.gateway, stop))
            app.state.worker.add_done_callback(_tell_of_failure)
        with contextlib.nullcontext() if hosted else when_told_to_stop(app.state.open_pages.close):
            yield
        app.state.open_pages.close()
        stop.set()
        if ending := [*hearing, *([app.state.worker] if app.state.worker else [])]:
            await asyncio.wait(ending)
        await app.state.eprs.close()
        await app.state.rio_reader.close()
        await store.close()

    app = FastAPI(
        title="Social prescribing gateway",
        version="0.1.0",
        lifespan=lifespan,
        openapi_url=None,  # the contract is openapi/*.yaml
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would lead to whatever Host says
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.gateway = Gateway(settings, store, directory)
    app.state.gatekeeper = gatekeeper
    app.state.base_url = settings.base_url
    app.state.seal = Seal(secret)
    app.state.eprs = SmartEprs(settings.fetch_timeout_seconds)
    app.state.rio_reader = RioReader(settings.fetch_timeout_seconds)
    app.state.worker = None
    errors.install(app)
    app.add_exception_handler(Judged, tell_judgement)
    app.add_route("/oauth2/token", token_endpoint(store, directory, gatekeeper), methods=["POST"])
    _add_doors(app, settings)
    _add_pages(app)
    app.add_middleware(Again)
    app.add_middleware(Audit)
    add_cds_hooks(app)
    app.add_middleware(Telemetry, max_body_bytes=settings.max_body_bytes)
    if prefix := prefix_of(settings.base_url):
        app.add_middleware(Prefixed, prefix=prefix)
    return app


def _add_doors(app: FastAPI, settings: Settings) -> None:
    add_status_routes(app)
    add_metrics_route(app, token_secret(settings.metrics_token_file or _beside(settings.token_secret_file)))
    add_fhir_routes(app)
    for door in (router, identity.router, operations.router, traces.router):
        app.router.routes.extend(door.routes)  # as they are: `include_router` makes each anew for each app, in 2 ms


def _add_pages(app: FastAPI) -> None:
    add_pages(app)
    add_trace_pages(app)
    add_launch(app)
    add_person_pages(app)
    add_live_routes(app)
    add_refer_pages(app)
    add_team_pages(app)
    add_reference_pages(app)


def _beside(file: Path) -> Path:
    return file.with_name("metrics-token")


async def work(gateway: Gateway, stop: asyncio.Event) -> None:
    """Delivers what is due, fetches what is awaited, keeps Subscriptions and watches, until `stop` is set. None of it
    goes on alone."""
    async with asyncio.TaskGroup() as group:
        group.create_task(run(gateway.store, gateway.settings, stop))
        group.create_task(fetching.run(gateway, stop))
        group.create_task(subscribing.run(gateway.store, gateway.settings, stop))
        group.create_task(watching.run(gateway, stop))


def _tell_of_failure(worker: asyncio.Task[None]) -> None:
    if not worker.cancelled() and (trouble := worker.exception()):
        causes = trouble.exceptions if isinstance(trouble, BaseExceptionGroup) else [trouble]
        log.error("worker stopped", error=[type(cause).__name__ for cause in causes])
