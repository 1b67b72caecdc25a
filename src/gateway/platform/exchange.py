"""What every request of the platform side goes through first: who, for which hubs, which referral, which version."""

import re
from dataclasses import dataclass
from typing import Annotated

import jiter
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from gateway.arrival import Gateway
from gateway.errors import BadRequest, Forbidden, NotFound, Unreadable
from gateway.security import Caller
from gateway.store import referrals
from gateway.store.referrals import Stored
from gateway.telemetry import RequestContext

ID = re.compile(r"[0-9a-f-]{36}")
ETAG = re.compile(r'W/"([0-9]{1,9})"')

Bearer = Depends(HTTPBearer(auto_error=False, description="An access token from /oauth2/token."))  # for the contract


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, with what it needs at hand."""

    request: Request
    gateway: Gateway
    caller: Caller
    context: RequestContext

    async def sender(self, referral_id: str) -> str:
        """The organisation that sent the referral. Raises NotFound unless it went to one of the caller's hubs."""
        if not ID.fullmatch(referral_id):
            raise NotFound
        async with self.gateway.store.reading() as connection:
            organisation = await referrals.sender_of(connection, referral_id, self.caller.hubs)
        if organisation is None:
            raise NotFound("No hub that you work for has a referral of this id.")
        return organisation

    async def stored(self, referral_id: str) -> Stored:
        """Raises NotFound as `sender` does."""
        organisation = await self.sender(referral_id)
        async with self.gateway.store.reading() as connection:
            stored = await referrals.load(connection, organisation, referral_id)
        if stored is None:
            raise NotFound
        return stored

    @property
    def expected(self) -> int | None:
        """The version in If-Match; None when any will do."""
        given = self.request.headers.get("if-match", "*").strip()
        if given == "*":
            return None
        version = ETAG.fullmatch(given)
        if not version:
            raise BadRequest('If-Match takes the ETag of the referral as it was given, e.g. W/"3".')
        return int(version[1])


def _open(request: Request, scope: str) -> Exchange:
    state = request.app.state
    caller: Caller = state.gatekeeper.caller(request.headers.get("authorization"))
    request.state.caller = caller
    if caller.role != "platform":
        raise Forbidden("This door is for social prescribing platforms. EPRs use /FHIR/R4.")
    if not caller.allows(scope):
        raise Forbidden(f"This needs the scope {scope}, which your token does not have.")
    return Exchange(request, state.gateway, caller, request.state.context)


async def _to_read(request: Request) -> Exchange:
    return _open(request, "platform/referrals.read")


async def _to_read_deliveries(request: Request) -> Exchange:
    return _open(request, "platform/deliveries.read")


async def _to_write(request: Request) -> Exchange:
    exchange = _open(request, "platform/referrals.write")
    try:
        jiter.from_json(await request.body(), catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:  # what FastAPI reads all the same: UTF-16, one key twice
        raise Unreadable("The body must be one JSON object in UTF-8 that says each key once.") from None
    return exchange


ToRead = Annotated[Exchange, Depends(_to_read)]
ToReadDeliveries = Annotated[Exchange, Depends(_to_read_deliveries)]
ToWrite = Annotated[Exchange, Depends(_to_write)]
