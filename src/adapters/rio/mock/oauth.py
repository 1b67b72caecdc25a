"""POST /oauth2/token: SMART Backend Services (client credentials with `private_key_jwt`), for keys in a JWKS file; and
the codes of SMART launches."""

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
from joserfc.jwk import ECKey, KeySet

from adapters.rio.mock.mistakes import MockError, NotGranted
from adapters.rio.mock.smart import NO_STORE, SCOPES, Smart, base_of

TOKEN_SECONDS = 300
LONGEST_SECONDS = 300  # of an assertion's life
ALGORITHMS = ["RS384", "ES384", "RS512"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Signers:
    """Whoever has one of these keys may ask; each assertion is good once (RFC 7523)."""

    keys: KeySet
    _seen: set[str] = field(default_factory=set)

    def check(self, form: dict[str, list[str]], token_url: str, client_id: str | None = None) -> None:
        """With a `client_id` only that client's assertion counts. Raises NotGranted."""
        if form.get("client_assertion_type") != [ASSERTION_TYPE]:
            raise NotGranted("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")
        try:
            claims = jwt.decode(form.get("client_assertion", [""])[0], self.keys, algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(aud={"essential": True, "value": token_url}, exp={"essential": True}).validate(claims)
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            raise NotGranted("invalid_client", "The assertion is not signed by a registered key for here.") from None
        if claims["exp"] > time.time() + LONGEST_SECONDS + 10:
            raise NotGranted("invalid_client", f"exp must be at most {LONGEST_SECONDS} seconds ahead.")
        if not isinstance(claims.get("jti"), str) or claims.get("iss") != claims.get("sub"):
            raise NotGranted("invalid_client", "jti must be there, and iss and sub the client id.")
        if client_id is not None and claims["iss"] != client_id:
            raise NotGranted("invalid_client", "iss and sub must be the client_id that is registered here.")
        if claims["jti"] in self._seen:
            raise NotGranted("invalid_client", "The assertion was used before.")
        self._seen.add(claims["jti"])


@dataclass
class Tokens:
    """The tokens given out to whoever has one of the keys; they end when the mock restarts."""

    signers: Signers
    seconds: int = TOKEN_SECONDS
    _ends: dict[str, float] = field(default_factory=dict)

    def issue(self, form: dict[str, list[str]], token_url: str) -> str:
        """Raises NotGranted."""
        self.signers.check(form, token_url)
        token = secrets.token_urlsafe(24)
        self._ends[token] = time.monotonic() + self.seconds
        return token

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


def load_key(file: Path) -> ECKey:
    """A private key of a JWK file. Raises MockError."""
    try:
        return ECKey.import_key(json.loads(file.read_bytes()))
    except OSError as trouble:
        raise MockError(f"{file}: cannot be read ({trouble.strerror})") from None
    except (JoseError, ValueError, TypeError, KeyError):
        raise MockError(f"{file}: must be a private JWK on P-384") from None


def oauth_door(tokens: Tokens | None, smart: Smart) -> APIRouter:
    """`tokens` is None where the FHIR door asks systems for none."""
    door = APIRouter()
    signers = Signers(smart.app.keys) if smart.app.keys else None

    def issue(form: dict[str, list[str]], request: Request) -> dict[str, Any]:
        token_url = str(request.url)
        if form.get("grant_type") == ["client_credentials"] and tokens:
            scope = form.get("scope", ["system/Task.rs system/Task.u"])[0]
            token = tokens.issue(form, token_url)
            return {"access_token": token, "token_type": "bearer", "expires_in": tokens.seconds, "scope": scope}
        if form.get("grant_type") != ["authorization_code"]:
            raise NotGranted("unsupported_grant_type", "grant_type must be client_credentials or authorization_code.")
        if signers:
            signers.check(form, token_url, smart.app.client_id)
        elif form.get("client_id") != [smart.app.client_id]:
            raise NotGranted("invalid_client", "client_id is not that of a registered app.")
        return smart.redeem(form, base_of(request))

    @door.post("/oauth2/token")
    async def token(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("latin-1"))
        try:
            return JSONResponse(issue(form, request), headers=NO_STORE)
        except NotGranted as why:
            return JSONResponse({"error": why.error, "error_description": str(why)}, 400, NO_STORE)

    @door.get("/FHIR/R4/.well-known/smart-configuration")
    async def configuration(request: Request) -> Response:
        base = base_of(request)
        told = {
            "issuer": base,
            "jwks_uri": f"{base}/oauth2/jwks",
            "authorization_endpoint": f"{base}/oauth2/authorize",
            "token_endpoint": f"{base}/oauth2/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],  # none: public clients
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": sorted(SCOPES),
            "capabilities": [
                "launch-ehr",
                "client-public",
                "client-confidential-asymmetric",
                "context-ehr-patient",
                "context-banner",
                "sso-openid-connect",
                "permission-patient",
                "permission-v2",
            ],
        }
        return Response(json.dumps(told), media_type="application/json")

    return door
