"""A provider on a real port, the states that a pact asks for, and pact's verifier in front of both."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from pact import Verifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from tests.serving import serving

Values = dict[str, str]
States = Mapping[str, Callable[[Values], Awaitable[Values]]]  # what the pact gives -> what it takes


def states_app(states: States) -> Starlette:
    """Sets a state and answers with its values, for what stands as `${name}` in the pact. pact-python's own state
    handlers give no values back."""

    async def set_state(request: Request) -> JSONResponse:
        asked = await request.json()
        if not asked["state"]:  # an interaction that needs none
            return JSONResponse({})
        try:
            return JSONResponse(await states[asked["state"]](asked["params"]))
        except (AssertionError, LookupError) as failed:  # a 5xx the verifier would try again for two minutes
            return JSONResponse({"error": repr(failed)}, 422)

    return Starlette(routes=[Route("/", set_state, methods=["POST"])])


async def verify(provider: str, app: ASGIApp, states: States, *pacts: Path) -> None:
    """Raises, with what differs, when the provider does not do all that the pacts ask of it."""
    async with serving(app) as url, serving(states_app(states)) as states_url:
        verifier = Verifier(provider, host="127.0.0.1").add_transport(url=url).state_handler(states_url, body=True)
        for pact in pacts:
            verifier.add_source(pact)
        verifier.set_coloured_output(enabled=False).set_error_on_empty_pact()
        try:
            await asyncio.to_thread(verifier.verify)
        except Exception as failed:
            raise AssertionError(verifier.output(strip_ansi=True)) from failed
