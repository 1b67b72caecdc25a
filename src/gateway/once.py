"""A change asked for by a request that may come again: done once, answered each time alike."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit import audit_row
from gateway.errors import GatewayError
from gateway.messages import Answer, Received, first_answer, message_row
from gateway.security import Caller
from gateway.store.engine import Store
from gateway.store.referrals import insert
from gateway.store.schema import audit, message
from gateway.telemetry import RequestContext


async def once(
    store: Store,
    caller: Caller,
    context: RequestContext,
    received: Received,
    change: Callable[[AsyncConnection], Awaitable[Answer]],
) -> Answer:
    """Makes the change in one transaction with the message and the audit row, and gives its answer once all is durable.

    The same request again (X-Request-Id and body) gets the first answer and changes nothing. Raises what `change`
    raises; Conflict when the X-Request-Id was used for something else.
    """
    if first := await first_answer(store, caller, context, received):
        return first
    try:
        async with store.transaction() as connection:
            given = await change(connection)
            rows = [
                (message, [message_row(caller, context, received, given)]),
                (audit, [audit_row(caller, context, received.action, given.target, given.status)]),
            ]
            await insert(connection, rows)
            return replace(given, audited=True)
    except (IntegrityError, GatewayError):
        first = await first_answer(store, caller, context, received)  # this very request may have come twice at once
        if first is None:
            raise
        return first
