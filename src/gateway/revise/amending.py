"""Translates a referral anew when something changed that it was translated from, and tells what is different."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Gateway
from gateway.errors import IllegalMove, Issue, Rejected
from gateway.ids import instant
from gateway.later import STOP_SHARING, amend
from gateway.people import agreement, identity_of, rematch
from gateway.people.rows import UNDECIDED
from gateway.revise.consents import last_word
from gateway.sources import Known
from gateway.store.referrals import Stored
from gateway.store.resources import Resource, load, load_around, read
from gateway.store.schema import event
from gateway.store.touched import naming
from gateway.translated import Translated, translate
from gateway.unmapped import save_unmapped
from gateway.validation import parse
from gateway.work import Applied
from mappings.amendment import fields_changed, without_where
from mappings.referral import Amendment, FieldChanged
from mappings.to_task import as_sent

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Amended:
    """The change, and the columns of the referral's row that say the new translation."""

    applied: Applied
    columns: Json

    @property
    def told(self) -> Json:
        """What the journal says: which fields, not what stands in them."""
        return {"fields": [one.field for one in self.applied.standing.amendments[-1].fields]}


@dataclass(frozen=True, slots=True)
class Held:
    """What a stored referral is translated from."""

    organisation: str
    known: Known
    service_request: Resource
    task: Resource
    route: str

    def translate(self, gateway: Gateway, places: dict[str, str], at: datetime) -> Translated:
        request, task = self.service_request, self.task
        return translate(gateway, self.organisation, self.known, request, task, self.route, at, places, [])


async def amend_referral(
    connection: AsyncConnection,
    gateway: Gateway,
    stored: Stored,
    by: str,
    places: dict[str, str],
    at: datetime,
    *,
    another_performer: bool = False,
) -> Amended | None:
    """The referral as it reads with what is stored now; None when it reads as before. `places` says where in the
    request the resources of a type stand that changed.

    What makes the referral unsafe (a refusal, a death, a correction) is never refused: it becomes a warning to the
    advisor. Raises Rejected when the ServiceRequest itself could not be acted on any more, and IllegalMove when the
    Patient has become somebody else.
    """
    translated = await _translate(connection, gateway, stored, places, at)
    organisation, before = stored.row["organisation"], orjson.loads(stored.row["content"])
    _carry_over(before, translated.referral, places)
    refusals = {one.finding for one in translated.sources.judgements if one.decision == "deny"}
    if "ServiceRequest" in places:
        errors = [one for one in translated.findings if one.severity == "error" and one.text not in refusals]
        if errors:
            former = await _translate(connection, gateway, stored, places, at, former=True)
            if new := [one for one in errors if one not in former.findings]:
                raise Rejected(issues=new)
        _refuse_others(gateway, translated, stored, places["ServiceRequest"], another_performer)
    doubts = [text for text in stored.standing.warnings if text.endswith(UNDECIDED)]
    if "Patient" in places:
        in_doubt = await _refuse_somebody_else(connection, organisation, translated.sources.record, places["Patient"])
        identity = identity_of(translated.sources, translated.referral["person"], {})
        asked = await rematch(connection, organisation, stored.row["id"], identity, at, in_doubt=in_doubt)
        doubts += [one.text for one in asked if one.text not in doubts]
    warnings = [*(one.text for one in translated.findings if one.text not in refusals), *doubts]
    refused = any(one.decision == "deny" for one in translated.sources.judgements)
    changed = fields_changed(before, translated.referral)
    if not changed and set(warnings) == set(stored.standing.warnings) - {STOP_SHARING}:
        return None
    amendment = Amendment(at=instant(at), by=by, fields=[FieldChanged.model_validate(one) for one in changed])
    await save_unmapped(connection, organisation, stored.row["id"], translated.translation.unknown, at)
    standing = stored.standing
    if translated.referral["person"].get("sensitive"):
        standing = standing.model_copy(update={"amendments": without_where(standing.amendments)})
    return Amended(amend(standing, amendment, warnings, refused, at), translated.columns())


async def _translate(
    connection: AsyncConnection,
    gateway: Gateway,
    stored: Stored,
    places: dict[str, str],
    at: datetime,
    *,
    former: bool = False,
) -> Translated:
    held = await read_held(connection, stored.row, at, former=former)
    return held.translate(gateway, places, at)


async def read_held(connection: AsyncConnection, row: Mapping[Any, Any], at: datetime, *, former: bool = False) -> Held:
    """What is stored now of a referral, a row of its table. `former`: but for the ServiceRequest, of which the version
    before the last is taken."""
    organisation, id_ = row["organisation"], row["service_request_id"]
    request = await _version(connection, organisation, "ServiceRequest", id_)
    if former:
        request = await _version(connection, organisation, "ServiceRequest", id_, request.version - 1)
    # What was said in the Task later is told as messages; it is no part of what was asked. A Task whose details were
    # fetched has earlier versions, from before there was a referral.
    begun = select(event.c.number).filter_by(organisation=organisation, referral_id=row["id"], type="submitted")
    number = (await connection.execute(begun)).scalar_one()
    task = await _version(connection, organisation, "Task", row["id"], number)
    task.content = as_sent(task.content)
    known: Known = await load_around(connection, organisation, [request.content, task.content])
    known |= {request.reference: request.content, task.reference: task.content}
    asker = request.content.get("requester", {}).get("reference", "")
    if asker.startswith("Practitioner/"):
        roles = await naming(connection, organisation, "PractitionerRole", asker)
        loaded = await load(connection, organisation, roles)
        known |= loaded | await load_around(connection, organisation, loaded.values())
    if patient := row["patient_id"]:
        known |= await last_word(connection, organisation, f"Patient/{patient}", at)
    route = orjson.loads(row["content"])["route"]
    return Held(organisation, known, request, task, route)


async def _version(
    connection: AsyncConnection, organisation: str, type_: str, id_: str, version: int | None = None
) -> Resource:
    found = await read(connection, organisation, type_, id_, version)
    assert found is not None  # it was stored with the referral, and nothing is ever deleted
    return Resource(type_, id_, found[0], found[1], parse(found[2].encode()))


def _carry_over(before: Json, after: Json, places: dict[str, str]) -> None:
    """What stood around the request when it was sent and is not stored as a resource: who sent the message, which hub
    the Task named, when."""
    organisation = after["referrer"]["organisation"]
    if not any(organisation.values()):
        after["referrer"]["organisation"] = before["referrer"]["organisation"]
    if before.get("consent", {}).get("decision") != "deny" and "Consent" not in places:
        after |= {"consent": before["consent"]} if "consent" in before.keys() - after.keys() else {}
    if "requested_hub" in before:
        after.setdefault("requested_hub", before["requested_hub"])
    after |= {"submitted_at": before["submitted_at"]} if "submitted_at" in before else {}


async def _refuse_somebody_else(
    connection: AsyncConnection, organisation: str, record: Json | None, place: str
) -> bool:
    """Whether the Patient's new version says so much else that it may be about another person; raises IllegalMove when
    nothing in it says that it is the same one."""
    if record is None or record["meta"]["versionId"] == "1":
        return False
    former = await _version(connection, organisation, "Patient", record["id"], int(record["meta"]["versionId"]) - 1)
    same = agreement(former.content, record)
    if same == 0:
        text = (
            f"{place}: neither an identifier nor the name nor the date of birth is that of the person referred. A "
            "referral stays one person's. Mark the referral as entered-in-error, and send a new one."
        )
        raise IllegalMove(issues=[Issue("business-rule", text, place)])
    return same == 1


def _refuse_others(
    gateway: Gateway, translated: Translated, stored: Stored, place: str, another_performer: bool
) -> None:
    """A referral stays with its hub, and with the organisation that is answered."""
    hub = gateway.directory.named_hub(translated.hub_names, translated.hub_wanted)
    if another_performer and hub and hub["id"] != stored.row["hub_id"]:
        element = f"{place}.performer"
        text = (
            f"{element}: {stored.standing.hub.name} has this referral. To ask another hub, take this one back and "
            "send a new one."
        )
        raise IllegalMove(text, expression=element)
    before = orjson.loads(stored.row["content"])["referrer"]["organisation"].get("ods_code")
    after = translated.referral["referrer"]["organisation"].get("ods_code")
    if before and after and before != after:
        element = f"{place}.requester"
        text = (
            f"{element}: the organisation that is answered cannot change. Take the referral back, and send a new one."
        )
        raise IllegalMove(issues=[Issue("business-rule", text, element)])
