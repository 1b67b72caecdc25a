"""Where a referral stands -> the BaRS-shaped message (event servicerequest-response) that tells its sender so.

After BaRS Core 1.5 (asynchronous response) and MessageDefinition ServiceRequest-Response-Referral-Short, where the
status is that of the receiver's Encounter. BaRS-shaped: it has no use case for social prescribing, so what only its
emergency use cases need (Practitioner, the sender's own Encounter) is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from mappings.systems import BASE, NHS_NUMBER, ODS_ORGANISATION, REFERENCE_SYSTEM
from mappings.to_task import GATEWAY
from mappings.translate import code_map

Json = dict[str, Any]

EVENTS = "https://fhir.nhs.uk/CodeSystem/message-events-bars"
REASONS = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"
CATEGORIES = "https://fhir.nhs.uk/CodeSystem/message-category-servicerequest"
REJECTED = "https://fhir.nhs.uk/CodeSystem/rejected-reasons-bars"
OTHER = {"system": REJECTED, "code": "OTH", "display": "Other"}
NAMES = uuid5(NAMESPACE_URL, BASE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is around a message: its own id, the version of the BaRS application, the id of the message that it
    answers, the endpoints (system|id) and the organisations (ODS code, name) of both sides, and whether it is the
    first answer to the request."""

    id: str
    version: str
    answers: str
    source: str
    destination: str
    sender: tuple[str | None, str | None]
    receiver: tuple[str | None, str | None]
    first: bool


def response_from(task: Json, request: Mapping[str, Any] | None, person: Mapping[str, Any], envelope: Envelope) -> Json:
    """The message of a version of the Task. `request` is the sender's ServiceRequest, `person` the referral's (in the
    shape of `mappings.referral.Person`); None and {} while they are awaited from the sender's own server.

    The same of the same: what is repeated is repeated byte for byte.
    """
    at = task["meta"]["lastUpdated"]
    ours, theirs = _organisation(envelope.sender), _organisation(envelope.receiver)
    patient = _patient(task, person)
    asked = _request(task, request, patient)
    encounter = _encounter(task, asked, patient)
    header = {
        "resourceType": "MessageHeader",
        "id": str(uuid5(NAMES, f"MessageHeader/{envelope.id}")),
        "eventCoding": {"system": EVENTS, "code": "servicerequest-response"},
        "destination": [{"endpoint": envelope.destination, "receiver": _to(theirs)}],
        "sender": _to(ours),
        "source": {"name": GATEWAY, "software": GATEWAY, "endpoint": envelope.source},
        "reason": {"coding": [{"system": REASONS, "code": "new" if envelope.first else "update"}]},
        "response": {"identifier": envelope.answers, "code": "ok"},
        "focus": [_to(encounter)],
    }
    resources = [header, encounter, asked, *([patient] if patient else []), ours, theirs]
    return {
        "resourceType": "Bundle",
        "id": envelope.id,
        "meta": {"versionId": envelope.version, "lastUpdated": at},
        "type": "message",
        "timestamp": at,
        "entry": [
            {"fullUrl": _name(one), "resource": one | {"meta": {"lastUpdated": at}}}
            for one in {_name(each): each for each in resources}.values()
        ],
    }


def _encounter(task: Json, asked: Json, patient: Json | None) -> Json:
    """The hub's work with the person, which carries the status; the clinician's line is its narrative."""
    line = next(note["text"] for note in reversed(task["note"]) if note.get("authorString") == GATEWAY)
    status = code_map("encounter-status").translate(task["status"])
    encounter: Json = {
        "resourceType": "Encounter",
        "id": task["id"],
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(line, quote=False)}</div>',
        },
        "identifier": [one for one in task.get("identifier", []) if one.get("system") == REFERENCE_SYSTEM],
        "status": status.code if status else "unknown",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "basedOn": [_to(asked)],
    }
    if encounter["status"] == "in-progress" and "executionPeriod" in task:
        encounter["status"] = "arrived"
    if patient:
        encounter["subject"] = _to(patient)
    if "executionPeriod" in task:
        encounter["period"] = task["executionPeriod"]
    if encounter["status"] == "cancelled":
        encounter["reasonCode"] = [{"coding": [_why(task)], "text": line}]
    return {name: value for name, value in encounter.items() if value != []}


def _why(task: Json) -> Json:
    """One of BaRS' three reasons: as the Task says already, or as its closure reason maps; else Other."""
    said: list[Json] = task.get("statusReason", {}).get("coding", [])
    closed = code_map("closure-rejected-reason").concept({"coding": said})
    return next((one for one in said if one.get("system") == REJECTED), closed.coding() if closed else OTHER)


def _request(task: Json, request: Mapping[str, Any] | None, patient: Json | None) -> Json:
    """By what its sender knows it again: its ids, and what BaRS asks of any."""
    known = request or {"status": "active", "intent": "order", "id": str(uuid5(NAMES, f"ServiceRequest/{task['id']}"))}
    category = {"system": CATEGORIES, "code": "referral", "display": "Transfer of Care"}
    subject = _to(patient) if patient else task.get("for") or {"display": "Not known yet"}
    kept = {name: known[name] for name in ("id", "identifier", "status", "intent", "authoredOn") if name in known}
    return {"resourceType": "ServiceRequest", **kept, "category": [{"coding": [category]}], "subject": subject}


def _patient(task: Json, person: Mapping[str, Any]) -> Json | None:
    """No more than its sender needs to be sure who is meant; the name only of a person without any number."""
    if not person:
        return None
    identifiers = [dict(one) for one in person.get("local_identifiers", [])]
    if person.get("nhs_number"):
        identifiers.insert(0, {"system": NHS_NUMBER, "value": person["nhs_number"]})
    name = {"family": person.get("family_name"), "given": person.get("given_names")}
    patient: Json = {"resourceType": "Patient", "id": str(uuid5(NAMES, f"Patient/{task['id']}"))}
    if identifiers:
        patient["identifier"] = identifiers
    elif any(name.values()):
        patient["name"] = [{part: value for part, value in name.items() if value}]
    return patient | ({"birthDate": person["birth_date"]} if person.get("birth_date") else {})


def _organisation(known: tuple[str | None, str | None]) -> Json:
    code, name = known
    coded = {"identifier": [{"system": ODS_ORGANISATION, "value": code}]} if code else {}
    named = {"name": name} if name else {} if code else {"name": "Not known"}  # org-1
    return {"resourceType": "Organization", "id": str(uuid5(NAMES, f"Organization/{code}/{name}")), **coded, **named}


def _to(resource: Json) -> Json:
    return {"reference": _name(resource)}


def _name(resource: Json) -> str:
    """Its fullUrl: the same in each message."""
    return f"urn:uuid:{uuid5(NAMES, resource['resourceType'] + '/' + resource['id'])}"
