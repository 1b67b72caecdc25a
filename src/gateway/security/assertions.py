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
    try:
        signed = jws.extract_compact(text.encode())
        header, claims = signed.headers(), json.loads(signed.payload or b"")
        readable = isinstance(claims, dict) and isinstance(header.get("kid"), str)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):  # hostile input raises all of these
        readable = False
    if not readable:
        _refuse("client_assertion must be a JWT whose header has `alg` and `kid` (RFC 7523).")
    if header["alg"] not in ALGORITHMS:
        _refuse(f"The assertion must be signed with one of {', '.join(ALGORITHMS)}.")
    if {"jku", "crit"} & header.keys():
        _refuse("Leave `jku` and `crit` out of the header: keys are registered here, no extension is understood.")
    client_id = claims.get("iss")
    if not isinstance(client_id, str) or claims.get("sub") != client_id:
        _refuse("`iss` and `sub` must both be the client id.")
    client = find_client(client_id)
    if client is None or not _fits(signed, client["jwks"]):
        _refuse(UNPROVEN)
    _check_claims(claims, token_url)
    expires_at = datetime.fromtimestamp(claims["exp"] + LEEWAY_SECONDS, UTC)
    return Proof(client, claims["jti"], expires_at)


def _fits(signed: jws.CompactSignature, jwks: Any) -> bool:
    try:
        return jws.validate_compact(signed, KeySet.import_key_set(jwks), algorithms=ALGORITHMS)
    except (JoseError, ValueError, TypeError):
        return False


def _check_claims(claims: dict[str, Any], token_url: str) -> None:
    moment = time.time()
    aud = claims.get("aud")
    if aud != token_url and not (isinstance(aud, list) and token_url in aud):
        _refuse(f"`aud` must be {token_url}.")
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


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < 1e11  # which NaN, infinity and an int beyond all floats are not


def _refuse(text: str) -> NoReturn:
    raise TokenError("invalid_client", text, 401)
