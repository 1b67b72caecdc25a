"""One step of a referral: its row, the event, the Task that shows it, the deliveries, and what must agree with it."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.hearing import Written, heard_by
from gateway.ids import instant
from gateway.journal import journal_rows
from gateway.later import settle
from gateway.security import Caller
from gateway.store import referrals, resources
from gateway.store.engine import Rows
from gateway.store.referrals import Stored
from gateway.store.resources import Resource
from gateway.telemetry import RequestContext
from gateway.validation import dump, parse
from gateway.work import Applied
from mappings.referral import Cancellation, Standing
from mappings.to_task import not_before, task_from
from mappings.translate import vocabulary

Json = dict[str, Any]

# What the end of a referral makes of its ServiceRequest, and an answer of the abort Task that asked for it.
REQUEST_STATUS = {"withdrawn": "revoked", "entered-in-error": "entered-in-error"}
ABORT_STATUS = {"agreed": "completed", "declined": "rejected", "overtaken": "rejected", "taken-back": "cancelled"}


async def advance(
    connection: AsyncConnection,
    caller: Caller,
    context: RequestContext,
    before: Stored,
    applied: Applied,
    told: Json,
    at: datetime,
    *,
    said: Json | None = None,
    columns: Json | None = None,
    request: Resource | None = None,
) -> tuple[Stored, list[Resource]]:
    """Stores the next version of a referral that the transaction has locked; returns it and the resources written.

    `told` is what the journal says of the change; `said` the Task with what the sender added to it, else the last
    version stands; `columns` further columns of the referral's row that change; `request` the version of its
    ServiceRequest that was stored with this change, and not told of yet.
    """
    at = max(at, before.row["updated_at"])  # whoever waited for the lock came with the time of before
    version = before.standing.version + 1
    stamp = {"version": version, "updated_at": instant(at)}
    standing = settle(applied.standing, at).model_copy(update=stamp)
    organisation, referral_id = before.row["organisation"], before.row["id"]
    stored = await resources.read(connection, organisation, "Task", referral_id)
    assert stored is not None  # each event has stored one
    shown = parse(stored[2].encode())
    content = task_from(
        said or shown, before.row["service_request_id"], before.row["patient_id"], standing.model_dump()
    )
    task = Resource("Task", referral_id, version, at, content, "PUT")
    changed = {"status": standing.status, "task_status": content["status"], "version": version, "updated_at": at}
    row = before.row | (columns or {}) | changed | {"standing": referrals.standing_column(standing)}
    after = Stored(row, standing)
    agreeing = await _make_agree(connection, before, after, at)
    requests = [one for one in [request, *agreeing] if one and one.type == "ServiceRequest"]
    written = [Written(one.type, one.id, one.version, one.content) for one in [task, *requests]]
    heard = heard_by(await referrals.listeners(connection), organisation, before.row["hub_id"], written)
    await referrals.save(connection, before, after)
    await resources.save_keys(connection, organisation, task, shown)
    await referrals.insert(
        connection,
        [
            *_part_rows(row, applied, at),
            *journal_rows(row, dump(content), applied.event_type, told, caller, context, heard, at),
        ],
    )
    return after, [task, *agreeing]


def _part_rows(row: Json, applied: Applied, at: datetime) -> list[Rows]:
    if applied.row is None:
        return []
    table, part = applied.row
    keys = {"organisation": row["organisation"], "referral_id": row["id"], "recorded_at": at}
    return [(table, [keys | part])]


async def _make_agree(connection: AsyncConnection, before: Stored, after: Stored, at: datetime) -> list[Resource]:
    """The next versions of the ServiceRequest and of the abort Task, where they would contradict the referral."""
    organisation, cancellation = after.row["organisation"], after.standing.cancellation
    written = []
    if after.standing.status in REQUEST_STATUS and after.standing.status != before.standing.status:
        says: Json = {"status": REQUEST_STATUS[after.standing.status]}
        written.append(
            await _say(connection, organisation, "ServiceRequest", after.row["service_request_id"], says, at)
        )
    if cancellation and cancellation.decision and cancellation != before.standing.cancellation:
        says = {"status": ABORT_STATUS[cancellation.decision]}
        if reason := _abort_reason(cancellation, after.standing):
            says["statusReason"] = {"text": reason}
        written.append(await _say(connection, organisation, "Task", cancellation.task_id, says, at))
    return [one for one in written if one]


def _abort_reason(cancellation: Cancellation, standing: Standing) -> str | None:
    if cancellation.decision != "overtaken":
        return cancellation.answer
    words = vocabulary("referral-status").display(standing.status)
    return f"The referral had come to its end before this was answered. {words}."


async def _say(
    connection: AsyncConnection, organisation: str, type_: str, id_: str, says: Json, at: datetime
) -> Resource | None:
    """The next version of a resource of the sender's that says this; None when it does already, was a mistake, or is
    not here."""
    stored = await resources.read(connection, organisation, type_, id_)
    if stored is None:
        return None
    before = parse(stored[2].encode())
    if before["status"] in {says["status"], "entered-in-error"}:
        return None
    content = {name: value for name, value in before.items() if name != "text"} | says  # a narrative may contradict
    if type_ == "Task":
        content["lastModified"] = (
            not_before(content["authoredOn"], instant(at)) if "authoredOn" in content else instant(at)
        )
    kept = Resource(type_, id_, stored[0] + 1, max(at, stored[1]), content, "PUT")
    kept.stamp()
    await resources.save_version(connection, organisation, kept, before)
    return kept
