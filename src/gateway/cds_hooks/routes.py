"""/cds-services: discovery, the calls and their feedback."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.cds_hooks.asked import read_call
from gateway.cds_hooks.cors import Cors
from gateway.cds_hooks.deciding import cards_about, cards_for_orders
from gateway.cds_hooks.feedback import read_feedback
from gateway.cds_hooks.prefetch import is_of_active_team
from gateway.cds_hooks.services import PATH, SERVICES, Service
from gateway.cds_hooks.trust import admit
from gateway.errors import NotFound, UnsupportedMediaType
from gateway.security.token_endpoint import SeenAssertions
from gateway.store.cards import keep_feedback
from gateway.validation import dump

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

DISCOVERY = dump({"services": [one.shown() for one in SERVICES.values()]})

log = structlog.get_logger()


def add_cds_hooks(app: FastAPI) -> None:
    gateway: Gateway = app.state.gateway
    seen = SeenAssertions(gateway.store)
    app.add_route(PATH, discover, methods=["GET"])
    app.add_route(f"{PATH}/{{id}}", _answer_calls(seen), methods=["POST"])
    app.add_route(f"{PATH}/{{id}}/feedback", _take_feedback(seen), methods=["POST"])
    app.add_middleware(Cors, directory=gateway.directory)


async def discover(_request: Request) -> Response:
    """Open to everybody, from every web page."""
    return Response(DISCOVERY, headers={"Access-Control-Allow-Origin": "*"}, media_type="application/json")


def _answer_calls(seen: SeenAssertions) -> Endpoint:
    async def answer_call(request: Request) -> Response:
        """200 with the cards, of which there may be none.

        Raises Unauthorised, Forbidden, NotFound, UnsupportedMediaType, Unreadable, Rejected, PrefetchMissing.
        """
        gateway: Gateway = request.app.state.gateway
        organisation, epr = await admit(request, seen, _address(gateway, request))
        service = _service(request)
        asked = read_call(await _body(request), service, epr["issuer"])
        request.state.caller = replace(request.state.caller, person=asked.user)
        cards: list[Json] = []
        if not is_of_active_team(asked.prefetch, asked.user, organisation.get("teams", [])):
            log.info("no cards", epr=epr["id"], service=service.id, reason="the user's roles name no active team")
        elif service.hook == "patient-view":
            cards = await cards_about(gateway, organisation["ods_code"], epr["issuer"], asked)
        else:
            cards = await cards_for_orders(gateway, organisation["ods_code"], asked)
        return Response(dump({"cards": cards}), headers={"Cache-Control": "no-store"}, media_type="application/json")

    return answer_call


def _take_feedback(seen: SeenAssertions) -> Endpoint:
    async def take_feedback(request: Request) -> Response:
        """200 without a body. The JWT may be meant for the service, or for this address. Raises as a call does."""
        gateway: Gateway = request.app.state.gateway
        address = _address(gateway, request)
        organisation, _ = await admit(request, seen, address, f"{address}/feedback")
        rows = read_feedback(await _body(request), organisation["ods_code"], _service(request).id)
        async with gateway.store.transaction() as connection:
            await keep_feedback(connection, rows)
        return Response()

    return take_feedback


def _address(gateway: Gateway, request: Request) -> str:
    return f"{gateway.settings.base_url}{PATH}/{request.path_params['id']}"


def _service(request: Request) -> Service:
    service = SERVICES.get(request.path_params["id"])
    if service is None:
        raise NotFound(f"There is no such service. GET {PATH} shows those there are.")
    request.state.target = request.path_params["id"]
    return service


async def _body(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("Send application/json.")
    return await request.body()
