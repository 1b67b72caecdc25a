"""Where a tenant's updates arrive: at the engineer's laptop while `gateway listen` runs, else here.

The gateway sends them as to any EPR: over HTTP, signed, tried again. What the laptop answers is what it is answered.
"""

import asyncio
import base64
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import JSONDecodeError
from typing import Any

import orjson
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from gateway.errors import FHIR_JSON, Conflict, GatewayError, NotFound, Unauthorised, Unreadable, VersionConflict
from gateway.ids import instant
from gateway.sandbox.scenarios import Scenario

MOST_KEPT = 300
SEND_SECONDS = 15.0  # that the worker waits for an answer, as everywhere
PATIENCE = SEND_SECONDS - 1  # seconds that the laptop has for its own
GRACE = 3.0  # seconds between two questions of a listener that still count as listening
HOLD = 60.0  # seconds that a push nobody answers is held, unless the worker gives up first
MOST_BODY = 1_000_000
# Of one connection, not of the message (RFC 9110, 7.6.1); who sends on says them for itself.
HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "keep-alive"}
NO_CONTENT = {204, 304}  # what follows such a head would be taken for the next answer (RFC 9112, 6.3)


class RefusedPush(GatewayError):
    """What a scenario makes the sandbox's receiver say, or its end."""

    code, nhs_code = "business-rule", "REC_UNPROCESSABLE_ENTITY"

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status  # type: ignore[misc]  # each scenario has its own


@dataclass
class Push:
    """One update as it came, byte for byte. `taken_by`: listener, sandbox or nobody; `is_late`: for the listener."""

    number: int
    at: str
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    taken_by: str = "nobody"
    status: int | None = None
    milliseconds: int = 0
    is_late: bool = False
    answered: "asyncio.Future[Response]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def shown(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "headers": dict(self.headers),
            "body": self.body.decode("utf-8", "replace"),
            "taken_by": self.taken_by,
            "status": self.status,
            "milliseconds": self.milliseconds,
        }

    def sent_on(self) -> dict[str, Any]:
        """As a listener gets it: the body exactly, for its signature."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": base64.b64encode(self.body).decode(),
        }


class Pushes:
    """The updates of one tenant. `scenario_of` finds the scenario of the person a Task id is about."""

    def __init__(self, secret: str, scenario_of: Callable[[str], Awaitable[Scenario | None]]) -> None:
        self._webhook = Webhook(secret)
        self._scenario_of = scenario_of
        self.kept: deque[Push] = deque(maxlen=MOST_KEPT)
        self._count = 0
        self._held: dict[str, tuple[int, bytes]] = {}  # Task id -> the newest version that the sandbox has taken
        self._waiting: asyncio.Queue[Push] = asyncio.Queue()
        self._open: dict[int, Push] = {}
        self._listener: str | None = None
        self._listens_until = 0.0

    @property
    def is_listened_to(self) -> bool:
        return time.monotonic() < self._listens_until

    async def arrive(self, request: Request, task_id: str) -> Response:
        """Takes PUT and GET of a Task. Raises Unauthorised for what is not signed by this tenant's gateway."""
        started = time.monotonic()
        body = await request.body()
        headers = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
        if request.method == "PUT":
            self._verify(body, dict(headers))
        self._count += 1
        moment = datetime.now(UTC)
        push = Push(self._count, instant(moment), request.method, f"/Task/{task_id}", headers, body)
        self.kept.append(push)
        try:
            if self.is_listened_to:
                return await self._send_on(push, request.receive)
            push.taken_by = "sandbox"
            answer = await self._take(push, task_id)
            push.status = answer.status_code
            return answer
        except GatewayError as refusal:
            push.status = refusal.status
            raise
        finally:
            push.milliseconds = round((time.monotonic() - started) * 1000)

    def _verify(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            self._webhook.verify(body, headers)
        except JSONDecodeError:  # signed, and read all the same by the library
            raise Unreadable("The body is not JSON.") from None
        except (WebhookVerificationError, ValueError):
            raise Unauthorised("Only what the sandbox has signed is taken here (Standard Webhooks).") from None

    async def _send_on(self, push: Push, receive: Receive) -> Response:
        self._open[push.number] = push
        self._waiting.put_nowait(push)
        gone = asyncio.create_task(_wait_until_gone(receive, HOLD))
        either: list[asyncio.Future[Any]] = [push.answered, gone]
        try:
            await asyncio.wait(either, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            push.is_late = True  # a receiver that is dead says nothing, and an answer of ours would be one
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not push.answered.done():
                return Response(status_code=504)
            answer = push.answered.result()
            push.taken_by, push.status = "listener", answer.status_code
            return answer
        finally:
            gone.cancel()
            push.is_late = True
            self._open.pop(push.number, None)

    async def _take(self, push: Push, task_id: str) -> Response:
        """As any EPR must (src/adapters/rio/README.md, R1 to R10)."""
        held = self._held.get(task_id)
        if push.method == "GET":
            if held is None:
                raise NotFound("No version of this Task was taken.")
            return Response(held[1], 200, {"ETag": f'W/"{held[0]}"'}, FHIR_JSON)
        scenario = await self._scenario_of(task_id)
        if scenario and scenario.pushes:
            raise RefusedPush(scenario.pushes.status, scenario.pushes.text)
        version = _version_of(push.body, task_id)
        if held and version == held[0]:
            return Response(status_code=200)
        if held and version < held[0]:
            raise Conflict("A later version of this Task was taken before.")
        wanted = dict(push.headers).get("if-match")
        if wanted and (held is None or wanted != f'W/"{held[0]}"'):
            raise VersionConflict
        self._held[task_id] = (version, push.body)
        return Response(status_code=200 if held else 201)

    async def next_for(self, listener: str, seconds: float, receive: Receive) -> Push | None:
        """The next update for this listener, waited for so long. Raises Conflict while another one listens."""
        if self.is_listened_to and self._listener != listener:
            raise Conflict("Another `gateway listen` takes this sandbox's updates. Stop it first.")
        self._listener, self._listens_until = listener, time.monotonic() + seconds + GRACE
        came = asyncio.create_task(self._next_open())
        gone = asyncio.create_task(_wait_until_gone(receive, seconds))
        try:
            await asyncio.wait([came, gone], return_when=asyncio.FIRST_COMPLETED)
            here = not (gone.done() and gone.result())
            if came.done() and not here:  # for whoever asks next
                self._waiting.put_nowait(came.result())
            return came.result() if came.done() and here else None
        finally:
            came.cancel()
            gone.cancel()
            if self._listener == listener:  # it has not stopped meanwhile
                self._listens_until = time.monotonic() + GRACE

    async def _next_open(self) -> Push:
        """The next that is still waited for."""
        while (push := await self._waiting.get()).is_late:
            pass
        return push

    def stop_listening(self, listener: str) -> None:
        if self._listener == listener:
            self._listener, self._listens_until = None, 0.0

    def answer(self, number: int, status: int, headers: dict[str, str], body: bytes) -> None:
        """What the listener's target has answered. Raises NotFound when nobody waits for it any more."""
        push = self._open.get(number)
        if push is None or push.is_late or push.answered.done():
            raise NotFound("Nobody waits for this answer any more.")
        sent = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        body = b"" if status in NO_CONTENT else body
        push.answered.set_result(Response(body, status, sent))

    def release(self) -> None:
        """Those whom the listener has not answered are not held any longer: it is tried again."""
        for push in self._open.values():
            if not push.answered.done():
                push.answered.set_exception(RefusedPush(503, "The sandbox stops, and the listener has not answered."))

    def clear(self) -> None:
        """Forgets what was taken. Whoever listens goes on, and numbers are not given twice."""
        self.kept.clear()
        self._held.clear()


def _version_of(body: bytes, task_id: str) -> int:
    """Raises Unreadable for what is not this Task."""
    try:
        task = orjson.loads(body)
        if task["resourceType"] == "Task" and task["id"] == task_id:
            return int(task["meta"]["versionId"])
    except (ValueError, KeyError, TypeError):
        pass
    raise Unreadable("The body must be the Task of this address, with its version.")


async def _wait_until_gone(receive: Receive, seconds: float) -> bool:
    """Whether whoever asks has gone away, within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True
