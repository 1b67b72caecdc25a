"""The EPR's FHIR callback: `PUT {callback}/Task/{id}`, signed as Standard Webhooks 1.0.0 says. Contract: README.md.

After an attempt whose outcome nobody knows it reads back before it writes again, so that an EPR which does not know
`webhook-id` is not told twice either.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from adapters.http import DestinationError, Neighbours, Reply
from adapters.oauth import Authorised, NoToken
from adapters.ports import Answer, Update
from adapters.replies import judge, not_called
from adapters.signature import signed_headers
from mappings.to_provenance import provenance_of

FHIR_JSON = "application/fhir+json"
MOST_HELD = 1_000_000  # bytes of a Task that is read back
ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')
NOT_HELD = {404, 410}
CANNOT_BE_READ = {405, 501}


class FhirCallback:
    """Sends to any number of callbacks, over connections of each one's own.

    `seconds` limits one exchange, `connections` how many run at a time to one callback. Of a destination's options it
    reads `conditional` (write only over the version it took last), `provenance` (say who made it), `oauth` and `tls`.
    """

    needs_referral = False

    def __init__(self, seconds: float, connections: int = 8) -> None:
        self._neighbours = Neighbours(seconds, connections)
        self._authorised = Authorised(self._neighbours)

    async def send(self, update: Update) -> Answer:
        """2xx without a fault inside, or 409 with the issue code `duplicate`, is delivered, as is what the EPR turns
        out to hold already; 410 is gone; all else is worth another try."""
        try:
            milliseconds = 0
            if update.unsure:
                found = await self._read_back(update)
                if isinstance(found, Answer):
                    return found
                milliseconds = found.milliseconds
            reply = await self._authorised.exchange(
                update.url, update.options, "PUT", f"Task/{update.task_id}", _headers(update), update.body
            )
            if reply.status == 412:
                return await self._explain(update, judge(reply, milliseconds))
            return judge(reply, milliseconds)
        except DestinationError as refusal:
            return not_called(refusal)
        except NoToken as none:
            return none.answer

    async def close(self) -> None:
        await self._authorised.close()
        await self._neighbours.close()

    async def _read_back(self, update: Update) -> Answer | Reply:
        """The Answer that settles this attempt: the EPR holds this version, or it cannot be known whether it does. Else
        the Reply that says it may be written."""
        reply = await self._read(update)
        if reply.phase == "done" and reply.status in NOT_HELD | CANNOT_BE_READ:
            return reply
        held = _held(reply)
        if held is None:
            failed = judge(reply)
            phase = "fault" if failed.delivered else failed.phase  # a 200 in which there is no version of a Task
            told = f"Reading back: {failed.answer or 'no version of a Task'}"
            return replace(failed, phase=phase, delivered=False, answer=told)
        if _is_there(update, held):
            return Answer("done", reply.milliseconds, reply.status, "Read back: it is there.", delivered=True)
        return reply

    async def _explain(self, update: Update, refused: Answer) -> Answer:
        """Why the EPR holds another version than it took last (412): ours is there after all, or it was changed."""
        found = await self._read_back(update)
        if isinstance(found, Answer):
            return replace(found, milliseconds=refused.milliseconds + found.milliseconds)
        held = _held(found)
        which = f"version {held['meta']['versionId']}" if held else "no version that can be read"
        told = f"The EPR took version {update.previous} last, and now holds {which}: it was changed there."
        return replace(refused, milliseconds=refused.milliseconds + found.milliseconds, answer=told)

    async def _read(self, update: Update) -> Reply:
        # No webhook-id: who remembers ids, whatever the method, would take the update itself for a repeat.
        headers = {
            "Accept": FHIR_JSON,
            "X-Request-Id": str(uuid4()),
            "X-Correlation-Id": update.correlation_id,
        }
        path = f"Task/{update.task_id}"
        return await self._authorised.exchange(update.url, update.options, "GET", path, headers, most=MOST_HELD)


def _headers(update: Update) -> dict[str, str]:
    headers = {"Content-Type": FHIR_JSON, "Accept": FHIR_JSON, **signed_headers(update, update.body)}
    if update.options.get("conditional") and update.previous is not None:
        headers["If-Match"] = f'W/"{update.previous}"'
    if update.options.get("provenance"):
        at = update.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers["X-Provenance"] = json.dumps(provenance_of(orjson.loads(update.body), at))  # a header is ASCII
    return headers


def _held(reply: Reply) -> dict[str, Any] | None:
    """The Task of a read, with the version that it or the ETag says; None when there is none to be seen."""
    try:
        task = orjson.loads(reply.body) if reply.phase == "done" and reply.status == 200 else None
    except orjson.JSONDecodeError:
        return None
    if not isinstance(task, dict) or task.get("resourceType") != "Task":
        return None
    meta = task.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    etag = ETAG.fullmatch(reply.headers.get("etag", "").strip())
    version = version or (etag and etag[1])
    number = isinstance(version, str) and version.isascii() and version.isdigit() and len(version) <= 18
    return task | {"meta": {"versionId": version}} if number else None


def _is_there(update: Update, held: Mapping[str, Any]) -> bool:
    """Whether what the EPR holds is this version or a later one. An EPR that counts versions of its own may be ahead of
    ours by its count: lastModified, which is the Task's own, must not be older either."""
    if int(held["meta"]["versionId"]) < update.version:
        return False
    ours, theirs = (_moment(task.get("lastModified")) for task in (orjson.loads(update.body), held))
    return ours is None or theirs is None or theirs >= ours


def _moment(value: Any) -> datetime | None:
    """A dateTime to the second; None for any other."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None
