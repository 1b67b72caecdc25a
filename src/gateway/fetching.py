"""The worker that fetches: for each Task whose request stands on its sender's server, reads it and what belongs to it
from there, and has it accepted as if the sender had sent it.

No database session is open while a server is called. Retries live in rows: a worker that dies loses nothing, its
leases run out, and only who still holds the lease can store what came of it.
"""

import asyncio
import random
import ssl
from collections import Counter
from copy import deepcopy
from datetime import timedelta
from uuid import uuid4

import structlog

from adapters.http import tls_context
from adapters.source.address import locate
from adapters.source.client import NotFetched, Source
from gateway.arrival import Arrival, Gateway
from gateway.awaited import current_task
from gateway.delivery import LONGEST_PAUSE, seconds_until
from gateway.details import Try, become_referral, drop, give_up, refuse, try_again
from gateway.errors import GatewayError
from gateway.gathering import arrival_of, collect
from gateway.ids import now
from gateway.security import Caller
from gateway.store.fetches import Claimed, claim, next_due
from gateway.store.resources import Resource
from gateway.store.wake import first_of
from gateway.telemetry import RequestContext
from mappings.to_task import as_sent

PLACES = 4  # fetches at a time for one organisation: what its servers lack in speed holds back no other's
READS = 4  # a whole referral may take as long as so many resources at their slowest

log = structlog.get_logger()


async def run(gateway: Gateway, stop: asyncio.Event) -> None:
    """Fetches until `stop` is set, then lets what is under way come to its end."""
    tls = tls_context()
    taken: Counter[str] = Counter()
    pause = gateway.settings.poll_seconds
    async with asyncio.TaskGroup() as under_way:
        while not stop.is_set():
            gateway.store.to_fetch.clear()  # before the look, so that no news is missed
            try:
                wait = await _start_due(gateway, tls, taken, under_way)
                pause = gateway.settings.poll_seconds
            except Exception as trouble:
                log.error("fetches cannot be claimed", error=type(trouble).__name__, pause_seconds=pause)
                wait = pause = min(pause * 2, LONGEST_PAUSE)
            if wait > 0:
                await first_of(wait, stop, gateway.store.to_fetch)


async def _start_due(gateway: Gateway, tls: ssl.SSLContext, taken: Counter[str], under_way: asyncio.TaskGroup) -> float:
    """Starts what is due. Returns the seconds until there may be more."""
    busy = [organisation for organisation, count in taken.items() if count >= PLACES]
    due_at = await next_due(gateway.store, busy)
    if due_at is None or due_at > now():
        return min(gateway.settings.poll_seconds, seconds_until(due_at) if due_at else LONGEST_PAUSE)
    claimed = await claim(gateway.store, 2 * _longest(gateway), PLACES, busy)

    async def work(one: Claimed) -> None:
        try:
            await fetch(gateway, one, tls)
        except Exception as trouble:  # its lease runs out, then it is tried again
            log.error("fetch crashed", task=one.task_id, error=type(trouble).__name__)
        finally:
            taken[one.organisation] -= 1
            gateway.store.to_fetch.set()

    for one in claimed:
        taken[one.organisation] += 1
        under_way.create_task(work(one))
    return 0 if claimed else gateway.settings.poll_seconds


def _longest(gateway: Gateway) -> float:
    return READS * gateway.settings.fetch_timeout_seconds


async def fetch(gateway: Gateway, claimed: Claimed, tls: ssl.SSLContext) -> None:
    """One try: the Task becomes a referral, or is refused, or is tried again later, or given up."""
    await gateway.directory.refresh()
    caller = Caller(claimed.client_id, claimed.organisation, "epr", frozenset())
    attempt = Try(gateway, claimed, caller, RequestContext(str(uuid4()), claimed.correlation_id))
    async with gateway.store.reading() as connection:
        task = await current_task(connection, claimed.organisation, claimed.task_id)
    if task.content["status"] != "requested":
        await drop(attempt)
        return
    try:
        arrival = await _gather(attempt, task, tls)
        await become_referral(attempt, arrival, task.content)
    except NotFetched as trouble:
        await _put_off(attempt, trouble.reason)
    except GatewayError as refusal:
        if refusal.status < 500:
            await refuse(attempt, refusal)
        else:
            await _put_off(attempt, "it answered, but the gateway could not store the details")


async def _gather(attempt: Try, task: Resource, tls: ssl.SSLContext) -> Arrival:
    """Raises NotFetched."""
    gateway, claimed, context = attempt.gateway, attempt.claimed, attempt.context
    servers = gateway.directory.fhir_servers(claimed.organisation)
    request = locate(claimed.url, servers)
    if request is None:
        raise NotFetched("it was registered here no more")
    headers = {"X-Request-Id": context.request_id, "X-Correlation-Id": context.correlation_id}
    source = Source(gateway.settings.fetch_timeout_seconds, headers, tls)
    try:
        async with asyncio.timeout(_longest(gateway)):
            found = await collect(source, servers, task.content, request)
    except TimeoutError:
        raise NotFetched("it took too long for the whole of them") from None
    finally:
        await source.close()
    sent = Resource("Task", task.id, task.version + 1, task.updated_at, deepcopy(as_sent(task.content)))
    return arrival_of(sent, request, found, servers)


async def _put_off(attempt: Try, reason: str) -> None:
    """Tries again later, or gives up after the last try."""
    number, waits = attempt.claimed.attempt, attempt.gateway.settings.retry_seconds
    last = number > len(waits)
    log.warning(
        "not fetched",
        task=attempt.claimed.task_id,
        attempt=number,
        reason=reason,
        last=last,
        correlation_id=attempt.context.correlation_id,
    )
    if last:
        await give_up(attempt, reason)
    else:
        wait = random.random() * waits[number - 1]  # noqa: S311 - full jitter, as for deliveries
        await try_again(attempt, now() + timedelta(seconds=wait), reason)
