"""Under which path this gateway stands. GATEWAY_BASE_URL may have one, such as https://trust.example/prescribing: what
is in front takes it off each request, and the links, redirects and cookies of our pages put it on again."""

from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

_prefix: ContextVar[str] = ContextVar("prefix", default="")


def here(path: str) -> str:
    """The path, as a browser must ask for it: here("/app/deliveries")."""
    return _prefix.get() + path


def prefix_of(base_url: str) -> str:
    """The path of a base URL, without a slash at its end; mostly none."""
    return urlsplit(base_url).path.rstrip("/")


class Prefixed:
    """ASGI middleware: whatever is answered in here stands under this prefix."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _prefix.set(self.prefix)
        try:
            await self.app(scope, receive, send)
        finally:
            _prefix.reset(token)
