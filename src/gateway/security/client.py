"""The client's side of our own token address: for the command line, the demo and the tests."""

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from adapters.oauth import Jwk, token_request


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
