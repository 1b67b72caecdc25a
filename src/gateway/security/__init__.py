"""Who is calling, and what they may do: `private_key_jwt` (SMART Backend Services) in, short-lived tokens out."""

from adapters.oauth import assertion, token_request
from gateway.security.client import fetch_token
from gateway.security.sealing import Seal
from gateway.security.secret_file import read_or_make, token_secret
from gateway.security.token_endpoint import smart_configuration, token_endpoint
from gateway.security.tokens import Caller, Gatekeeper

__all__ = [
    "Caller",
    "Gatekeeper",
    "Seal",
    "assertion",
    "fetch_token",
    "read_or_make",
    "smart_configuration",
    "token_endpoint",
    "token_request",
    "token_secret",
]
