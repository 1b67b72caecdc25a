"""The EPR's side of the story, second part: what it changes, adds, and asks to cancel; and judging without storing."""

import copy
import json

from tests.app import example, resource_of
from tools.contract.stage import EPR
from tools.contract.story_refer import NUMBERS, TRANSACTION, Referred, create, referral
from tools.contract.telling import Json, Teller

READ, UPDATE, PATCH = (f"{method} /FHIR/R4/{{type}}/{{id}}" for method in ("GET", "PUT", "PATCH"))
UPDATE_BY_CONDITION = "PUT /FHIR/R4/{type}"
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
PRACTICE = {
    "resourceType": "Organization",
    "identifier": [{"system": ODS, "value": "X99001"}],
    "name": "Quayside Surgery",
}
PROVENANCE = {
    "resourceType": "Provenance",
    "recorded": "2026-03-02T09:41:00Z",
    "agent": [{"who": {"identifier": {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "999000000001"}}}],
}


def at(reference: str) -> dict[str, str]:
    type_, id_ = reference.split("/")
    return {"type": type_, "id": id_}


def of(version: int) -> dict[str, str]:
    return {"If-Match": f'W/"{version}"'}


async def amend(teller: Teller, referred: Referred) -> None:
    """The request says more, and the person has another telephone; the practice is kept by its ODS code."""
    request = copy.deepcopy(referred.request)
    request["reasonCode"].append({"text": "Her sister has moved away"})
    where = at(f"ServiceRequest/{request['id']}")
    signed = of(1) | {"X-Provenance": json.dumps(PROVENANCE)}
    await teller.call("reason-added: One reason more", EPR, UPDATE, request, given=signed, at=where)
    await teller.call("stale: If-Match names the version before", EPR, UPDATE, request, given=of(1), at=where)
    nobody = request | {"id": "01981f3e-6b7a-4c3d-9e21-5a4f0b8c7d10"}
    where = at(f"ServiceRequest/{nobody['id']}")
    await teller.call("not-an-id: An update of what is not there", EPR, UPDATE, nobody, at=where)

    steps = [
        {"op": "test", "path": "/telecom/0/value", "value": "07700 900123"},
        {"op": "replace", "path": "/telecom/0/value", "value": "07700 900789"},
    ]
    where = at(referred.patient)
    await teller.call("telephone: Only if it is still the old one", EPR, PATCH, steps, given=JSON_PATCH, at=where)
    await teller.call("patch-test: The test of a patch fails", EPR, PATCH, steps, given=JSON_PATCH, at=where)
    await teller.call("patch-type: A patch that is not called one", EPR, PATCH, steps, at=where)

    where, query = {"type": "Organization"}, {"identifier": f"{ODS}|X99001"}
    await teller.call("practice: Nothing has this code yet", EPR, UPDATE_BY_CONDITION, PRACTICE, at=where, query=query)
    rung = PRACTICE | {"telecom": [{"system": "phone", "value": "01632 960400"}]}
    name = "practice-known: The one with this code gets a telephone"
    await teller.call(name, EPR, UPDATE_BY_CONDITION, rung, at=where, query=query)


async def send_bundles(teller: Teller, referred: Referred) -> None:
    """A transaction that changes and reads, and a batch of which one part is refused."""
    practice = PRACTICE | {"active": True}
    request = {"method": "PUT", "url": f"Organization?identifier={ODS}|X99001"}
    entries: list[Json] = [
        {"resource": practice, "request": request},
        {"request": {"method": "GET", "url": f"Task/{referred.id}?_elements=status,businessStatus"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    await teller.call("change-and-read: The practice, and how the referral stands", EPR, TRANSACTION, bundle)
    entries = [{"request": {"method": "GET", "url": url}} for url in ("Task?_summary=count", "Patient/0012345")]
    batch = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    await teller.call("batch: Two requests, of which one finds nothing", EPR, TRANSACTION, batch)


def communication(referred: Referred, text: str) -> Json:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "about": [{"reference": f"Task/{referred.id}"}],
        "payload": [{"contentString": text}],
    }


async def answer_question(teller: Teller, referred: Referred) -> None:
    said = communication(referred, "She has a mobile: 07700 900789. Please ring after 11.")
    await create(teller, "communication: The answer to the link worker's question", said)


async def ask_to_cancel(teller: Teller, referred: Referred, name: str) -> None:
    abort: Json = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
        "focus": {"reference": f"Task/{referred.id}"},
        "statusReason": {"text": "She moves to her sister's."},
    }
    await create(teller, name, abort)


async def cancel_too_late(teller: Teller, referred: Referred) -> None:
    where = at(f"Task/{referred.id}")
    task = await teller.call("", EPR, READ, at=where)
    name = "work-has-begun: Then it takes more than a status to cancel"
    await teller.call(name, EPR, UPDATE, task | {"status": "cancelled"}, at=where)


async def judge(teller: Teller, referred: Referred) -> None:
    """Without storing anything."""
    of_type, of_one = "POST /FHIR/R4/{type}/$validate", "POST /FHIR/R4/{type}/{id}/$validate"
    sent = referral("REF-2026-000121")
    del resource_of(sent, "ServiceRequest")["supportingInfo"], resource_of(sent, "ServiceRequest")["contained"]
    await teller.call("referral: What would be noticed", EPR, of_type, sent, at={"type": "Bundle"})
    bogus = resource_of(example("referral.json"), "ServiceRequest")
    bogus |= {"status": "bogus", "authoredOn": "12.01.2026"}
    await teller.call("faults: What would refuse it", EPR, of_type, bogus, at={"type": "ServiceRequest"})
    other = copy.deepcopy(referred.request) | {"identifier": [{"system": NUMBERS, "value": "REF-2026-000118"}]}
    parameters = [{"name": "resource", "resource": other}, {"name": "mode", "valueCode": "update"}]
    asked = {"resourceType": "Parameters", "parameter": parameters}
    where = at(f"ServiceRequest/{referred.request['id']}")
    await teller.call("update: A number that names another referral", EPR, of_one, asked, at=where)
