"""The use cases of a Task whose request stands on the sender's own server, until it is a referral or never will be.

It has a journal from its first moment: event 1 is that its details are awaited, and the referral goes on from there.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival, Gateway
from gateway.audit import audit_row
from gateway.awaited import current_task, tell, version_rows
from gateway.errors import Conflict, Duplicate, GatewayError
from gateway.ids import instant
from gateway.messages import Answer, first_answer
from gateway.own_names import claim_rows
from gateway.referrals import Accepted, Judged, accept, received_rows
from gateway.search import keys
from gateway.security import Caller
from gateway.store.fetches import Claimed, fetched_for, new_fetch, release_name, settle
from gateway.store.referrals import insert
from gateway.store.resources import Resource, found_by_rows, new_rows, save_keys
from gateway.store.schema import audit, found_by
from gateway.telemetry import RequestContext
from mappings.awaited import State, awaited_task

Json = dict[str, Any]

FETCH = "fetch ServiceRequest"  # the action as the audit names it


class Overtaken(Exception):
    """Another worker has this fetch now, or it was cancelled."""


async def await_details(
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    arrival: Arrival,
    task: Resource,
    url: str,
    answer: Callable[[Resource], Answer],
) -> Answer:
    """Stores the Task (one of the arrival's resources) and that the ServiceRequest at `url` is to be fetched for it,
    and gives the answer made by `answer` once this is durable. The same request again gets the first answer.

    In a trial raises Judged. Raises Duplicate (409) naming the Task that this request is fetched for already, Conflict
    when somebody created the same under the same condition at this moment.
    """
    at = instant(task.updated_at)
    task.content = awaited_task(task.content, 1, at, at, "details-awaited")
    sent = answer(task)
    if gateway.trial:
        raise Judged([])
    rows = [
        *received_rows(caller, context, arrival.received, sent),
        claim_rows(caller.organisation, arrival),
        *new_rows(caller.organisation, [one for one in arrival.resources if one is not task]),
        (found_by, found_by_rows(caller.organisation, "Task", task.id, keys(task.content))),
        *version_rows(gateway, caller, context, task, "details-awaited"),
        *new_fetch(caller.organisation, task.id, url, caller.client_id, context.correlation_id, task.updated_at),
    ]
    try:
        await gateway.store.write(rows)
    except IntegrityError:
        first = await first_answer(gateway.store, caller, context, arrival.received)
        if first:
            return first
        other = await fetched_for(gateway.store, caller.organisation, url)
        if other:
            text = f"Task.focus: this request was sent before, by Task/{other}. Follow that one."
            raise Duplicate(text, headers={"Location": f"Task/{other}"}) from None
        raise Conflict("The same was created under the same condition at this moment. Send this again.") from None
    gateway.store.to_fetch.set()
    return replace(sent, audited=True)


@dataclass(frozen=True, slots=True)
class Try:
    """One try to fetch the details of a Task: a request of ours, in the sender's conversation and on its behalf."""

    gateway: Gateway
    claimed: Claimed
    caller: Caller
    context: RequestContext


async def become_referral(attempt: Try, arrival: Arrival, before: Json) -> None:
    """Accepts what was fetched, as `accept` does and raising what it raises; the referral goes on from the Task's
    version `before`. Nothing is stored when the fetch is not ours any more."""

    def answer(accepted: list[Accepted]) -> Answer:
        return Answer(200, b"", target=accepted[0].task.reference)

    async def settle_with(connection: AsyncConnection, accepted: list[Accepted]) -> None:
        if not await settle(connection, attempt.claimed, "done"):
            raise Overtaken
        await save_keys(connection, attempt.claimed.organisation, accepted[0].task, before)

    with suppress(Overtaken):
        await accept(attempt.gateway, attempt.caller, attempt.context, arrival, answer, settle_with)


async def try_again(attempt: Try, due_at: datetime, reason: str) -> None:
    """Records that it failed and when to try next; a new reason makes a version of the Task that tells it."""
    async with attempt.gateway.store.transaction() as connection:
        ours = await settle(connection, attempt.claimed, "due", due_at, reason)
        if ours and reason != attempt.claimed.failure:
            await _tell(connection, attempt, "details-awaited", reason)


async def give_up(attempt: Try, reason: str) -> None:
    """Ends the waiting without a referral: the last try has failed."""
    async with attempt.gateway.store.transaction() as connection:
        if await settle(connection, attempt.claimed, "dead", failure=reason):
            await _tell(connection, attempt, "details-not-received", reason)
            await release_name(connection, attempt.claimed)


async def refuse(attempt: Try, refusal: GatewayError) -> None:
    """Ends the waiting without a referral: what was fetched breaks a rule, or was sent before."""
    reason = " ".join(issue.text for issue in refusal.issues if issue.severity == "error")
    row = audit_row(attempt.caller, attempt.context, FETCH, f"Task/{attempt.claimed.task_id}", refusal.status)
    async with attempt.gateway.store.transaction() as connection:
        if await settle(connection, attempt.claimed, "done", failure=reason):
            await _tell(connection, attempt, "details-refused", reason)
            await release_name(connection, attempt.claimed)
            await insert(connection, [(audit, [row])])


async def drop(attempt: Try) -> None:
    """Fetches nothing more for a Task that the sender has taken back."""
    async with attempt.gateway.store.transaction() as connection:
        if await settle(connection, attempt.claimed, "done"):
            await release_name(connection, attempt.claimed)


async def _tell(connection: AsyncConnection, attempt: Try, state: State, reason: str) -> None:
    """Nothing, when the sender has taken the Task back meanwhile."""
    before = await current_task(connection, attempt.claimed.organisation, attempt.claimed.task_id)
    if before.content["status"] == "requested":
        by = replace(attempt.caller, role="gateway")  # on the sender's behalf, but not the sender did this
        since = attempt.claimed.created_at
        await tell(connection, attempt.gateway, by, attempt.context, before, since, state, reason)
