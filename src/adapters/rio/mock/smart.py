"""The mock as an authorization server: SMART App Launch 2.2, EHR launch, for the one app that is registered with it."""

import base64
import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from adapters.rio.mock.mistakes import NotGranted
from adapters.rio.mock.store import Row

LAUNCH_SECONDS = 120
CODE_SECONDS = 60
ACCESS_SECONDS = 900
SCOPES = {
    "launch", "openid", "fhirUser", "patient/*.rs", "user/Practitioner.rs", "user/PractitionerRole.rs",
    "patient/DocumentReference.c",
}  # fmt: skip
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # an SHA-256 (RFC 7636, 4.2)
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636, 4.1
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class App:
    """The gateway, as it is registered here. With `keys` it is a confidential client; `launch_secret` is for the launch
    by a signed address."""

    gateway: str = "http://127.0.0.1:8000"
    client_id: str = "social-prescribing-gateway"
    keys: KeySet | None = None
    epr_id: str = "northdale-rio-pages"
    launch_secret: str | None = None

    @property
    def redirect_uri(self) -> str:
        return f"{self.gateway}/launch/callback"


@dataclass(frozen=True)
class Context:
    """Who launched, about whom (None: about nobody), and until when what holds it is good (monotonic seconds).

    `app_context` is what a card gave its link, for the app alone to understand.
    """

    hcp: str
    client_id: str | None
    until: float
    app_context: str | None = None
    scopes: frozenset[str] = frozenset()
    challenge: str = ""
    nonce: str | None = None


@dataclass
class Smart:
    """What was given out; all of it ends when the mock restarts."""

    app: App
    key: ECKey
    launches: dict[str, Context] = field(default_factory=dict)
    codes: dict[str, Context] = field(default_factory=dict)
    access: dict[str, Context] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)  # code -> the token it gave, which ends when it comes again

    def launch(self, user: Row, client_id: str | None, base: str, app_context: str | None = None) -> str:
        """The address that opens the app about this client."""
        self._forget()
        opaque = secrets.token_urlsafe(24)
        until = time.monotonic() + LAUNCH_SECONDS
        self.launches[opaque] = Context(user["HCP"], client_id, until, app_context)
        return f"{self.app.gateway}/launch?{urlencode({'iss': f'{base}/FHIR/R4', 'launch': opaque})}"

    def _forget(self) -> None:
        """What is over, so that a mock which runs for weeks does not grow."""
        for held in (self.launches, self.codes, self.access):
            for name in [name for name, one in held.items() if one.until < time.monotonic()]:
                del held[name]
        self.used = {code: token for code, token in self.used.items() if token in self.access}

    def authorize(self, given: dict[str, str], user: Row, base: str) -> str:
        """The code. Raises NotGranted."""
        launch = self.launches.pop(given.get("launch", ""), None)
        if launch is None or launch.until < time.monotonic() or launch.hcp != user["HCP"]:
            raise NotGranted("invalid_request", "This launch is over, was used, or is another user's.")
        if given.get("response_type") != "code" or given.get("aud") != f"{base}/FHIR/R4":
            raise NotGranted("invalid_request", "response_type must be code, and aud this FHIR server.")
        if given.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(given.get("code_challenge", "")):
            raise NotGranted("invalid_request", "PKCE with S256 is needed.")
        if len(given.get("state", "")) < 22:
            raise NotGranted("invalid_request", "state must have 122 bits at least.")
        scopes = frozenset(given.get("scope", "").split()) & SCOPES
        code = secrets.token_urlsafe(24)
        until, challenge = time.monotonic() + CODE_SECONDS, given["code_challenge"]
        self.codes[code] = replace(launch, until=until, scopes=scopes, challenge=challenge, nonce=given.get("nonce"))
        return code

    def redeem(self, form: dict[str, list[str]], issuer: str) -> dict[str, Any]:
        """The answer of the token endpoint. Raises NotGranted."""
        code = form.get("code", [""])[0]
        context = self.codes.pop(code, None)
        if context is None or context.until < time.monotonic():
            self.access.pop(self.used.pop(code, ""), None)
            raise NotGranted("invalid_grant", "The code is unknown, over, or was used before.")
        verifier = form.get("code_verifier", [""])[0]
        if not VERIFIER.fullmatch(verifier):
            raise NotGranted("invalid_grant", "code_verifier must have 43 to 128 characters of RFC 7636.")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if form.get("redirect_uri") != [self.app.redirect_uri] or not secrets.compare_digest(digest, context.challenge):
            raise NotGranted("invalid_grant", "redirect_uri or code_verifier is not that of the code.")
        token = secrets.token_urlsafe(24)
        self.used[code] = token
        self.access[token] = replace(context, until=time.monotonic() + ACCESS_SECONDS)
        answer: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(sorted(context.scopes)),
            "need_patient_banner": True,
        }
        if context.client_id:
            answer["patient"] = context.client_id
        if context.app_context:
            answer["appContext"] = context.app_context
        if "openid" in context.scopes:
            answer["id_token"] = self._id_token(context, issuer)
        return answer

    def _id_token(self, context: Context, issuer: str) -> str:
        moment = int(time.time())
        claims = {
            "iss": issuer,
            "sub": context.hcp,
            "aud": self.app.client_id,
            "iat": moment,
            "exp": moment + 300,
            "fhirUser": f"{issuer}/FHIR/R4/Practitioner/{context.hcp}",
            **({"nonce": context.nonce} if context.nonce else {}),
        }
        return self.sign(claims)

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT (ES384) with the mock's own key."""
        return jwt.encode({"alg": "ES384", "kid": self.key.kid, "typ": "JWT"}, claims, self.key, algorithms=["ES384"])

    def context(self, request: Request) -> Context | None:
        """What the bearer token of a request is good for."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        held = self.access.get(token) if scheme.lower() == "bearer" else None
        return held if held and held.until > time.monotonic() else None


def smart_door(smart: Smart, user_of: Any) -> APIRouter:
    door = APIRouter()

    @door.get("/oauth2/authorize")
    async def authorize(request: Request) -> Response:
        given = dict(request.query_params)
        if given.get("client_id") != smart.app.client_id or given.get("redirect_uri") != smart.app.redirect_uri:
            return PlainTextResponse("This app, or its redirect_uri, is not registered here.", 400)
        user = user_of(request)
        if user is None:
            return PlainTextResponse("Sign in to the record system first.", 401)
        told = {"state": given.get("state", "")}
        try:
            told["code"] = smart.authorize(given, user, base_of(request))
        except NotGranted as why:
            told |= {"error": why.error, "error_description": str(why)}
        return RedirectResponse(f"{smart.app.redirect_uri}?{urlencode(told)}", 303, NO_STORE)

    @door.get("/oauth2/jwks")
    async def keys() -> Response:
        return JSONResponse({"keys": [smart.key.as_dict(private=False)]})

    return door


def new_key() -> ECKey:
    return ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)


def base_of(request: Request) -> str:
    return str(request.base_url).rstrip("/")
