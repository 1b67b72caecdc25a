"""POST /oauth2/token: SMART Backend Services (client credentials with `private_key_jwt`), for keys in a JWKS file."""

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from adapters.rio.mock.mistakes import MockError

TOKEN_SECONDS = 300
LONGEST_SECONDS = 300  # of an assertion's life
ALGORITHMS = ["RS384", "ES384", "RS512"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class NotGranted(Exception):
    """`error` is a code of RFC 6749, 5.2."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error


@dataclass
class Tokens:
    """The tokens given out to whoever has one of the keys; they end when the mock restarts."""

    keys: KeySet
    seconds: int = TOKEN_SECONDS
    _ends: dict[str, float] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def issue(self, form: dict[str, list[str]], token_url: str) -> str:
        """Raises NotGranted."""
        if form.get("grant_type") != ["client_credentials"]:
            raise NotGranted("unsupported_grant_type", "grant_type must be client_credentials.")
        if form.get("client_assertion_type") != [ASSERTION_TYPE]:
            raise NotGranted("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")
        claims = self._check(form.get("client_assertion", [""])[0], token_url)
        self._seen.add(claims["jti"])
        token = secrets.token_urlsafe(24)
        self._ends[token] = time.monotonic() + self.seconds
        return token

    def _check(self, assertion: str, token_url: str) -> dict[str, Any]:
        try:
            claims = jwt.decode(assertion, self.keys, algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(aud={"essential": True, "value": token_url}, exp={"essential": True}).validate(claims)
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            raise NotGranted("invalid_client", "The assertion is not signed by a registered key for here.") from None
        if claims["exp"] > time.time() + LONGEST_SECONDS + 10:
            raise NotGranted("invalid_client", f"exp must be at most {LONGEST_SECONDS} seconds ahead.")
        if not isinstance(claims.get("jti"), str) or claims.get("iss") != claims.get("sub"):
            raise NotGranted("invalid_client", "jti must be there, and iss and sub the client id.")
        if claims["jti"] in self._seen:
            raise NotGranted("invalid_client", "The assertion was used before.")
        return claims

    def are_good(self, authorization: str) -> bool:
        """Whether the header has a token that is still good."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and self._ends.get(token, 0) > time.monotonic()

    def forget(self, authorization: str) -> None:
        self._ends.pop(authorization.partition(" ")[2], None)


def load_jwks(file: Path) -> KeySet:
    """The public keys of a JWKS file. Raises MockError."""
    try:
        return KeySet.import_key_set(json.loads(file.read_bytes()))
    except OSError as trouble:
        raise MockError(f"{file}: cannot be read ({trouble.strerror})") from None
    except (JoseError, ValueError, TypeError, KeyError):
        raise MockError(f'{file}: must be a JWKS: {{"keys": [...]}}') from None


def oauth_door(tokens: Tokens) -> APIRouter:
    door = APIRouter()

    @door.post("/oauth2/token")
    async def token(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("latin-1"))
        try:
            given = tokens.issue(form, str(request.url))
        except NotGranted as why:
            return JSONResponse({"error": why.error, "error_description": str(why)}, 400, NO_STORE)
        scope = form.get("scope", ["system/Task.rs system/Task.u"])[0]
        answer = {"access_token": given, "token_type": "bearer", "expires_in": tokens.seconds, "scope": scope}
        return JSONResponse(answer, headers=NO_STORE)

    @door.get("/FHIR/R4/.well-known/smart-configuration")
    async def configuration(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        told = {
            "token_endpoint": f"{base}/oauth2/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "grant_types_supported": ["client_credentials"],
            "capabilities": ["client-confidential-asymmetric"],
        }
        return Response(json.dumps(told), media_type="application/json")

    return door
