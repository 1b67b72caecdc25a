"""One referral with all that the profile asks for, to be changed by each test, and what the gateway makes of it."""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.errors import Issue
from gateway.profile import Sent as Judged
from gateway.profile import check_referral
from gateway.sources import gather
from gateway.store.resources import Resource
from mappings.to_referral import Sources, referral_from

Json = dict[str, Any]

RECEIVED = datetime(2026, 2, 1, 9, tzinfo=UTC)
NHS, ODS = "https://fhir.nhs.uk/Id/nhs-number", "https://fhir.nhs.uk/Id/ods-organization-code"
UK_CORE = "https://fhir.hl7.org.uk"
VERIFIED = {
    "url": f"{UK_CORE}/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
    "valueCodeableConcept": {
        "coding": [{"system": f"{UK_CORE}/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "code": "01"}]
    },
}
SUBJECT = {"reference": "Patient/1"}
KNOWN: dict[str, Json] = {
    "Patient/1": {
        "resourceType": "Patient",
        "identifier": [
            {"system": NHS, "value": "9990001014", "extension": [VERIFIED]},
            {"system": "urn:rio", "value": "0042"},
        ],
        "name": [{"use": "official", "family": "Example", "given": ["Margaret"]}],
        "birthDate": "1971-04-09",
        "telecom": [{"system": "phone", "value": "01632 960101"}],
        "address": [{"use": "home", "line": ["12 Invented Street"]}],
        "generalPractitioner": [{"type": "Organization", "display": "The Invented Surgery"}],
    },
    "Organization/1": {
        "resourceType": "Organization",
        "identifier": [{"system": ODS, "value": "XND01"}],
        "name": "Northdale Mental Health NHS Foundation Trust",
    },
    "Practitioner/1": {"resourceType": "Practitioner", "name": [{"text": "Ms Jo Sample"}]},
    "PractitionerRole/1": {
        "resourceType": "PractitionerRole",
        "practitioner": {"reference": "Practitioner/1"},
        "organization": {"reference": "Organization/1"},
        "healthcareService": [{"display": "Recovery Team North"}],
        "telecom": [{"system": "phone", "value": "01632 960200"}],
    },
    "Flag/1": {"resourceType": "Flag", "status": "active", "code": {"text": "No known risks"}, "subject": SUBJECT},
    "Consent/1": {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": SUBJECT,
        "provision": {"type": "permit"},
    },
}
REQUEST: Json = {
    "resourceType": "ServiceRequest",
    "identifier": [{"system": "urn:rio:referral", "value": "1"}],
    "status": "active",
    "intent": "order",
    "subject": SUBJECT,
    "requester": {"reference": "PractitionerRole/1"},
    "authoredOn": "2026-01-30",
    "reasonCode": [
        {"coding": [{"system": "http://snomed.info/sct", "code": "267076002", "display": "Feeling lonely"}]}
    ],
    "supportingInfo": [{"reference": "Flag/1"}, {"reference": "Consent/1"}],
}
TASK: Json = {"resourceType": "Task", "status": "requested", "intent": "order", "for": SUBJECT}


@dataclass
class Sent:
    """What was sent; `issues` and `referral` say what becomes of it."""

    known: dict[str, Json] = field(default_factory=lambda: copy.deepcopy(KNOWN))
    request: Json = field(default_factory=lambda: copy.deepcopy(REQUEST))
    task: Json = field(default_factory=lambda: copy.deepcopy(TASK))

    @property
    def patient(self) -> Json:
        return self.known["Patient/1"]

    @property
    def consent(self) -> Json:
        return self.known["Consent/1"]

    def send_along(self, **resource: Any) -> None:
        """Adds a resource that supportingInfo names."""
        name = f"{resource['resourceType']}/{len(self.known) + 1}"
        self.known[name] = resource
        self.request["supportingInfo"].append({"reference": name})

    @property
    def sources(self) -> Sources:
        request, task = (Resource(one["resourceType"], "1", 1, RECEIVED, one) for one in (self.request, self.task))
        return gather(self.known, request, task, "epr-api", RECEIVED.date().isoformat())

    @property
    def referral(self) -> Json:
        return referral_from(self.sources).referral

    @property
    def issues(self) -> list[Issue]:
        return self.judge({})

    def judge(self, agreed: dict[str, str], nhs_number_check: str = "warn", **hub: bool) -> list[Issue]:
        """What is found when the sender's agreement says so much of single rules."""
        sources = self.sources
        translation = referral_from(sources)
        today = RECEIVED.date().isoformat()
        judged = Judged(translation.referral, sources, translation.unknown, "XND01", today, **hub)
        return check_referral(judged, agreed, nhs_number_check)

    @property
    def errors(self) -> list[str | None]:
        """The elements that refuse the referral."""
        return [issue.expression for issue in self.issues if issue.severity == "error"]

    @property
    def warnings(self) -> list[str]:
        return [issue.text for issue in self.issues if issue.severity == "warning"]


@pytest.fixture
def sent() -> Sent:
    return Sent()
