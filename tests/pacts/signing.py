"""What stands between pact's verifier and whoever the gateway tells: a signature is good for five minutes, so that each
request is signed anew on its way. In other languages pact calls this a request filter."""

from datetime import UTC, datetime
from uuid import uuid4

import httpx
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
ANOTHER = "whsec_" + "YW5vdGhlciBzZWNyZXQgdGhhbiB0aGVpcnM="
ORIGIN = "http://signed.example"


class Signing:
    """Passes on to `provider`, signed with `secret` where it was signed."""

    def __init__(self, provider: ASGIApp) -> None:
        self.secret = SECRET
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(provider), base_url=ORIGIN)
        methods = ["GET", "PUT", "POST", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._pass_on, methods=methods)])

    def signed(self, named: str, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        signature = Webhook(self.secret).sign(named, now, body.decode())
        return {
            "webhook-id": named,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }

    async def send(
        self, method: str, path: str, body: bytes = b"", kind: str = "", named: str | None = None
    ) -> httpx.Response:
        """What a state is made of: a request as the gateway's, or one that steers the provider."""
        headers = {"Content-Type": kind, **self.signed(named or str(uuid4()), body)}
        return await self._http.request(method, path, content=body, headers=headers)

    async def _pass_on(self, request: Request) -> Response:
        body = await request.body()
        headers = dict(request.headers)
        if "webhook-signature" in headers:
            headers |= self.signed(headers["webhook-id"], body)
        answer = await self._http.request(request.method, request.url.path, content=body, headers=headers)
        return Response(answer.content, answer.status_code, dict(answer.headers))
