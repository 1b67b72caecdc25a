"""What is told of a Task whose details are awaited: its versions, each with its event and its deliveries.

It has a journal from its first moment, and the referral goes on from there.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Gateway, Revision
from gateway.errors import IllegalMove, VersionConflict
from gateway.hearing import Written
from gateway.ids import instant, next_moment
from gateway.journal import journal_rows
from gateway.security import Caller
from gateway.store.engine import Rows
from gateway.store.fetches import cancel_fetch, is_fetched_for
from gateway.store.referrals import insert
from gateway.store.resources import Resource, read, save_keys
from gateway.telemetry import RequestContext
from gateway.validation import dump, parse
from mappings.awaited import State, awaited_task
from mappings.words import concept_in_words

Json = dict[str, Any]

TAKEN_BACK: dict[str, State] = {"cancelled": "withdrawn-by-referrer", "entered-in-error": "entered-in-error"}
ALLOWED = (
    "Task.status: this Task is no referral. You may set status to cancelled while its details are awaited, and at any "
    "time to entered-in-error, with the reason in statusReason.text; for all else POST a new Task."
)


async def current_task(connection: AsyncConnection, organisation: str, task_id: str) -> Resource:
    """The Task as it stands now."""
    found = await read(connection, organisation, "Task", task_id)
    assert found is not None  # rows are never deleted
    version, updated_at, content = found
    return Resource("Task", task_id, version, updated_at, parse(content.encode()))


async def tell(
    connection: AsyncConnection,
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    before: Resource,
    since: datetime,
    state: State,
    reason: str,
    said: Json | None = None,
) -> Resource:
    """The version after `before`, stored; `said` is the Task with what the sender added to it, else `before` stands.
    Raises IntegrityError when somebody else stored a version at this moment."""
    at = max(next_moment(), before.updated_at)
    content = awaited_task(said or before.content, before.version + 1, instant(at), instant(since), state, reason)
    task = Resource("Task", before.id, before.version + 1, at, content)
    await insert(connection, version_rows(gateway, caller, context, task, state, reason))
    await save_keys(connection, caller.organisation, task, before.content)
    return task


def version_rows(
    gateway: Gateway, caller: Caller, context: RequestContext, task: Resource, state: State, reason: str = ""
) -> list[Rows]:
    row = {"organisation": caller.organisation, "id": task.id, "version": task.version}
    change = {"to": state} | ({"reason": reason} if reason else {})
    written = [Written("Task", task.id, task.version, task.content)]
    heard = gateway.directory.heard_by(caller.organisation, None, written)
    return journal_rows(row, dump(task.content), state, change, caller, context, heard, task.updated_at)


async def take_back(
    connection: AsyncConnection, gateway: Gateway, caller: Caller, context: RequestContext, revision: Revision
) -> bool:
    """Stores what the sender makes of a Task without a referral: it is cancelled while its details are awaited, or was
    an error. False for any other resource. Raises VersionConflict when it was changed meanwhile, IllegalMove for all
    else that the sender may want of it."""
    kept, organisation = revision.kept, caller.organisation
    if kept.type != "Task" or not await is_fetched_for(connection, organisation, kept.id):
        return False
    before = await current_task(connection, organisation, kept.id)
    if before.version + 1 != kept.version:
        raise VersionConflict
    state = TAKEN_BACK.get(kept.content["status"])
    waited = state is not None and await cancel_fetch(connection, organisation, kept.id)
    mistake = kept.content["status"] == "entered-in-error" != before.content["status"]
    if state is None or not (waited or mistake):
        raise IllegalMove(ALLOWED, expression=f"{revision.at}.status")
    given = kept.content.get("statusReason")
    reason = concept_in_words(given) if given != revision.before.get("statusReason") else None
    said = _with_added(before.content, kept.content)
    told = await tell(connection, gateway, caller, context, before, before.updated_at, state, reason or "", said)
    kept.version, kept.updated_at, kept.content = told.version, told.updated_at, told.content
    return True


def _with_added(before: Json, given: Json) -> Json:
    """The Task with what is said, in words or else, when it is taken back."""
    said = dict(before)
    for name in ("note", "input", "contained"):
        old = before.get(name, [])
        if added := [one for one in given.get(name, []) if one not in old]:
            said[name] = [*old, *added]
    return said
