"""People who are referred, one after the other."""

import copy
from typing import Any

from tests.app import referral_bundle, resource_of

Json = dict[str, Any]

NHS = "https://fhir.nhs.uk/Id/nhs-number"
RIO = "https://northdale.example/rio/client-id"
STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
STATUSES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
MARGARET, OTHER = "9990001014", "9990001022"


def nhs(number: str = MARGARET, status: str | None = "01", **more: Any) -> Json:
    """An NHS number with its verification status."""
    told = {"url": STATUS, "valueCodeableConcept": {"coding": [{"system": STATUSES, "code": status}]}}
    return {"system": NHS, "value": number, **({"extension": [told]} if status else {}), **more}


def rio(value: str = "0012345", **more: Any) -> Json:
    return {"system": RIO, "value": value, **more}


def patient(*identifiers: Json, **elements: Any) -> Json:
    """Margaret Harrow, born 14 June 1971, with these identifiers; None takes an element away."""
    whole = {
        "resourceType": "Patient",
        "identifier": list(identifiers),
        "name": [{"use": "official", "family": "Harrow", "given": ["Margaret", "Anne"]}],
        "birthDate": "1971-06-14",
        **elements,
    }
    return {name: value for name, value in whole.items() if value is not None}


def referral_of(person: Json) -> Json:
    """The demo's transaction about another Patient."""
    bundle = referral_bundle()
    kept = resource_of(bundle, "Patient")
    reach = {name: kept[name] for name in ("telecom", "address", "generalPractitioner")}
    kept.clear()
    kept.update(reach | copy.deepcopy(person))
    return bundle
