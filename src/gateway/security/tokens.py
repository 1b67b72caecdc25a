"""Our own access tokens: what is in one, and who holds it."""

import time
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from gateway.errors import Unauthorised
from gateway.scopes import covers

MOST_REMEMBERED = 10_000  # tokens; about 10 MB


@dataclass(frozen=True, slots=True)
class Caller:
    """The system that calls, for the organisation it is registered with; `person` when it says who sits in front."""

    client_id: str
    organisation: str
    role: str
    scopes: frozenset[str]
    hubs: frozenset[str] = frozenset()
    person: str | None = None

    def allows(self, scope: str) -> bool:
        """Whether the token holds all of this scope, e.g. system/ServiceRequest.c or platform/referrals.read."""
        return covers(self.scopes, scope)


class Gatekeeper:
    """Issues access tokens (JWT, HS256) and says who holds one. All processes with the same secret agree."""

    def __init__(self, secret: str, issuer: str, token_seconds: int = 300) -> None:
        self.issuer = issuer
        self.token_seconds = token_seconds
        self._key = OctKey.import_key(secret)
        self._known: dict[str, tuple[Caller, int]] = {}

    def issue(self, caller: Caller) -> str:
        """A token good for `token_seconds`."""
        moment = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": caller.client_id,
            "org": caller.organisation,
            "role": caller.role,
            "scope": " ".join(sorted(caller.scopes)),
            "hubs": sorted(caller.hubs),
            "iat": moment,
            "exp": moment + self.token_seconds,
        }
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    def caller(self, authorization: str | None) -> Caller:
        """Who sent this Authorization header. Raises Unauthorised.

        A header seen before is not verified again until its token expires: every request comes through here.
        """
        known = self._known.get(authorization or "")
        if known and time.time() < known[1]:
            return known[0]
        return self._verify(authorization)

    def _verify(self, authorization: str | None) -> Caller:
        if not authorization:
            raise Unauthorised()
        scheme, _, token = authorization.partition(" ")
        if scheme.casefold() != "bearer" or not token.strip():
            raise _bad_token("The Authorization header must read: Bearer, a space, and a token from /oauth2/token.")
        try:
            claims = jwt.decode(token.strip(), self._key, algorithms=["HS256"]).claims
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):  # hostile input raises all of these
            claims = {}
        if claims.get("iss") != self.issuer:
            raise _bad_token("This token is not one of ours, or was changed. Get a new one from /oauth2/token.")
        if time.time() >= claims["exp"]:
            raise _bad_token("This token has expired. Get a new one from /oauth2/token.")
        caller = Caller(
            client_id=claims["sub"],
            organisation=claims["org"],
            role=claims["role"],
            scopes=frozenset(claims["scope"].split()),
            hubs=frozenset(claims["hubs"]),
        )
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()  # verifying the live ones again costs less than finding the dead
        self._known[authorization] = (caller, claims["exp"])
        return caller


def _bad_token(text: str) -> Unauthorised:
    return Unauthorised(text, challenge='Bearer realm="gateway", error="invalid_token"')  # RFC 6750, 3.1
