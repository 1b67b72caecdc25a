"""Who calls: the JWT of a registered EPR (CDS Hooks 2.0, Trusting CDS Clients)."""

import hashlib
from typing import Any

from starlette.requests import Request

from gateway.arrival import Gateway
from gateway.errors import Forbidden, Unauthorised
from gateway.launch.session import caller_for
from gateway.security.assertions import Proof, TokenError, check_claims, is_signed_by, read_signed
from gateway.security.token_endpoint import SeenAssertions

Json = dict[str, Any]

NEEDED = "system/Task.r"  # a card tells what the Task of a referral tells
REALM = 'Bearer realm="cds-services"'
UNPROVEN = (
    "`iss` is not registered for CDS Hooks here, or `kid` names none of its registered keys, "
    "or the signature does not fit the key."
)


async def admit(request: Request, seen: SeenAssertions, *audience: str) -> tuple[Json, Json]:
    """The organisation and the EPR (`gateway.parties.shapes`) that signed the call. A `jku` is never followed.

    Raises Unauthorised; Forbidden when the EPR's client may not read what cards tell.
    """
    gateway: Gateway = request.app.state.gateway
    await gateway.directory.refresh()
    try:
        organisation, epr, proof = _prove(gateway, request.headers.get("authorization"), audience)
        await seen.take(proof)
    except TokenError as refused:
        raise Unauthorised(str(refused), challenge=f'{REALM}, error="invalid_token"') from None
    request.state.caller = caller = caller_for(request, organisation["ods_code"], epr)
    if not caller.allows(NEEDED):
        raise Forbidden(f"This needs the scope {NEEDED}, which the client of your record system does not have.")
    return organisation, epr


def _prove(gateway: Gateway, authorization: str | None, audience: tuple[str, ...]) -> tuple[Json, Json, Proof]:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.casefold() != "bearer" or not token.strip():
        raise Unauthorised("The Authorization header must read: Bearer, a blank, and a signed JWT.", challenge=REALM)
    signed, claims = read_signed(token.strip(), "The bearer token")
    issuer = claims.get("iss")
    known = gateway.directory.cds_client(issuer) if isinstance(issuer, str) else None
    if known is None or not is_signed_by(signed, {"keys": known[1]["cds"]["keys"]}):
        raise TokenError("invalid_client", UNPROVEN, 401)
    until = check_claims(claims, *audience)
    if "iat" not in claims:
        raise TokenError("invalid_client", "`iat` is missing: when the JWT was signed.", 401)
    # An issuer may be longer than the id of a client, and must not pass for one.
    return *known, Proof({"id": hashlib.sha256(str(issuer).encode()).hexdigest()}, claims["jti"], until)
