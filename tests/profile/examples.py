"""For each rule of the profile what satisfies it and what breaks it: changes to the complete referral of `conftest`.

A change is {what: {element: value}}; None takes the element away. `hub` says how a hub was asked for.
"""

from typing import Any

Change = dict[str, dict[str, Any]]

NHS, ODS = "https://fhir.nhs.uk/Id/nhs-number", "https://fhir.nhs.uk/Id/ods-organization-code"
STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
GRAVITY = {"profile": ["http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"]}
FULFIL = {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]}
SOMEBODY_ELSE = {"reference": "Patient/2"}
COMPLETE: Change = {}


def number(value: str, status: str | None = None, system: str = "England") -> Change:
    """The Patient with this NHS number only, and what is said of it."""
    coding = {
        "system": f"https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus{system}",
        "code": status,
    }
    told = [{"url": STATUS, "valueCodeableConcept": {"coding": [coding]}}] if status else []
    return {"patient": {"identifier": [{"system": NHS, "value": value, "extension": told}]}}


def numbers(*some: tuple[str, str | None]) -> Change:
    """The Patient with these NHS numbers, each with its status."""
    return {"patient": {"identifier": [one for told in some for one in number(*told)["patient"]["identifier"]]}}


def gravity(**task: Any) -> Change:
    """A Task that claims Gravity's profile and has all of it, but for this."""
    whole = {
        "meta": GRAVITY,
        "code": FULFIL,
        "focus": {"reference": "ServiceRequest/1"},
        "requester": {"reference": "PractitionerRole/1"},
        "authoredOn": "2026-01-30",
    }
    return {"task": whole | task}


EXAMPLES: dict[str, tuple[list[Change], list[Change]]] = {  # key -> what satisfies it, what breaks it
    "contact-prohibited": (
        [COMPLETE, {"request": {"orderDetail": [{"text": "Mornings"}]}}],
        [{"request": {"orderDetail": [{"coding": [{"code": "contacting-subject-prohibited"}]}]}}],
    ),
    "request-active": ([COMPLETE], [{"request": {"status": status}} for status in ("draft", "revoked", None)]),
    "request-wanted": ([{"request": {"doNotPerform": False}}], [{"request": {"doNotPerform": True}}]),
    "request-ordered": (
        [{"request": {"intent": intent}} for intent in ("original-order", "instance-order", "plan")],
        [{"request": {"intent": intent}} for intent in ("proposal", "option", "directive")],
    ),
    "request-planned": ([COMPLETE], [{"request": {"intent": "plan"}}]),
    "task-requested": ([COMPLETE], [{"task": {"status": status}} for status in ("received", "ready", "draft")]),
    "one-person": ([{"task": {"for": {"identifier": {"system": NHS, "value": "9990001014"}}}}],
                   [{"task": {"for": SOMEBODY_ELSE}}]),
    "subject-agrees": (
        [{"request": {"subject": {"reference": "Patient/1", "identifier": {"system": "urn:rio", "value": "0042"}}}}],
        [{"request": {"subject": {"reference": "Patient/1", "identifier": {"system": "urn:rio", "value": "1"}}}}],
    ),
    "consent-of-person": ([COMPLETE], [{"consent": {"patient": SOMEBODY_ELSE}}]),
    "person-known": ([COMPLETE], [{"request": {"subject": {"reference": "Patient/9"}}, "task": {"for": None}}]),
    "consent-refused": (
        [COMPLETE],
        [{"consent": {"provision": {"type": "deny"}}}, {"consent": {"status": "inactive"}}],
    ),
    "person-name": ([{"patient": {"name": [{"given": ["Margaret"]}]}}],
                    [{"patient": {"name": None}}, {"patient": {"name": [{"use": "old", "family": "Before"}]}},
                     {"patient": {"name": [{"family": ".", "given": ["-"]}]}}]),
    "person-found": ([{"patient": {"birthDate": None}}, {"patient": {"identifier": None}}],
                     [{"patient": {"birthDate": day, "identifier": None}} for day in (None, "2031-01-01", "1895")]),
    "referrer-organisation": (
        [{"organization": {"name": None}}, {"organization": {"identifier": None}}],
        [{"role": {"organization": None}}, {"request": {"requester": None}}],
    ),
    "reason": ([{"request": {"reasonCode": [{"text": "Feels alone"}]}}],
               [{"request": {"reasonCode": None}}, {"request": {"reasonCode": [{"text": "."}]}}]),
    "nhs-number-check": ([COMPLETE, {"patient": {"identifier": None}}],
                         [number("9990001015"), number("9999999999"), number("99900010"),
                          numbers(("9990001014", "01"), ("9990001015", None))]),
    "one-nhs-number": ([COMPLETE, numbers(("9990001014", None), ("999 000 1014", "01"))],
                       [numbers(("9990001014", None), ("9990001022", "01"))]),
    "birth-date": ([{"patient": {"birthDate": "1971"}}], [{"patient": {"birthDate": None}}]),
    "birth-date-possible": ([{"patient": {"birthDate": day}} for day in ("2026", "2026-02-01", "1896", None)],
                            [{"patient": {"birthDate": day}} for day in ("2031-01-01", "2026-03", "1895-12-31")]),
    "nhs-number": ([number("999 000 1014")], [{"patient": {"identifier": None}}]),
    "nhs-number-verified": (
        [number("9990001014", "01"), number("9990001014", "02"), {"patient": {"identifier": None}},
         number("9990001014", "number-present-and-verified", system="")],
        [number("9990001014"), number("9990001014", "03"), number("9990001014", "trace-required", system="")],
    ),
    "restricted": ([{"patient": {"meta": {"security": [{"code": "U"}]}}}],
                   [{"patient": {"meta": {"security": [{"code": code}]}}} for code in ("R", "V", "REDACTED")]),
    "gp-practice": (
        [{"patient": {"generalPractitioner": [{"display": "Not registered"}]}},
         {"patient": {"generalPractitioner": [{"identifier": {"system": ODS, "value": "V81997"}}]}},
         {"patient": {"generalPractitioner": None, "meta": {"security": [{"code": "R"}]}}}],
        [{"patient": {"generalPractitioner": None}}],
    ),
    "reachable": ([{"patient": {"telecom": None}}, {"patient": {"address": None}}],
                  [{"patient": {"telecom": None, "address": None}}]),
    "record-current": (
        [{"patient": {"active": True, "link": [{"type": "seealso", "other": SOMEBODY_ELSE}]}}],
        [{"patient": {"active": False}}, {"patient": {"link": [{"type": "replaced-by", "other": SOMEBODY_ELSE}]}}],
    ),
    "alive": ([{"patient": {"deceasedBoolean": False}}],
              [{"patient": {"deceasedBoolean": True}}, {"patient": {"deceasedDateTime": "2026-01-20"}}]),
    "referrer-name": ([{"role": {"practitioner": {"display": "Ms Jo Sample"}}}], [{"role": {"practitioner": None}}]),
    "referrer-service": ([{"role": {"healthcareService": None, "specialty": [{"text": "Early intervention"}]}}],
                         [{"role": {"healthcareService": None}}]),
    "referrer-contact": ([{"role": {"telecom": [{"system": "email", "value": "jo@trust.example"}]}}],
                         [{"role": {"telecom": None}}, {"role": {"telecom": [{"system": "fax", "value": "1"}]}}]),
    "referrer-of-sender": (
        [{"organization": {"identifier": [{"system": "http://fhir.nhs.net/id/ODS-site-code", "value": "XND0142"}]}}],
        [{"organization": {"identifier": [{"system": ODS, "value": "XED02"}]}}],
    ),
    "hub-named": ([COMPLETE], [{"hub": {"addressed": False}}]),
    "hub-known": ([COMPLETE, {"hub": {"addressed": False, "hub_known": False}}], [{"hub": {"hub_known": False}}]),
    "risks": ([{"flag": {"code": {"text": "No known risks"}}}], [{"flag": {"status": "inactive"}}]),
    "consent": ([COMPLETE], [{"request": {"supportingInfo": [{"reference": "Flag/1"}]}, "consent": {"patient": None}},
                             {"consent": {"status": "draft"}}]),
    "consent-in-doubt": ([COMPLETE], [{"consent": {"provision": {"type": "permit", "period": {"end": "2020"}}}}]),
    "recognisable": (
        [{"task": {"identifier": [{"system": "urn:rio:task", "value": "1"}]}, "request": {"identifier": None}}],
        [{"request": {"identifier": None}}, {"request": {"identifier": [{"value": "1"}]}}],
    ),
    "gravity-code": ([gravity(), {"task": {"code": None}}], [gravity(code=None), gravity(code={"text": "Do it"})]),
    "gravity-intent": ([gravity(), {"task": {"intent": "plan"}}], [gravity(intent="plan")]),
    "gravity-focus": ([gravity(), COMPLETE], [gravity(focus=None)]),
    "gravity-for": ([gravity(), {"task": {"for": None}}], [gravity(**{"for": None})]),
    "gravity-requester": ([gravity(), COMPLETE], [gravity(requester=None)]),
    "gravity-authored-on": ([gravity(), COMPLETE], [gravity(authoredOn=None)]),
    "gravity-status-reason": ([gravity(statusReason={"text": "Sent again"}), {"task": {"statusReason": {}}}],
                              [gravity(statusReason={"coding": [{"code": "x"}]})]),
    "about-another": ([COMPLETE], [{"flag": {"subject": SOMEBODY_ELSE}}]),
    "code-known": ([COMPLETE], [{"request": {"reasonCode": [{"text": "Pets"}]}}]),
}  # fmt: skip
