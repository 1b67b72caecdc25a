"""A gateway with something wrong: it may change each request and each answer of a healthy one."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.contract_runner.between import Call, pass_to, read


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refuses(self) -> bool:
        return self.status >= 400

    def saying(self, document: object, status: int | None = None) -> "Answered":
        return replace(self, body=json.dumps(document).encode(), status=status or self.status)


@dataclass
class Fault:
    """Passes everything on as it is; the broken ones override `answer`."""

    app: ASGIApp
    seen: dict[str, Any] = field(default_factory=dict)  # what it remembers from one request to the next

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = await self.answer(await read(scope, receive))
        await Response(answered.body, answered.status, answered.headers)(scope, receive, send)

    async def answer(self, asked: Call) -> Answered:
        return await self.ask(asked)

    async def ask(self, asked: Call) -> Answered:
        """What the healthy one answers."""
        answer = await pass_to(self.app, asked)
        kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Answered(answer.status_code, kept, bytes(answer.body))
