"""The client's side of SMART Backend Services: for the command line, the demo and the tests."""

import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, import_key

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Jwk = dict[str, Any]


def assertion(client_id: str, private_key: Jwk, token_url: str, alg: str | None = None) -> str:
    """A client assertion (RFC 7523), good once and for a minute. Unless told, `alg` is ES384 or RS384, by the key."""
    key = import_key(private_key)
    moment = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_url,
        "iat": moment,
        "exp": moment + 60,
        "jti": str(uuid4()),
    }
    alg = alg or ("ES384" if isinstance(key, ECKey) else "RS384")
    return jwt.encode({"alg": alg, "kid": private_key["kid"]}, claims, key, algorithms=[alg])


def token_request(client_id: str, private_key: Jwk, token_url: str, scope: str | None = None) -> dict[str, str]:
    """The form to post to the token address; without `scope` it asks for all that is registered."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(client_id, private_key, token_url),
    }
    return form | {"scope": scope} if scope else form


def fetch_token(base_url: str, client_id: str, private_key: Jwk, scope: str | None = None) -> dict[str, Any]:
    """Asks a running gateway for a token and returns its answer: access_token, token_type, expires_in (s), scope.

    Blocks. Raises PermissionError with the gateway's reason when it refuses, URLError when it cannot be reached.
    """
    token_url = f"{base_url}/oauth2/token"
    form = urlencode(token_request(client_id, private_key, token_url, scope)).encode()
    try:
        with urllib.request.urlopen(token_url, form, timeout=10) as response:  # noqa: S310 - our own base_url
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise PermissionError(refusal.read().decode()) from None
