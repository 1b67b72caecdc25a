"""Stores what an EPR changes, and carries out what it means for each referral: one event for each change that matters.

The referrals are locked in the order of their ids, before anything is decided: a link worker's move and the referrer's
take turns, and two requests of an EPR never wait for each other in a ring.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.advance import REQUEST_STATUS, advance
from gateway.arrival import Arrival, Gateway, Revision
from gateway.awaited import take_back as take_back_awaited
from gateway.errors import Conflict, IllegalMove, VersionConflict
from gateway.ids import instant
from gateway.later import take_back, tell
from gateway.revise.amending import amend_referral
from gateway.revise.cancelling import keep_abort, read_abort, read_abort_again
from gateway.revise.messages import correct_message, find_message, read_message
from gateway.revise.request import RequestWish, read_request
from gateway.revise.restricting import forget
from gateway.revise.task import TaskWish, read_task
from gateway.revise.touched import Touched, find_touched
from gateway.security import Caller
from gateway.store import referrals
from gateway.store.history import Chosen, versions
from gateway.store.referrals import Stored
from gateway.store.resources import Resource, identifiers, read, save_version
from gateway.store.schema import own_name
from gateway.telemetry import RequestContext
from gateway.validation import parse
from gateway.work import Applied
from mappings.referral import Message
from mappings.systems import REFERENCE_SYSTEM

Json = dict[str, Any]


async def revise(
    connection: AsyncConnection,
    gateway: Gateway,
    caller: Caller,
    context: RequestContext,
    arrival: Arrival,
    at: datetime,
) -> None:
    """Stores the further versions in the request's transaction, with all that follows from them and from what is new.

    What is stored in the end stands in the arrival's resources and revisions, for the answer. Raises IllegalMove or
    Rejected for what is not allowed, VersionConflict or IntegrityError when it was changed meanwhile.
    """
    touched = await find_touched(connection, caller.organisation, arrival)
    stored = {id_: await referrals.load(connection, caller.organisation, id_, lock=True) for id_ in touched}
    of_referrals = {id(part) for one in touched.values() for part in (one.task, one.request)}
    for revision in arrival.revisions:
        if id(revision) in of_referrals or await take_back_awaited(connection, gateway, caller, context, revision):
            continue
        if revision.kept.type == "Task":
            keep_abort(revision)
        await save_version(connection, caller.organisation, revision.kept, revision.before)
    written: dict[str, Resource] = {}
    for id_, said in touched.items():
        locked = stored[id_]
        assert locked is not None  # its name led to it
        course = Course(connection, gateway, caller, context, at, locked)
        await course.follow(said)
        written |= course.written
    for revision in arrival.revisions:
        await forget(connection, caller.organisation, revision)
    for kept in [*arrival.resources, *(revision.kept for revision in arrival.revisions)]:
        if last := written.get(kept.reference):
            kept.version, kept.updated_at, kept.content = last.version, last.updated_at, last.content


@dataclass
class Course:
    """One referral in one request: where it has come to, and the resources written on the way."""

    connection: AsyncConnection
    gateway: Gateway
    caller: Caller
    context: RequestContext
    at: datetime
    stored: Stored
    written: dict[str, Resource] = field(default_factory=dict)
    request: Resource | None = None  # its ServiceRequest as amended, until somebody is told of it

    async def follow(self, said: Touched) -> None:
        """Amends first, then hears what is told and asked, and ends the referral last."""
        task = await self._read_task(said.task) if said.task else None
        request = read_request(said.request, self.stored) if said.request else None
        end = _end(said, task, request)
        if said.request and request:
            await self._save_request(said.request, end[0] if end else None)
        if end is None:
            await self._amend(said, request)
        if task and said.task and task.told:
            await self._tell([self._message(who, what) for who, what in task.told], said.task.at, task.said)
        for communication in said.messages:
            message = read_message(communication, self.stored, self._by, self.at)
            await self._tell([message], "Communication.about")
        for revision in said.messages_again:
            await self._hear_again(revision)
        for abort in said.aborts:
            await self._go(read_abort(abort, self.stored, self._by, self.at), {"task": abort.id})
        for revision in said.aborts_again:
            if taken_back := read_abort_again(revision, self.stored, self.at):
                await self._go(taken_back, {"task": revision.kept.id})
        if end and self.stored.standing.status != end[0]:
            to, text, element = end
            await self._go(take_back(self.stored.standing, to, text, self.at, element), {"text": text} if text else {})
        if said.task:
            await self._show_task(said.task.kept)

    async def _hear_again(self, revision: Revision) -> None:
        """A Communication that says something else now, or has become one about this referral."""
        told = find_message(revision, self.stored)
        if told is None and revision.kept.content["status"] == "completed":
            message = read_message(revision.kept, self.stored, self._by, self.at)
            await self._tell([message], revision.at)
        elif told and (corrected := correct_message(revision, told, self.stored)):
            await self._go(corrected, {"communication": revision.kept.id})

    @property
    def _by(self) -> str:
        registered = self.gateway.directory.organisation(self.caller.organisation) or {}
        return self.caller.person or registered.get("name") or self.caller.organisation

    async def _read_task(self, revision: Revision) -> TaskWish:
        version = self.stored.row["version"]
        if int(revision.before["meta"]["versionId"]) != version:
            raise VersionConflict
        if revision.kept.method == "PATCH":
            return read_task(revision, [])
        chosen = Chosen(self.caller.organisation, "Task", revision.kept.id)
        newest_first = await versions(self.connection, chosen, None, version)
        return read_task(revision, [parse(one.content.encode()) for one in reversed(newest_first[1:])])

    def _message(self, who: str | None, what: str) -> Message:
        return Message(at=instant(self.at), by=who or self._by, text=what)

    async def _save_request(self, revision: Revision, end: str | None) -> None:
        """The next version of the ServiceRequest; it says the same as the Task does."""
        content = revision.kept.content
        if end:
            content["status"] = REQUEST_STATUS[end]
        organisation, referral_id = self.caller.organisation, self.stored.row["id"]
        names = {one for one in identifiers(content) if not one.startswith(REFERENCE_SYSTEM)}
        known = select(own_name.c.name, own_name.c.target).where(
            own_name.c.organisation == organisation, own_name.c.name.in_(names)
        )
        targets = {row.name: row.target for row in await self.connection.execute(known)}
        if set(targets.values()) - {referral_id}:
            place = f"{revision.at}.identifier"
            raise Conflict(f"{place}: one of these names another referral of yours.", expression=place)
        rows = [
            {"organisation": organisation, "name": name, "target": referral_id}
            for name in sorted(names - targets.keys())
        ]
        await referrals.insert(self.connection, [(own_name, rows)])
        await save_version(self.connection, organisation, revision.kept, revision.before)
        self.request = revision.kept

    async def _amend(self, said: Touched, request: RequestWish | None) -> None:
        places = dict(said.sources)
        if request and said.request and request.amended:
            places["ServiceRequest"] = said.request.at
        if not places:
            return
        amended = await amend_referral(
            self.connection,
            self.gateway,
            self.stored,
            self._by,
            places,
            self.at,
            another_performer=request is not None and request.another_performer,
        )
        if amended:
            await self._go(amended.applied, amended.told, columns=amended.columns)

    async def _tell(self, messages: list[Message], element: str, task: Json | None = None) -> None:
        await self._go(tell(self.stored.standing, messages, element), {}, task)

    async def _go(self, applied: Applied, told: Json, task: Json | None = None, columns: Json | None = None) -> None:
        before, after = self.stored.standing.status, applied.standing.status
        moved = {"from": before, "to": after} if before != after else {}
        self.stored, written = await advance(
            self.connection,
            self.caller,
            self.context,
            self.stored,
            applied,
            told | moved,
            self.at,
            said=task,
            columns=columns,
            request=self.request,
        )
        self.request = None
        self.written |= {one.reference: one for one in written}

    async def _show_task(self, kept: Resource) -> None:
        """A Task is never stored as the EPR sends it: what it gets back is how the referral shows now."""
        if kept.reference not in self.written:
            shown = await read(self.connection, self.caller.organisation, "Task", kept.id)
            assert shown is not None  # it is the one that was changed
            self.written[kept.reference] = Resource("Task", kept.id, shown[0], shown[1], parse(shown[2].encode()))


def _end(said: Touched, task: TaskWish | None, request: RequestWish | None) -> tuple[str, str | None, str] | None:
    """(status, reason, the element that says so) when the EPR takes the referral back."""
    wishes = []
    if task and said.task and task.to:
        wishes.append((task.to, task.text, f"{said.task.at}.status"))
    if request and said.request and request.to:
        wishes.append((request.to, request.text, f"{said.request.at}.status"))
    if len({to for to, _, _ in wishes}) > 1:
        text = (
            "Task.status and ServiceRequest.status must say the same: cancelled and revoked, or both entered-in-error."
        )
        raise IllegalMove(text, expression=wishes[0][2])
    reason = next((given for _, given, _ in wishes if given), None)
    return (wishes[0][0], reason, wishes[0][2]) if wishes else None
