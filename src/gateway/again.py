"""A request that others got in the way of is carried out again, here, as its sender would send it again."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Contended
from gateway.store.engine import is_contended

TRIES = 4


class Again:
    """ASGI middleware. Contended says that nothing was kept: so the same is judged anew, by what is stored then and
    with the time of then, up to TRIES times in all."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        heard: list[Message] = []
        for left in reversed(range(TRIES)):
            if await self._try(scope, _from_the_start(heard, receive), send, last=left == 0):
                return

    async def _try(self, scope: Scope, receive: Receive, send: Send, *, last: bool) -> bool:
        """Whether it was answered."""
        state, contended = scope["state"], False
        state.pop("refused", None)

        async def send_unless_contended(message: Message) -> None:
            nonlocal contended
            contended = contended or (isinstance(state.get("refused"), Contended) and not last)
            if not contended:
                await send(message)

        try:
            await self.app(scope, receive, send_unless_contended)
        except Exception as trouble:
            if last or not is_contended(trouble):
                raise
            return False
        return not contended


def _from_the_start(heard: list[Message], receive: Receive) -> Receive:
    """What was received before, then what comes."""
    place = 0

    async def replay() -> Message:
        nonlocal place
        if place == len(heard):
            heard.append(await receive())
        place += 1
        return heard[place - 1]

    return replay
