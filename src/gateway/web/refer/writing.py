"""The referral that somebody writes: begun from what the record says, saved as they go on."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request

from gateway.arrival import Gateway
from gateway.ids import instant, new_id, now
from gateway.launch.epr import read_for_form
from gateway.launch.session import LaunchSession, require_patient
from gateway.store.drafts import begin_draft, read_draft, save_draft
from gateway.web.forms import Form, first
from mappings.form import Answers, answers_of, populate

Json = dict[str, Any]

LONGEST_USE = 3 * 3600  # seconds; of who left the form open for longer than that nothing is known
COUNT = re.compile(r"[0-9]{1,9}")
USE = ("seconds", "interactions", "keystrokes")  # what the browser tells of the writing


@dataclass(frozen=True, slots=True)
class Draft:
    id: str
    answers: Answers
    told: Mapping[str, int]  # seconds, interactions, keystrokes; empty when the browser runs no script
    opened_at: datetime
    updated_at: datetime

    @property
    def version(self) -> str:
        """Of what it says: what is sent is what was looked at."""
        return hashlib.sha256(orjson.dumps(self.answers)).hexdigest()[:16]

    @property
    def is_new(self) -> bool:
        return self.opened_at == self.updated_at

    def use(self, at: datetime) -> dict[str, int | None]:
        """How long the writing took, in seconds at the form, and by how many interactions and keystrokes."""
        whole = round((at - self.opened_at).total_seconds())
        seconds = self.told.get("seconds") or (whole if whole <= LONGEST_USE else None)
        return {"seconds": seconds, **{name: self.told.get(name) for name in USE[1:]}}


def key_of(session: LaunchSession) -> dict[str, str]:
    return {
        "organisation": session.organisation,
        "epr_id": session.epr["id"],
        "user_id": session.user.id,
        "patient_id": str(require_patient(session)["id"]),
    }


async def find_draft(request: Request, session: LaunchSession) -> Draft | None:
    async with request.app.state.gateway.store.reading() as connection:
        row = await read_draft(connection, key_of(session))
    return _draft(row) if row else None


async def open_draft(request: Request, session: LaunchSession) -> Draft:
    """The draft there is, or a new one, filled from the record as far as that goes."""
    found = await find_draft(request, session)
    if found:
        return found
    moment = now()
    row = {
        **key_of(session),
        "id": new_id(),
        "answers": orjson.dumps({"answers": await _from_record(request, session), "told": {}}).decode(),
        "opened_at": moment,
        "updated_at": moment,
    }
    async with request.app.state.gateway.store.transaction() as connection:
        return _draft(await begin_draft(connection, row, session.team["name"] if session.team else None))


async def keep_draft(request: Request, session: LaunchSession, answers: Answers, form: Form) -> Draft | None:
    """Saves what is in the form. None when there is no draft any more: it was sent or thrown away meanwhile."""
    gateway: Gateway = request.app.state.gateway
    told = {name: min(int(first(form, name)), 1_000_000) for name in USE if COUNT.fullmatch(first(form, name))}
    kept = orjson.dumps({"answers": answers, "told": told}).decode()
    async with gateway.store.transaction() as connection:
        await save_draft(connection, key_of(session), kept, now())
        row = await read_draft(connection, key_of(session))
    return _draft(row) if row else None


async def _from_record(request: Request, session: LaunchSession) -> Answers:
    patient = require_patient(session)
    found: dict[str, list[Json]] = {}
    token = request.app.state.seal.open(session.token) if session.token else None
    if token:
        found = await read_for_form(request.app.state.eprs, session.epr, token, patient["id"])
    resources = [patient, *(one for some in found.values() for one in some)]
    answers = answers_of(populate(resources, instant(now())))
    # What a card has offered to refer for comes first: it is what they have clicked on.
    known = [*answers.pop("reason", []), *answers.pop("other-reasons", [])]
    reasons = list(dict.fromkeys([*session.suggested, *known]))
    chosen = {"reason": reasons[:1], "other-reasons": reasons[1:]}
    return answers | {link: some for link, some in chosen.items() if some}


def _draft(row: Json) -> Draft:
    kept = orjson.loads(row["answers"])
    return Draft(row["id"], kept["answers"], kept["told"], row["opened_at"], row["updated_at"])
