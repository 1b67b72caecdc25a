"""What the referrer changes later: further versions of what is stored, and what they mean for referrals."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival, Gateway
from gateway.security import Caller
from gateway.store.resources import save_version
from gateway.telemetry import RequestContext


def touches_stored(arrival: Arrival) -> bool:
    """Whether the request changes, or is about, something that is stored already."""
    return bool(arrival.revisions)


async def revise(
    connection: AsyncConnection,
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    arrival: Arrival,
    at: datetime,
) -> None:
    """Stores the further versions in the request's transaction. Raises IntegrityError when one is there already."""
    for revision in arrival.revisions:
        await save_version(connection, caller.organisation, revision.kept, revision.before)
