"""`gateway listen`: asks the sandbox for each push, hands it to an address of yours, and takes the answer back.

The connection goes out from here, so that a laptop behind a firewall is reached. What is handed on is what was signed,
byte for byte.
"""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from adapters.http import DestinationError, Neighbour, Neighbours, check_destination, tls_context
from gateway.sandbox.client import Joined, Trouble

Json = dict[str, Any]

WAIT = 20  # seconds that the sandbox waits for a push before it says that there is none
MOST = 8_000_000
MOST_ANSWER = 1_000_000
TARGET_SECONDS = 13.0  # the sandbox waits a second longer
AT_A_TIME = 8  # as many as the gateway sends to one destination
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
JSON = {"Content-Type": "application/json"}

Tell = Callable[[str], None]


class Listener:
    """Raises Trouble for a target that pushes cannot be handed to."""

    def __init__(self, joined: Joined, forward_to: str, tell: Tell, stop_after: int | None = None) -> None:
        try:
            check_destination(forward_to)
        except DestinationError as refusal:
            raise Trouble(f"--forward-to {forward_to}: {refusal}") from None
        self._target = forward_to.rstrip("/")
        self._targets = Neighbours(TARGET_SECONDS, AT_A_TIME)
        self._sandbox = Neighbour(joined.url, WAIT + 15, AT_A_TIME + 2, tls_context())
        self._place = f"sandbox/tenants/{joined.tenant}/pushes"
        self._headers = {"Authorization": f"Bearer {joined.control_token}"}
        self._name = uuid4()
        self._tell = tell
        self._left = stop_after
        self._handing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until it is cancelled, or has handed on as many as it was asked to. Raises Trouble when the sandbox does not
        know us, or somebody else listens."""
        pause = FIRST_PAUSE
        try:
            while self._left is None or self._left > 0:
                push = await self._ask()
                if push is None:
                    self._tell(f"The sandbox does not answer; asking again in {pause:.1f} s.")
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                    continue
                pause = FIRST_PAUSE
                if push:
                    self._left = None if self._left is None else self._left - 1
                    handing = asyncio.create_task(self._hand_on(push))
                    self._handing.add(handing)
                    handing.add_done_callback(self._handing.discard)
            if self._handing:
                await asyncio.wait(self._handing)
        finally:
            await asyncio.shield(self._stop())

    async def _stop(self) -> None:
        path = f"{self._place}/next?listener={self._name}"
        await self._sandbox.send("DELETE", path, self._headers, None, 1000)
        await self._sandbox.close()
        await self._targets.close()

    async def _ask(self) -> Json | None:
        """The next push, nothing ({}) when none came in time, None when the sandbox does not answer."""
        path = f"{self._place}/next?listener={self._name}&wait={WAIT}"
        reply = await self._sandbox.get(path, self._headers, MOST)
        if reply.phase != "done" or reply.status is None or reply.status >= 500:
            return None
        if reply.status == 204:
            return {}
        try:
            said = json.loads(reply.body)
            if reply.status == 200:
                return dict(said)
            words = str(said["issue"][0]["diagnostics"])
        except (ValueError, KeyError, TypeError, IndexError):
            words = f"The sandbox answered {reply.status}."
        raise Trouble(words)

    async def _hand_on(self, push: Json) -> None:
        number, method, path = push["number"], push["method"], str(push["path"])
        headers = {str(name): str(value) for name, value in push["headers"]}
        body = base64.b64decode(push["body"])
        try:
            reply = await self._targets.exchange(
                self._target, {"private": True}, method, path.lstrip("/"), headers, body or None, MOST_ANSWER
            )
        except DestinationError as refusal:
            self._tell(f"{method} {path}  ->  not sent: {refusal}")
            return
        if reply.phase != "done" or reply.status is None or not 200 <= reply.status <= 599:
            self._tell(f"{method} {path}  ->  no answer ({reply.phase}), {reply.milliseconds} ms; it is tried again")
            return
        hint = "; redirects are not followed" if 300 <= reply.status < 400 else ""
        self._tell(f"{method} {path}  ->  {reply.status}, {reply.milliseconds} ms{hint}")
        answered = {
            "status": reply.status,
            "headers": {
                name: value[:4000]
                for name, value in list(reply.headers.items())[:40]
                if value.isascii() and value.isprintable()
            },
            "body": base64.b64encode(reply.body).decode(),
        }
        content = json.dumps(answered).encode()
        taken = await self._sandbox.post(f"{self._place}/{number}/answer", content, self._headers | JSON)
        if taken.status != 204:
            self._tell(f"{method} {path}  ->  the answer came too late for the sandbox; it is tried again")
