"""Who the tests of the form are about, what is answered for them, and who refers. All invented."""

from typing import Any

from mappings.form import Answers, Referrer

Json = dict[str, Any]

AT = "2026-11-22T10:00:00+00:00"
NAME = {"system": "urn:social-prescribing-gateway:Id:referral-form", "value": "draft-1"}
AMARA = Referrer(
    name="Dr Amara Osei",
    organisation="Northdale Mental Health NHS Foundation Trust",
    ods_code="XND01",
    role="Care coordinator",
    system="https://fhir.nhs.uk/Id/sds-user-id",
    value="999000000001",
    team="Recovery Team North",
    phone="01632 960045",
    email="amara.osei@northdale.example",
)
LEAST: Answers = {"reason": ["housing"], "risk": ["none-known"], "consent": ["permit"], "urgency": ["routine"]}
ALL: Answers = {
    "reason": ["housing"],
    "other-reasons": ["digital", "employment"],
    "situation": ["Her landlord wants her out.\nShe has no computer."],
    "services": ["housing", "Northdale Law Centre"],
    "what-matters": ["To stay near her sister."],
    "risk": ["known"],
    "risk-types": ["self-neglect", "home-visit"],
    "risk-detail": ["A dog that bites."],
    "phone": ["07700 900123"],
    "leave-message": ["no"],
    "contact-times": ["After 11"],
    "contact-method": ["text"],
    "language": ["Welsh"],
    "interpreter": [False],
    "communication-needs": ["Large print"],
    "consent": ["permit"],
    "urgency": ["urgent"],
    "hub": ["northdale-wellbeing-hub"],
}


def patient(**more: Any) -> Json:
    """Her record, changed; None leaves an element out."""
    made = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9992047186"}],
        "name": [{"use": "official", "family": "Harrow", "given": ["Margaret"]}],
        "telecom": [{"system": "phone", "value": "01632 960999", "use": "home"}],
        "gender": "female",
        "birthDate": "1971-06-14",
        "address": [{"use": "home", "line": ["8 Quayside Mews"], "city": "Northdale", "postalCode": "XN1 4QF"}],
    } | more
    return {name: value for name, value in made.items() if value is not None}


def about_her(type_: str, **more: Any) -> Json:
    return {"resourceType": type_, "subject": {"reference": "Patient/p1"}} | more


def flag(words: str, **more: Any) -> Json:
    return about_her("Flag", status="active", code={"text": words}, **more)


def coded(code: str, system: str = "http://snomed.info/sct") -> Json:
    return {"coding": [{"system": system, "code": code}]}
