"""POST /oauth2/token: client credentials with `private_key_jwt` (RFC 6749, 4.4; SMART Backend Services)."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.oauth import ASSERTION_TYPE
from gateway.parties import Directory
from gateway.scopes import OUR_SCOPES, grant
from gateway.security.assertions import ALGORITHMS, Proof, TokenError, check_assertion
from gateway.security.tokens import Caller, Gatekeeper
from gateway.store.engine import Store
from gateway.store.schema import jti

PATH = "/oauth2/token"
MOST_BYTES = 16_384
PRUNE_SECONDS = 60
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def token_endpoint(
    store: Store, directory: Directory, gatekeeper: Gatekeeper
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint; after a success the audit finds the new token's Caller in `request.state.caller`."""
    seen = SeenAssertions(store)
    token_url = gatekeeper.issuer + PATH

    async def token(request: Request) -> Response:
        try:
            form = await _read_form(request)
            _check_grant(form)
            await directory.refresh()
            proof = check_assertion(form["client_assertion"], directory.client, token_url)
            await seen.take(proof)
            caller = _caller(form, proof.client)
        except TokenError as refused:
            answer = {"error": refused.error, "error_description": str(refused)}
            return JSONResponse(answer, refused.status, NO_STORE)
        request.state.caller = caller
        return JSONResponse(
            {
                "access_token": gatekeeper.issue(caller),
                "token_type": "bearer",
                "expires_in": gatekeeper.token_seconds,
                "scope": " ".join(sorted(caller.scopes)),
            },
            headers=NO_STORE,
        )

    return token


class SeenAssertions:
    """Each assertion is good once, in whichever process it arrives: its `jti` is a key in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._prune_at = 0.0

    async def take(self, proof: Proof) -> None:
        """Raises TokenError when the client has used this jti before."""
        row = {"client_id": proof.client["id"], "jti": proof.jti, "expires_at": proof.expires_at}
        try:
            await self._store.write([(jti, [row])])
        except IntegrityError:
            raise TokenError(
                "invalid_client", "This assertion (`jti`) was used before. Sign a new one for each token.", 401
            ) from None
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_SECONDS
            async with self._store.transaction() as connection:
                await connection.execute(jti.delete().where(jti.c.expires_at < datetime.now(UTC)))


async def _read_form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise TokenError("invalid_request", "Send the parameters as application/x-www-form-urlencoded.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise TokenError("invalid_request", f"A token request has {MOST_BYTES:,} bytes at most.", 413)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise TokenError("invalid_request", "The body is not application/x-www-form-urlencoded.") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise TokenError("invalid_request", "Send each parameter once (RFC 6749, 3.2).")
    return form


def _check_grant(form: Mapping[str, str]) -> None:
    if not form.get("grant_type"):
        raise TokenError("invalid_request", "grant_type is missing; it must be client_credentials.")
    if form["grant_type"] != "client_credentials":
        raise TokenError("unsupported_grant_type", "grant_type must be client_credentials.")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise TokenError("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")
    if not form.get("client_assertion"):
        raise TokenError("invalid_request", "client_assertion is missing: a JWT signed with a registered key.")


def _caller(form: Mapping[str, str], client: Mapping[str, Any]) -> Caller:
    if form.get("client_id") not in (None, client["id"]):
        raise TokenError("invalid_client", "client_id must be the assertion's `sub`, or be left out.", 401)
    registered = frozenset(client["scopes"])
    # SMART asks for `scope`; NHS clients send none, and RFC 6749, 3.3 lets us take that as all they are registered for.
    scopes = grant(form["scope"].split(), registered) if form.get("scope") else registered
    if not scopes:
        known = " ".join(sorted(registered)) or "nothing, until the gateway's operator registers scopes for you"
        raise TokenError("invalid_scope", f"None of this is registered for you. Ask for: {known}")
    return Caller(client["id"], client["organisation"], client["role"], scopes, frozenset(client["hubs"]))


def smart_configuration(base_url: str) -> dict[str, Any]:
    """What `/FHIR/R4/.well-known/smart-configuration` says (SMART App Launch 2.2, "Conformance")."""
    return {
        "token_endpoint": base_url + PATH,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": [
            "system/*.crus",
            "system/ServiceRequest.crus",
            "system/Task.crus",
            *sorted(OUR_SCOPES),
        ],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
        "code_challenge_methods_supported": ["S256"],
    }
