"""From a completed form to the transaction that refers: the same Bundle that an EPR would POST (R4 bundle.html).

The person is as the EPR gave them, with only what a referral needs; what the clinician answered stands in the request
and, word for word, in the QuestionnaireResponse beside it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mappings.form.answers import Answer, Answers, answers_of
from mappings.form.problems import Problem, problems
from mappings.form.questionnaire import CANONICAL, coding
from mappings.systems import BASE, HUB_SYSTEM, ODS_ORGANISATION, SNOMED, TASK_CODE
from mappings.translate import read

Json = dict[str, Any]

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, BASE)
WHAT_MATTERS = f"{BASE}:StructureDefinition:what-matters"
PROHIBITED = {  # Gravity SDOHCC: the person is not to be contacted directly
    "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes",
    "code": "contacting-subject-prohibited",
}
SAFETY = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety", "display": "Safety"}
OF_PERSON = (
    "active", "identifier", "name", "telecom", "gender", "birthDate", "_birthDate", "deceasedBoolean",
    "deceasedDateTime", "address", "communication", "generalPractitioner",
)  # fmt: skip
EXTENSIONS = (  # of the Patient, that the referral reads
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-",
    "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
)


@dataclass(frozen=True, slots=True)
class Referrer:
    """Who refers: `system` and `value` identify the person (sds-user-id), `ods_code` the organisation."""

    name: str
    organisation: str
    ods_code: str | None = None
    role: str | None = None
    system: str | None = None
    value: str | None = None
    team: str | None = None
    phone: str | None = None
    email: str | None = None


class Unsendable(ValueError):
    """The answers cannot be sent as a referral: why stands in `problems`."""

    def __init__(self, found: list[Problem]) -> None:
        super().__init__(" ".join(f"{one.link_id}: {one.text}." for one in found))
        self.problems = found


def extract(response: Json, patient: Json, referrer: Referrer, at: str, name: Json, hub: Json | None = None) -> Json:
    """The transaction Bundle of the referral. Raises Unsendable.

    `response` answers the form; `patient` is the EPR's Patient; `at` is the dateTime of sending. `name` is the
    Identifier (system, value) of the referral at its sender: the same name twice is one referral, and makes the same
    Bundle. `hub` is a Reference for ServiceRequest.performer; without it the answer `hub` says where it goes.
    """
    answers = answers_of(response)
    if found := problems(answers):
        raise Unsendable(found)
    urls = {part: _url(name, part) for part in ("Patient", "Organization", "PractitionerRole", "Consent")}
    urls |= {part: _url(name, part) for part in ("QuestionnaireResponse", "ServiceRequest", "Task")}
    refer = {part: {"reference": url} for part, url in urls.items()}
    request = _request(answers, refer, at, name, hub or _hub(answers))
    parts = [
        _person(patient),
        _organisation(referrer),
        _role(referrer, refer),
        _consent(refer, at),
        _completed(response, refer, at),
        request,
        _task(refer, at, request["priority"]),
    ]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": urls[one["resourceType"]],
                "resource": one,
                "request": {"method": "POST", "url": one["resourceType"]},
            }
            for one in parts
        ],
    }


def _url(name: Json, part: str) -> str:
    return uuid.uuid5(NAMESPACE, f"{name['system']}|{name['value']}|{part}").urn


def _person(patient: Json) -> Json:
    """What a referral needs of the Patient; references lead nowhere here, so only what they say in words is kept."""
    kept = {part: _unlinked(patient[part]) for part in OF_PERSON if part in patient}
    extensions = [one for one in patient.get("extension", []) if str(one.get("url")).startswith(EXTENSIONS)]
    labels = (patient.get("meta") or {}).get("security")
    return (
        {"resourceType": "Patient"}
        | ({"meta": {"security": labels}} if labels else {})
        | ({"extension": _unlinked(extensions)} if extensions else {})
        | {part: value for part, value in kept.items() if value not in ([], {})}
    )


def _unlinked(value: Any) -> Any:
    if isinstance(value, list):
        return [left for one in value if (left := _unlinked(one)) not in ({}, [])]
    if isinstance(value, dict):
        parts = ((part, _unlinked(one)) for part, one in value.items() if part != "reference")
        return {part: left for part, left in parts if left not in ({}, [])}
    return value


def _organisation(referrer: Referrer) -> Json:
    made: Json = {"resourceType": "Organization", "name": referrer.organisation}
    if referrer.ods_code:
        made["identifier"] = [{"system": ODS_ORGANISATION, "value": referrer.ods_code}]
    return made


def _role(referrer: Referrer, refer: Mapping[str, Json]) -> Json:
    person: Json = {"display": referrer.name}
    if referrer.system and referrer.value:
        person["identifier"] = {"system": referrer.system, "value": referrer.value}
    made: Json = {
        "resourceType": "PractitionerRole",
        "active": True,
        "practitioner": person,
        "organization": refer["Organization"],
    }
    if referrer.role:
        made["code"] = [{"text": referrer.role}]
    if referrer.team:
        made["healthcareService"] = [{"display": referrer.team}]
    reached = (("phone", referrer.phone), ("email", referrer.email))
    if telecom := [{"system": system, "value": value, "use": "work"} for system, value in reached if value]:
        made["telecom"] = telecom
    return made


def _consent(refer: Mapping[str, Json], at: str) -> Json:
    """That the person agrees; answers that say anything else are not sent."""
    terms = "http://terminology.hl7.org/CodeSystem/"
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": f"{terms}consentscope", "code": "patient-privacy"}],
            "text": "Sharing for a social prescribing referral",
        },
        "category": [{"coding": [{"system": f"{terms}v3-ActCode", "code": "IDSCL"}]}],
        "patient": refer["Patient"],
        "dateTime": at,
        "organization": [refer["Organization"]],
        "policyRule": {"text": "Direct care"},
        "provision": {"type": "permit"},
    }


def _completed(response: Json, refer: Mapping[str, Json], at: str) -> Json:
    """The answers as given, complete, about this person and by this referrer."""
    of_draft = ("id", "meta", "text", "contained", "status", "subject", "author", "authored", "questionnaire", "source")
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": CANONICAL,
        "status": "completed",
        "subject": refer["Patient"],
        "authored": at,
        "author": refer["PractitionerRole"],
    } | {part: value for part, value in response.items() if part not in (*of_draft, "resourceType")}


def _request(answers: Answers, refer: Mapping[str, Json], at: str, name: Json, hub: Json | None) -> Json:
    risks = _risks(answers, refer["Patient"])
    reasons = dict.fromkeys([*answers["reason"], *answers.get("other-reasons", [])])
    made: Json = {
        "resourceType": "ServiceRequest",
        "contained": risks,
        "identifier": [name],
        "status": "active",
        "intent": "order",
        "category": [_concept({"system": SNOMED, "code": "3457005", "display": "Patient referral"})],
        "priority": _priorities()[str(answers["urgency"][0])],
        "code": _concept(
            {"system": SNOMED, "code": "871731000000106", "display": "Referral to social prescribing service"}
        ),
        "subject": refer["Patient"],
        "authoredOn": at,
        "requester": refer["PractitionerRole"],
        "reasonCode": [_chosen("reason", one) for one in reasons],
        "supportingInfo": [
            refer["Consent"],
            refer["QuestionnaireResponse"],
            *({"reference": f"#{risk['id']}"} for risk in risks),
        ],
    }
    if matters := answers.get("what-matters"):
        made["extension"] = [{"url": WHAT_MATTERS, "valueString": matters[0]}]
    if hub:
        made["performer"] = [hub]
    if details := [_chosen("services", one) for one in answers.get("services", [])] + _only_through(answers):
        made["orderDetail"] = details
    if situation := answers.get("situation"):
        made["note"] = [{"text": situation[0]}]
    return made


def _risks(answers: Answers, person: Json) -> list[Json]:
    """A Flag for each kind of risk and one for the words about them; or the one that says that none is known.

    They stand in the request: no known risks is true of this referral, not of the person for ever.
    """
    if answers["risk"] == ["none-known"]:
        said = [_chosen("risk", "none-known")]
    else:
        said = [_chosen("risk-types", one) for one in answers.get("risk-types", [])]
        said.append({"text": str(answers["risk-detail"][0])})
    return [
        {
            "resourceType": "Flag",
            "id": f"risk-{number}",
            "status": "active",
            "category": [_concept(SAFETY)],
            "code": code,
            "subject": person,
        }
        for number, code in enumerate(said, start=1)
    ]


def _only_through(answers: Answers) -> list[Json]:
    if answers.get("contact-method") != ["through-referrer"]:
        return []
    return [{"coding": [PROHIBITED], "text": "Contact the person only through the referrer"}]


def _task(refer: Mapping[str, Json], at: str, priority: str) -> Json:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": _concept({"system": TASK_CODE, "code": "fulfill"}),
        "priority": priority,
        "focus": refer["ServiceRequest"],
        "for": refer["Patient"],
        "authoredOn": at,
        "requester": refer["PractitionerRole"],
    }


def _hub(answers: Answers) -> Json | None:
    chosen = answers.get("hub")
    return {"identifier": {"system": HUB_SYSTEM, "value": chosen[0]}} if chosen else None


def _chosen(link: str, answer: Answer) -> Json:
    """An answer as a CodeableConcept: coded where it is one of the options, else in its own words."""
    found = coding(link, str(answer))
    return {"coding": [found], "text": found["display"]} if found else {"text": str(answer)}


def _concept(one: Json) -> Json:
    return {"coding": [one]}


@cache
def _priorities() -> dict[str, str]:
    """Urgency -> the FHIR priority that means it, read backwards from the map that reads priorities; the first row."""
    found: dict[str, str] = {}
    for group in read("priority", "ConceptMap")["group"]:
        for element in group["element"]:
            found.setdefault(element["target"][0]["code"], element["code"])
    return found
