"""Makes happen what somebody wants of a referral: one legal move after the other, each through its own use case."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from gateway.changes import Change
from gateway.errors import BadRequest, GatewayError, NotFound
from gateway.ids import is_reference, new_id, now
from gateway.lateness import say_undelivered
from gateway.messages import Answer, Received
from gateway.platform.exchange import ID
from gateway.record import record
from gateway.sandbox.deeds import Deed
from gateway.sandbox.events import EVENTS, OF_PRESCRIPTION, event_towards
from gateway.sandbox.parties import EPR, HUB, TRUST
from gateway.sandbox.passing import let_pass
from gateway.sandbox.player import AS_PLATFORM
from gateway.sandbox.tenant import Tenant
from gateway.sandbox.walk import STATUSES, towards
from gateway.security import Caller
from gateway.store import referrals
from gateway.store.referrals import Stored
from gateway.telemetry import RequestContext

Json = dict[str, Any]

MOST_DEEDS = 40
AS_EPR = Caller(EPR, TRUST, "epr", frozenset({"system/*.crus"}))


async def trigger(tenant: Tenant, wanted: str, reference: str) -> Json:
    """Brings the referral to a status, or makes an event happen. Returns {referral, status, done, refused}: `done` are
    the deeds in words, `refused` is why it went no further (None: all of it happened).

    Raises BadRequest for a word that is neither, NotFound for a referral that is not here.
    """
    if wanted not in {*STATUSES, *EVENTS, *OF_PRESCRIPTION}:
        raise BadRequest(
            f"There is no status or event of this name. A status is one of {', '.join(STATUSES)}; an event one of "
            f"{', '.join([*EVENTS, *OF_PRESCRIPTION])}.",
            expression="status",
        )
    done: list[str] = []
    refused: str | None = None
    async with tenant.changing:  # a reset waits until it is over
        await tenant.start()
        with tenant.on_its_clock():
            stored = await _find(tenant, reference)
            try:
                is_over = False
                while not is_over and len(done) < MOST_DEEDS:
                    deed, is_over = _next(stored, wanted)
                    if deed:
                        await _do(tenant, stored, deed)
                        done.append(deed.words)
                        stored = await _find(tenant, reference)
            except GatewayError as refusal:
                refused = refusal.issues[0].text
    tenant.news.set()
    return {"referral": stored.standing.reference, "status": stored.standing.status, "done": done, "refused": refused}


def _next(stored: Stored, wanted: str) -> tuple[Deed | None, bool]:
    """The next deed, and whether all has happened with it."""
    if wanted in STATUSES:
        deed = towards(stored.standing, wanted, now())
        return deed, deed is None
    return event_towards(stored.standing, wanted, now())


async def _do(tenant: Tenant, stored: Stored, deed: Deed) -> None:
    if deed.passes > timedelta(0):
        await let_pass(tenant, deed.passes)
    elif deed.change is not None and deed.by == "system":
        await _as_the_gateway(tenant, stored, now())
    elif deed.change is not None:
        await _record(tenant, stored, deed.change, AS_EPR if deed.by == "epr" else AS_PLATFORM)


async def _record(tenant: Tenant, stored: Stored, change: Change, caller: Caller) -> None:
    context = RequestContext(str(uuid4()), stored.row["correlation_id"])
    received = Received("POST /sandbox/trigger", f"/sandbox/trigger/{new_id()}", b"")
    store, id_ = tenant.gateway.store, stored.row["id"]
    await record(store, caller, context, stored.row["organisation"], id_, change, received, lambda _: Answer(200, b""))


async def _as_the_gateway(tenant: Tenant, stored: Stored, at: datetime) -> None:
    """As when the hub's own system could not be told."""
    async with tenant.gateway.store.transaction() as connection:
        before = await referrals.load(connection, stored.row["organisation"], stored.row["id"], lock=True)
        if before:
            await say_undelivered(connection, before, {"hub": at})


async def _find(tenant: Tenant, reference: str) -> Stored:
    """By its reference (SP-...), or the id of its Task. Raises NotFound."""
    async with tenant.gateway.store.reading() as connection:
        id_ = reference if ID.fullmatch(reference) else None
        if is_reference(reference):
            digits = reference.removeprefix("SP-").replace("-", "")
            named = f"SP-{digits[:4]}-{digits[4:8]}-{digits[8:]}"
            id_ = await referrals.id_of(connection, TRUST, named)
        stored = await referrals.load(connection, TRUST, id_) if id_ else None
    if stored is None or stored.row["hub_id"] != HUB:
        raise NotFound(
            "This tenant has no such referral. Give its reference (SP-....-....-....) or the id of its Task."
        )
    return stored
