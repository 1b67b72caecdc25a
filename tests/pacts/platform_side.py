"""A platform that hears of changes, as small as it can be: it stands for yours. The check is the one that
src/adapters/webhook/README.md shows."""

import json
import re
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

README = Path(__file__).parents[2] / "src/adapters/webhook/README.md"


def is_ours() -> Any:
    """The function of the README."""
    [snippet] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    room: dict[str, Any] = {}
    exec(snippet, room)
    return room["is_ours"]


def platform(secret: str) -> tuple[Starlette, list[str]]:
    """The platform, and the ids of the events that it has acted on."""
    check = is_ours()
    acted_on: list[str] = []

    async def take(request: Request) -> Response:
        body = await request.body()
        if not check(secret, request.headers, body):
            return Response(status_code=401)
        if (named := json.loads(body)["id"]) not in acted_on:
            acted_on.append(named)
        return Response(status_code=204)

    return Starlette(routes=[Route("/hooks/referrals", take, methods=["POST"])]), acted_on
