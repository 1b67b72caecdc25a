"""GET /launch and /launch/callback: the EPR opens us about one of its patients (SMART App Launch 2.2, EHR launch)."""

import secrets
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from adapters.smart.client import EprTrouble, SmartEprs
from gateway.arrival import Gateway
from gateway.errors import BadRequest, Forbidden, GatewayError
from gateway.ids import now
from gateway.launch.epr import read_patient, read_user
from gateway.launch.session import digest_of, keep_cookie, open_for
from gateway.platform.exchange import ID
from gateway.prefix import here
from gateway.store.launched import begin_launch, take_launch
from mappings.translate import vocabulary

Json = dict[str, Any]
CALLBACK = "/launch/callback"
SECONDS = 120  # for the way to the EPR's authorization server and back
LONGEST = 2000  # characters of a launch value or a code

log = structlog.get_logger()


class LaunchRefused(GatewayError):
    """The EPR did not do its part: nothing was opened."""

    status, code = 502, "transient"
    text = "Your record system did not answer as expected. Close this and open social prescribing again."


async def begin(request: Request) -> Response:
    """303 to the EPR's authorization server. Raises BadRequest, Forbidden for an issuer that is not registered,
    LaunchRefused."""
    gateway, eprs, issuer, launch = await _asked(request)
    known = gateway.directory.epr(issuer.rstrip("/"))
    if known is None or known[1]["issuer"] != issuer.rstrip("/"):
        raise Forbidden("This record system is not registered here, so it cannot open social prescribing.")
    organisation, epr = known
    state, verifier, nonce = (secrets.token_urlsafe(size) for size in (32, 48, 24))
    try:
        address = await eprs.authorize_url(epr, _redirect_uri(gateway), launch, state, verifier, nonce)
    except EprTrouble as trouble:
        log.warning("launch failed", epr=epr["id"], reason=str(trouble))
        raise LaunchRefused from None
    row = {
        "state": digest_of(state),
        "organisation": organisation["ods_code"],
        "epr_id": epr["id"],
        "verifier": request.app.state.seal.close(verifier),
        "nonce": nonce,
        "expires_at": now() + timedelta(seconds=SECONDS),
    }
    async with gateway.store.transaction() as connection:
        await begin_launch(connection, row, now())
    answer = Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})
    # The state alone could be another browser's: an address that somebody was given to click on.
    keep_cookie(request, answer, _cookie_of(state), digest_of(f"{state}browser"), here(CALLBACK), SECONDS)
    return answer


async def _asked(request: Request) -> tuple[Gateway, SmartEprs, str, str]:
    given = request.query_params
    issuer, launch = given.get("iss", ""), given.get("launch", "")
    if not issuer or not launch or max(len(issuer), len(launch)) > LONGEST:
        raise BadRequest("A launch needs iss (the record system's FHIR address) and launch. Open it from a record.")
    gateway: Gateway = request.app.state.gateway
    await gateway.directory.refresh()
    return gateway, request.app.state.eprs, issuer, launch


async def come_back(request: Request) -> Response:
    """303 to the page. Raises BadRequest for a state that is unknown, used or over, or another browser's."""
    given = request.query_params
    state, code = given.get("state", ""), given.get("code", "")
    gateway: Gateway = request.app.state.gateway
    async with gateway.store.transaction() as connection:
        launch = await take_launch(connection, digest_of(state), now())
    await gateway.directory.refresh()
    known = gateway.directory.epr(launch["epr_id"]) if launch else None
    shown = request.cookies.get(_cookie_of(state), "")
    mine = secrets.compare_digest(shown.encode(), digest_of(f"{state}browser").encode())
    if launch is None or known is None or not mine:
        raise BadRequest("This launch is over, was used before, or was begun elsewhere. Open it from the record again.")
    if not code or len(code) > LONGEST:
        raise Forbidden("Your record system did not allow the launch.")
    organisation, epr = known
    eprs: SmartEprs = request.app.state.eprs
    verifier = request.app.state.seal.open(launch["verifier"]) or ""
    try:
        granted = await eprs.redeem(epr, _redirect_uri(gateway), code, verifier, launch["nonce"])
        user, teams = await read_user(eprs, epr, granted.token, granted.fhir_user)
        patient = await read_patient(eprs, epr, granted.token, granted.patient) if granted.patient else None
    except EprTrouble as trouble:
        log.warning("launch failed", epr=epr["id"], reason=str(trouble))
        raise LaunchRefused from None
    content = {
        "user": asdict(user),
        "team_name": choose_team(organisation, teams),
        "patient": patient,
        "needs_banner": granted.needs_banner,
        "scopes": sorted(granted.scopes),
        "suggested": suggested_by(granted.app_context),
    }
    token = request.app.state.seal.close(granted.token)
    # A Task of ours, which the EPR has opened: its referral is what they want to see.
    tasks = [one.rpartition("Task/")[2] for one in granted.context if "Task/" in one]
    referral_id = next((one for one in tasks if ID.fullmatch(one)), None)
    return await open_for(request, organisation["ods_code"], epr, content, granted.patient, token, referral_id)


def suggested_by(app_context: str | None) -> list[str]:
    """The reasons that a card of ours (gateway.cds_hooks.cards) gave its link; what is anything else is passed over."""
    try:
        told = orjson.loads(app_context or "{}")
    except orjson.JSONDecodeError:
        return []
    reasons = told.get("reasons") if isinstance(told, dict) else None
    known = vocabulary("referral-reason").displays
    found = [one for one in reasons if isinstance(one, str) and one in known] if isinstance(reasons, list) else []
    return list(dict.fromkeys(found))


def choose_team(organisation: Json, told: list[str]) -> str | None:
    """Of the teams that the EPR names, an active one; else one that is known; else the first."""
    known = [
        (name, team) for name in told for team in organisation.get("teams", []) if name in (team["code"], team["name"])
    ]
    active = [name for name, team in known if team["active"]]
    return next(iter([*active, *(name for name, _ in known), *told]), None)


def _redirect_uri(gateway: Gateway) -> str:
    return f"{gateway.settings.base_url}{CALLBACK}"


def _cookie_of(state: str) -> str:
    return f"launch-{digest_of(state)[:8]}"
