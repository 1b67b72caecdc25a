"""REF^I12 as a ServiceRequest and its Task. Source: HL7 v2.4, 11.4 and 11.6; what of it is convention stands in the
README of adapters/hl7v2."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mappings.hl7v2 import values
from mappings.hl7v2.message import Field, Message, Segment
from mappings.hl7v2.patient import Mistaken
from mappings.systems import ODS_ORGANISATION, SNOMED, TASK_CODE

Json = dict[str, Any]

READ = frozenset({"MSH", "EVN", "RF1", "PRD", "PID", "PD1", "NK1", "DG1", "NTE", "OBX"})
WITHOUT_NEWS = frozenset({"AUT", "CTD", "OBR", "PV1", "PV2", "ROL"})  # say nothing that a link worker needs
DOCUMENTS = frozenset({"ED", "RP"})
WHY_A_PROVIDER_REFERS = "HL70336"  # second opinion, ordered ...: no reason of the person's


@dataclass(frozen=True, slots=True)
class Referrer:
    """The organisation that the message comes from, as it is registered here."""

    ods_code: str
    name: str


def referral_from(message: Message, referrer: Referrer, numbers: str, subject: str) -> Json:
    """The ServiceRequest of a REF^I12; `numbers` is the FHIR system of the sender's referral numbers (RF1-6), and
    `subject` the Patient's reference. What it refers to is contained in it. Raises Mistaken."""
    rf1 = message.segment("RF1")
    if rf1 is None:
        raise Mistaken("RF1", 0, "a referral needs this segment.", "100")
    priority = values.code("priority", rf1.text(2))
    if priority is None:
        raise Mistaken("RF1", 2, "this priority is not known. Send R (routine), A (as soon as possible) or S.", "103")
    around = [*_referrer(message, referrer), *_findings(message, subject)]
    support = [{"reference": f"#{one['id']}"} for one in around if one["resourceType"] in SUPPORTS]
    request = {
        "resourceType": "ServiceRequest",
        "contained": around,
        "identifier": _numbers(rf1, numbers),
        "status": "active",
        "intent": "order",
        "category": [one for field in rf1.fields(3) if field.text(2) and (one := values.concept(field))],
        "priority": priority,
        "code": {"coding": [REFERRAL]},
        "subject": {"reference": subject},
        "authoredOn": authored(message, rf1),
        "requester": {"reference": "#referrer"},
        "performer": _performers(message),
        "reasonCode": list(_reasons(message, rf1)),
        "supportingInfo": support,
        "note": [{"text": text} for text in _notes(message)],
    }
    return {name: value for name, value in request.items() if value not in (None, [])}


SUPPORTS = frozenset({"Flag", "Observation", "Consent"})
REFERRAL = {"system": SNOMED, "code": "871731000000106", "display": "Referral to social prescribing service"}


def task_for(request: Json, focus: str) -> Json:
    """The Task that sends the request."""
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": TASK_CODE, "code": "fulfill"}]},
        "priority": request["priority"],
        "focus": {"reference": focus},
        "for": request["subject"],
        "authoredOn": request["authoredOn"],
    }


def authored(message: Message, rf1: Segment) -> str:
    """When it was referred: RF1-7, else when the message was made (MSH-7)."""
    msh = message.segments("MSH")[0]
    for segment, number in ((rf1, 7), (msh, 7)):
        if said := segment.text(number):
            when = values.moment(said)
            if when is None:
                raise Mistaken(segment.name, number, "this is no time. Send YYYYMMDDHHMMSS.")
            return when
    raise Mistaken("MSH", 7, "say when the message was made: YYYYMMDDHHMMSS.", "101")


def _numbers(rf1: Segment, system: str) -> list[Json]:
    """RF1-6 is an EI; some send the number where its universal id belongs (EI.3)."""
    value = rf1.text(6) or rf1.text(6, 3)
    return [{"system": system, "value": value}] if value else []


def _referrer(message: Message, referrer: Referrer) -> Iterator[Json]:
    yield {
        "resourceType": "Organization",
        "id": "organisation",
        "identifier": [{"system": ODS_ORGANISATION, "value": referrer.ods_code}],
        "name": referrer.name,
    }
    role: Json = {
        "resourceType": "PractitionerRole",
        "id": "referrer",
        "organization": {"reference": "#organisation", "display": referrer.name},
    }
    for prd in _providers(message, "RP"):
        if who := values.person_name(prd, 2):
            role["practitioner"] = {"display": who}
        if team := prd.text(4, 9) or prd.text(4):
            role["healthcareService"] = [{"display": team}]
        if reached := [one for field in prd.fields(5) if (one := values.telecom(field, "work"))]:
            role["telecom"] = reached
        break
    yield role


def _performers(message: Message) -> list[Json]:
    found = []
    for prd in _providers(message, "RT"):
        named = [(values.code("hub-system", field.text(2)), field.text()) for field in prd.fields(7)]
        one: Json = next(({"identifier": {"system": s, "value": v}} for s, v in named if s and v), {})
        if called := prd.text(4, 9) or prd.text(2):
            one["display"] = called
        found += [one] if one else []
    return found


def _providers(message: Message, role: str) -> Iterator[Segment]:
    for prd in message.segments("PRD"):
        if any(field.text().upper() == role for field in prd.fields(1)):
            yield prd


def _reasons(message: Message, rf1: Segment) -> Iterator[Json]:
    fields = [field for field in rf1.fields(10) if field.text(3).upper() != WHY_A_PROVIDER_REFERS]
    yield from filter(None, map(_reason, fields))
    for dg1 in message.segments("DG1"):
        said = _reason(dg1.field(3)) or ({"text": dg1.text(4)} if dg1.text(4) else None)
        if said:
            yield said | ({"text": dg1.text(4)} if dg1.text(4) else {})


def _reason(field: Field) -> Json | None:
    concept = values.concept(field)
    system = values.code("code-system", field.text(3))
    if concept and system and field.text(1):
        coding = {"system": system, "code": field.text(1), "display": field.text(2)}
        concept["coding"] = [{name: value for name, value in coding.items() if value}]
    return concept


def _notes(message: Message) -> Iterator[str]:
    for nte in message.segments("NTE"):
        if said := "\n".join(text for field in nte.fields(3) for text in [" ".join(field.texts())] if text):
            yield said
    unread = sorted({one.name for one in message.all} - READ - WITHOUT_NEWS)
    if unread:
        yield f"The message held more, which is not passed on: segments {', '.join(name[:3] for name in unread)}."


def _findings(message: Message, subject: str) -> Iterator[Json]:
    """OBX: a risk when its identifier is RISK, consent when it is CONSENT (Y or N), else an observation in words."""
    for number, obx in enumerate(message.segments("OBX")):
        if obx.text(2).upper() in DOCUMENTS:
            raise Mistaken("OBX", 2, "documents are not taken in HL7 v2 messages. Send the referral over FHIR.", "103")
        said = "; ".join(text for field in obx.fields(5) for text in [_value(field, obx.text(2))] if text)
        kind = obx.text(3).upper()
        id_ = f"finding-{number + 1}"
        about = {"id": id_, "subject": {"reference": subject}}
        if kind == "CONSENT":
            yield _consent(said, id_, subject)
        elif kind == "RISK" and said:
            yield {"resourceType": "Flag", **about, "status": "active", "code": {"text": said}}
        elif said:
            named = values.concept(obx.field(3)) or {"text": "Observation"}
            words = " ".join(filter(None, (said, obx.text(6, 2) or obx.text(6))))
            yield {"resourceType": "Observation", **about, "status": "final", "code": named, "valueString": words}


def _value(field: Field, type_: str) -> str:
    """A coded value in its words, any other as it stands."""
    return (field.text(2) or field.text(1)) if type_.upper() in {"CE", "CWE"} else " ".join(field.texts())


def _consent(said: str, id_: str, subject: str) -> Json:
    if said.upper() not in {"Y", "N"}:
        raise Mistaken("OBX", 5, "whether the person consents is Y or N.", "103")
    return {
        "resourceType": "Consent",
        "id": id_,
        "status": "active",
        "scope": {"coding": [{"system": CONSENT_SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL"}]}],
        "patient": {"reference": subject},
        "policyRule": {"text": "Direct care"},
        "provision": {"type": "permit" if said.upper() == "Y" else "deny"},
    }


CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
