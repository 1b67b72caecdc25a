"""/sandbox: tenants are made here, their clocks put forward, their events triggered, their pushes seen and taken."""

from typing import Any
from uuid import UUID

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import FHIR_JSON, BadRequest, NotFound
from gateway.ids import instant, now
from gateway.sandbox.asked import MOST_ANSWER, Advance, Joining, PushAnswered, Trigger, read_asked
from gateway.sandbox.bundles import bundle_of
from gateway.sandbox.parties import CLIENTS
from gateway.sandbox.passing import pass_time
from gateway.sandbox.scenarios import Scenario, scenarios
from gateway.sandbox.tenant import Tenant
from gateway.sandbox.tenants import Tenants
from gateway.sandbox.trigger import trigger

Json = dict[str, Any]

LONGEST_WAIT = 25.0  # seconds that a listener's question may wait for news
LINK = "/docs/rules"


def add_sandbox_routes(app: FastAPI, tenants: Tenants) -> None:
    app.state.tenants = tenants
    tenant = "/sandbox/tenants/{tenant}"
    for method, path, answer in (
        ("POST", "/sandbox/tenants", make_tenant),
        ("GET", "/sandbox/scenarios", list_scenarios),
        ("GET", "/sandbox/scenarios/{number}/referral", give_referral),
        ("GET", tenant, show_tenant),
        ("DELETE", tenant, remove_tenant),
        ("POST", f"{tenant}/reset", reset_tenant),
        ("POST", f"{tenant}/clock", advance_clock),
        ("POST", f"{tenant}/trigger", trigger_event),
        ("GET", f"{tenant}/pushes", list_pushes),
        ("GET", f"{tenant}/pushes/next", wait_for_push),
        ("DELETE", f"{tenant}/pushes/next", stop_listening),
        ("POST", f"{tenant}/pushes/{{number}}/answer", answer_push),
    ):
        app.add_route(path, answer, methods=[method])


async def make_tenant(request: Request) -> Response:
    """Makes a tenant: 201 with all that is needed to use it. Tokens and keys are told here and never again."""
    joining = await read_asked(request, Joining)
    jwks = joining.jwks.model_dump() if joining.jwks else None
    made = await _tenants(request).make(joining.name, jwks)
    told = _shown(made.tenant) | {
        "control_token": made.control_token,
        "webhook_secret": made.tenant.kept.webhook_secret,
    }
    if made.private_keys:
        told["private_keys"] = made.private_keys
    return _json(told, 201, {"Location": f"{_tenants(request).base_url}/sandbox/tenants/{made.tenant.kept.id}"})


async def list_scenarios(request: Request) -> Response:
    return _json({"scenarios": [_scenario(request, one) for one in scenarios().values()]})


async def give_referral(request: Request) -> Response:
    """A Bundle that refers this person, ready to POST to a tenant's FHIR base."""
    scenario = scenarios().get(request.path_params["number"])
    if scenario is None:
        raise NotFound("No scenario has this NHS number. See /sandbox/scenarios.")
    return Response(orjson.dumps(bundle_of(scenario)), media_type=FHIR_JSON)


async def show_tenant(request: Request) -> Response:
    return _json(_shown(_admit(request)))


async def remove_tenant(request: Request) -> Response:
    await _tenants(request).remove(_admit(request))
    return Response(status_code=204)


async def reset_tenant(request: Request) -> Response:
    """Forgets all that was sent, and sets the clock right; clients, keys and addresses stay."""
    tenant = _admit(request)
    async with tenant.changing:
        await tenant.empty()
        await tenant.start()
    return _json(_shown(tenant))


async def advance_clock(request: Request) -> Response:
    tenant = _admit(request)
    asked = await read_asked(request, Advance)
    await pass_time(tenant, asked.advance)
    return _json(_shown(tenant))


async def trigger_event(request: Request) -> Response:
    tenant = _admit(request)
    asked = await read_asked(request, Trigger)
    return _json(await trigger(tenant, asked.status, asked.referral))


async def list_pushes(request: Request) -> Response:
    """The latest updates that were sent, the newest first, with headers and body as they came."""
    return _json({"pushes": [one.shown() for one in reversed(_admit(request).pushes.kept)]})


async def wait_for_push(request: Request) -> Response:
    """For a listener: the next update, or 204 when none came in time."""
    tenant = _admit(request)
    await tenant.awake()
    wait = request.query_params.get("wait", "20")
    if not (wait.isascii() and wait.isdigit() and len(wait) < 5 and int(wait) <= LONGEST_WAIT):
        raise BadRequest(f"wait must be a number of seconds, {LONGEST_WAIT:.0f} at most.", expression="wait")
    push = await tenant.pushes.next_for(_listener(request), float(wait), request.receive)
    return _json(push.sent_on()) if push else Response(status_code=204)


async def stop_listening(request: Request) -> Response:
    _admit(request).pushes.stop_listening(_listener(request))
    return Response(status_code=204)


async def answer_push(request: Request) -> Response:
    """For a listener: what its target has answered, which is what the sandbox's worker is answered."""
    tenant = _admit(request)
    given = await read_asked(request, PushAnswered, MOST_ANSWER)
    number = request.path_params["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise NotFound
    tenant.pushes.answer(int(number), given.status, given.headers, given.body)
    return Response(status_code=204)


def _tenants(request: Request) -> Tenants:
    tenants: Tenants = request.app.state.tenants
    return tenants


def _admit(request: Request) -> Tenant:
    return _tenants(request).admit(request.path_params["tenant"], request.headers.get("authorization"))


def _listener(request: Request) -> str:
    """Its own name, so that one that connects again is known."""
    try:
        return str(UUID(request.query_params.get("listener", "")))
    except ValueError:
        raise BadRequest(
            "listener must be a UUID, the same for as long as you listen.", expression="listener"
        ) from None


def _shown(tenant: Tenant) -> Json:
    base = tenant.base_url
    with tenant.on_its_clock():
        moment = now()
    return {
        "tenant": tenant.kept.id,
        "name": tenant.kept.name,
        "now": instant(moment),
        "base_url": base,
        "fhir_base": f"{base}/FHIR/R4",
        "platform_base": f"{base}/platform/v1",
        "token_url": f"{base}/oauth2/token",
        "pages": f"{base}/app/sign-in",
        "clients": {client.removeprefix("sandbox-"): client for client in CLIENTS if client in tenant.kept.jwks},
        "listening": tenant.pushes.is_listened_to,
    }


def _scenario(request: Request, scenario: Scenario) -> Json:
    base = _tenants(request).base_url
    return {
        "nhs_number": scenario.number,
        "name": " ".join([*scenario.name.given, scenario.name.family]),
        "scenario": scenario.key,
        "title": scenario.title,
        "what_happens": scenario.tells,
        "steps": [
            {"after_seconds": one.after.total_seconds(), "do": one.do, "body": one.body} for one in scenario.steps
        ],
        "rules": [f"{base}{LINK}#{rule}" for rule in scenario.rules],
        "referral": f"{base}/sandbox/scenarios/{scenario.number}/referral",
    }


def _json(shown: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(shown, option=orjson.OPT_INDENT_2),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        "application/json",
    )
