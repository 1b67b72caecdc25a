"""Which web pages may call: those of registered EPRs, from their own origins (CDS Hooks 2.0, CORS)."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cds_hooks.services import PATH
from gateway.parties import Directory


class Cors(CORSMiddleware):
    """Discovery says `*` by itself; what is said here is for the origins that the parties file names."""

    def __init__(self, app: ASGIApp, directory: Directory) -> None:
        shown = ["WWW-Authenticate", "X-Correlation-Id", "X-Request-Id"]
        asked = ["Authorization", "Content-Type", "X-Correlation-Id", "X-Request-Id"]
        super().__init__(app, allow_methods=["GET", "POST"], allow_headers=asked, expose_headers=shown)
        self.directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self.app(scope, receive, send)
            return
        await self.directory.refresh()
        await super().__call__(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        return origin in self.directory.origins
