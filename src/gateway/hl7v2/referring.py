"""REF^I12: a referral, as one that came over FHIR."""

from typing import Any

from gateway.arrival import Arrival, Revision
from gateway.errors import Conflict, VersionConflict
from gateway.fhir.arrivals import find_referrals, new_resource, stored
from gateway.hl7v2.incoming import Incoming, accepted, received
from gateway.hl7v2.people import held_records, local, name, next_record, refuse_invalid, require_number
from gateway.hl7v2.timeliness import mark, recorded_at
from gateway.messages import Answer, Received, first_answer
from gateway.privacy import is_restricted, withhold
from gateway.referrals import Accepted, accept
from gateway.store.resources import Resource
from mappings.hl7v2.patient import amended, patient_from
from mappings.hl7v2.referral import Referrer, referral_from, task_for

Json = dict[str, Any]

TRIES = 3


async def refer(incoming: Incoming, block: bytes) -> Answer:
    """Raises what `accept` raises, with places in the resources that were made of the message."""
    incoming.require("system/ServiceRequest.c", "system/Task.c", "system/Patient.c", "system/Patient.u")
    told = patient_from(incoming.message, incoming.systems)
    require_number(told)
    request = received(incoming, block, {"resourceType": "Patient", "identifier": told["identifier"]})
    if first := await first_answer(incoming.gateway.store, incoming.caller, incoming.context, request):
        return first
    for left in reversed(range(TRIES)):
        try:
            return await _refer(incoming, request, told)
        except (Conflict, VersionConflict):  # another message made or changed the person's record meanwhile
            if not left:
                raise
    raise AssertionError("unreachable")


async def _refer(incoming: Incoming, request: Received, told: Json) -> Answer:
    resources, revision, patient = await _person(incoming, request, told)
    made = referral_from(incoming.message, _referrer(incoming), incoming.feed["referral_numbers"], patient.reference)
    service_request = new_resource(made, request)
    task = new_resource(task_for(made, service_request.reference), request)
    resources += [service_request, task]
    refuse_invalid(resources)
    known = {kept.reference: kept.content for kept in [patient, *resources]}
    arrival = Arrival(request, "epr-hl7v2", resources, known, [revision] if revision else [])
    if patient in resources:
        arrival.claims = {f"Patient?identifier={name(one)}" for one in local(told["identifier"])}
    find_referrals(arrival, {kept.reference: kept.type for kept in [patient, *resources]}, tasks_needed=True)

    def answer(made_: list[Accepted]) -> Answer:
        return accepted(f"Referral {made_[0].reference}", f"Task/{made_[0].id}")

    return await accept(incoming.gateway, incoming.caller, incoming.context, arrival, answer)


async def _person(
    incoming: Incoming, request: Received, told: Json
) -> tuple[list[Resource], Revision | None, Resource]:
    """What is new, what is changed, and the Patient of the referral."""
    organisation = incoming.caller.organisation
    async with incoming.gateway.store.transaction() as connection:
        records = await held_records(connection, organisation, told)
    if not records:
        patient = new_resource(withhold(dict(told)), request)
        mark(patient, recorded_at(incoming.message))
        return [patient], None, patient
    before = records[-1]
    content = amended(before, incoming.message, incoming.systems)
    revision = next_record(content, before, restricted=any(map(is_restricted, records)))
    if revision:
        mark(revision.kept, recorded_at(incoming.message))
        return [], revision, revision.kept
    return [], None, stored(f"Patient/{before['id']}", before)


def _referrer(incoming: Incoming) -> Referrer:
    return Referrer(incoming.organisation["ods_code"], incoming.organisation["name"])
