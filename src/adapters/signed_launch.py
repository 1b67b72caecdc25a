"""How an EPR without SMART signs the address with which it opens our pages."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode


def sign(secret: str, given: Mapping[str, str]) -> str:
    """The signature: HMAC-SHA256 with the decoded secret (whsec_...) over the parameters, sorted by name and encoded as
    a form, base64url without padding."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, urlencode(sorted(given.items())).encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
