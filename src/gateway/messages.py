"""What was received, byte for byte, and what was answered: so that the same request again gets the same answer."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from starlette.responses import Response

from gateway.errors import FHIR_JSON, Conflict
from gateway.ids import new_id, next_moment
from gateway.security import Caller
from gateway.store.engine import Store
from gateway.store.schema import message
from gateway.telemetry import RequestContext


@dataclass(frozen=True, slots=True)
class Received:
    """A request that changes something. `action` is its method and route, without identifiers; `kept` what is stored
    of the body where that is not all of it (gateway.privacy)."""

    action: str
    path: str
    body: bytes
    kept: bytes | None = None
    id: str = field(default_factory=new_id)
    at: datetime = field(default_factory=next_moment)

    @property
    def stored(self) -> bytes:
        return self.body if self.kept is None else self.kept

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.action} {self.path}\n".encode() + self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, now and to each retry. `target` is the Type/id that the audit names; `audited` whether its
    row was written with the change."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    target: str | None = None
    audited: bool = False

    def response(self) -> Response:
        return Response(self.body, self.status, self.headers, FHIR_JSON)


def message_row(caller: Caller, context: RequestContext, received: Received, answer: Answer) -> dict[str, Any]:
    return {
        "organisation": caller.organisation,
        "id": received.id,
        "client_id": caller.client_id,
        "request_id": context.request_id,
        "correlation_id": context.correlation_id,
        "received_at": received.at,
        "digest": received.digest,
        "body": received.stored.decode(),
        "status": answer.status,
        "headers": orjson.dumps(answer.headers).decode(),
        "answer": answer.body.decode(),
    }


async def first_answer(store: Store, caller: Caller, context: RequestContext, received: Received) -> Answer | None:
    """The answer given to this X-Request-Id before; None when it is new.

    Raises Conflict (409) when the id was used for something else; not Duplicate, which BaRS senders read as success.
    """
    async with store.reading() as connection:
        row = (
            await connection.execute(
                select(message.c.digest, message.c.status, message.c.headers, message.c.answer).where(
                    message.c.organisation == caller.organisation,
                    message.c.client_id == caller.client_id,
                    message.c.request_id == context.request_id,
                )
            )
        ).one_or_none()
    if row is None:
        return None
    if row.digest != received.digest:
        raise Conflict("This X-Request-Id was used before, for another request. Each new request needs a new UUID.")
    return Answer(row.status, row.answer.encode(), orjson.loads(row.headers))


async def message_of(store: Store, organisation: str, message_id: str) -> tuple[bytes, Answer]:
    """A stored message: its body as received, and the answer given to it."""
    async with store.reading() as connection:
        row = (
            await connection.execute(
                select(message.c.body, message.c.status, message.c.headers, message.c.answer).where(
                    message.c.organisation == organisation, message.c.id == message_id
                )
            )
        ).one()
    return row.body.encode(), Answer(row.status, row.answer.encode(), orjson.loads(row.headers))
