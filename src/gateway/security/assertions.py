"""Checks a client assertion: SMART Backend Services ("Protocol details"), RFC 7523, and RS512 as the NHS signs."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ("RS384", "ES384", "RS512")
LONGEST_SECONDS = 300
LEEWAY_SECONDS = 10  # for clocks that do not quite agree

UNPROVEN = (
    "The client is not registered here, or `kid` names none of its registered keys, "
    "or the signature does not fit the key."
)


class TokenError(Exception):
    """No token; `error` is a code of RFC 6749, 5.2, the text says what to do."""

    def __init__(self, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.error = error
        self.status = status


@dataclass(frozen=True, slots=True)
class Proof:
    """A client that has proven who it is; the `jti` must not be taken again before `expires_at`."""

    client: dict[str, Any]
    jti: str
    expires_at: datetime


def check_assertion(text: str, find_client: Callable[[str], dict[str, Any] | None], token_url: str) -> Proof:
    """Raises TokenError("invalid_client").

    What depends on the registered client gets one answer whatever is wrong (no oracle for client ids and keys), until
    the signature has shown who asks; then the answers are exact.
    """
    signed, claims = read_signed(text, "client_assertion")
    if "jku" in signed.headers():
        _refuse("Leave `jku` out of the header: keys are registered here.")
    client_id = claims.get("iss")
    if not isinstance(client_id, str) or claims.get("sub") != client_id:
        _refuse("`iss` and `sub` must both be the client id.")
    client = find_client(client_id)
    if client is None or not is_signed_by(signed, client["jwks"]):
        _refuse(UNPROVEN)
    expires_at = check_claims(claims, token_url)
    return Proof(client, claims["jti"], expires_at)


def read_signed(text: str, what: str) -> tuple[jws.CompactSignature, dict[str, Any]]:
    """A JWT and its claims, of which nothing is proven yet; `what` is its name in what the caller is told. Raises
    TokenError, also for algorithms that are weak, secret or none."""
    try:
        signed = jws.extract_compact(text.encode())
        header, claims = signed.headers(), json.loads(signed.payload or b"")
        readable = isinstance(claims, dict) and isinstance(header.get("kid"), str)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):  # hostile input raises all of these
        readable = False
    if not readable:
        _refuse(f"{what} must be a JWT whose header has `alg` and `kid` (RFC 7523).")
    if header["alg"] not in ALGORITHMS:
        _refuse(f"The assertion must be signed with one of {', '.join(ALGORITHMS)}.")
    if "crit" in header:
        _refuse("Leave `crit` out of the header: no extension is understood.")
    return signed, claims


def is_signed_by(signed: jws.CompactSignature, jwks: Any) -> bool:
    """Whether the key of this set that `kid` names made the signature."""
    try:
        return jws.validate_compact(signed, KeySet.import_key_set(jwks), algorithms=ALGORITHMS)
    except (JoseError, ValueError, TypeError):
        return False


def check_claims(claims: dict[str, Any], *audience: str) -> datetime:
    """Until when the `jti` must not be taken again. Raises TokenError unless the JWT is meant for one of these
    addresses, now."""
    moment = time.time()
    aud = claims.get("aud")
    if not any(one in audience for one in (aud if isinstance(aud, list) else [aud])):
        _refuse(f"`aud` must be {audience[0]}.")
    exp = claims.get("exp", "")
    if not _is_time(exp):
        _refuse("`exp` is missing or not a number of seconds since 1970.")
    if exp <= moment:
        _refuse("The assertion has expired (`exp`). Sign a new one for each token, and compare your clock with ours.")
    if exp > moment + LONGEST_SECONDS + LEEWAY_SECONDS:
        _refuse("`exp` may be 5 minutes ahead at most.")
    for name in ("iat", "nbf"):
        if name in claims and not (_is_time(claims[name]) and claims[name] <= moment + LEEWAY_SECONDS):
            _refuse(f"`{name}` is in the future or not a number of seconds since 1970. Compare your clock with ours.")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255 or not jti.isprintable():
        _refuse("`jti` must be a text of 1 to 255 characters, new for each assertion, e.g. a UUID.")
    return datetime.fromtimestamp(exp + LEEWAY_SECONDS, UTC)


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < 1e11  # which NaN, infinity and an int beyond all floats are not


def _refuse(text: str) -> NoReturn:
    raise TokenError("invalid_client", text, 401)
