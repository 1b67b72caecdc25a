"""What a referral needs so that somebody can act on it safely: one table of rules.

`error` refuses: no person to find, nobody to answer to, no reason, or a contradiction about whose referral it is.
`warning` is kept, returned with the answer and shown to the advisor: what the Social Prescribing Information
Standard v1.1 (PRSB / NHS England) wants and the sender left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nhs_number import is_valid

from gateway.errors import Issue
from mappings.to_referral import Sources, Translation

Json = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Holds when `holds(translation.referral, sources)` is true."""

    key: str
    severity: str
    code: str
    expression: str
    text: str
    source: str
    holds: Callable[[Json, Sources], bool]


PRSB = "Social Prescribing Information Standard v1.1"

RULES = [
    Rule(
        "request-active", "error", "business-rule", "ServiceRequest.status",
        "ServiceRequest.status must be active: only an active request can be sent as a referral.",
        "R4 servicerequest.html", lambda referral, given: given.service_request["status"] == "active",
    ),
    Rule(
        "request-wanted", "error", "business-rule", "ServiceRequest.doNotPerform",
        "ServiceRequest.doNotPerform is true: a request not to do something cannot be a referral.",
        "R4 servicerequest.html", lambda referral, given: given.service_request.get("doNotPerform") is not True,
    ),
    Rule(
        "task-requested", "error", "business-rule", "Task.status",
        "Task.status must be requested when a referral is sent; later states are set by the receiver.",
        "Gravity SDOHCC Task for referral management",
        lambda referral, given: given.task is None or given.task["status"] == "requested",
    ),
    Rule(
        "one-person", "error", "business-rule", "Task.for",
        "Task.for and ServiceRequest.subject must be the same person.",
        "patient safety", lambda referral, given: _same_person(given.task, "for", given),
    ),
    Rule(
        "consent-of-person", "error", "business-rule", "Consent.patient",
        "Consent.patient and ServiceRequest.subject must be the same person.",
        "patient safety", lambda referral, given: _same_person(given.consent, "patient", given),
    ),
    Rule(
        "consent-not-refused", "error", "business-rule", "Consent.provision.type",
        "The consent sent with this referral refuses sharing. Do not refer without the person's agreement.",
        PRSB, lambda referral, given: referral.get("consent", {}).get("decision") != "deny",
    ),
    Rule(
        "person-known", "error", "required", "ServiceRequest.subject",
        "ServiceRequest.subject must lead to a Patient resource: in the Bundle, contained, or sent before.",
        PRSB, lambda referral, given: given.patient is not None,
    ),
    Rule(
        "person-name", "error", "required", "Patient.name",
        "Patient.name needs a family or given name, so that the advisor knows whom to ask for.",
        PRSB, lambda referral, given: given.patient is None or _named(referral["person"]),
    ),
    Rule(
        "person-found", "error", "required", "Patient.identifier",
        "The Patient needs an NHS number (identifier of system https://fhir.nhs.uk/Id/nhs-number) or a birthDate, "
        "so that the right person can be found.",
        PRSB,
        lambda referral, given: given.patient is None
        or bool(referral["person"].get("nhs_number") or referral["person"].get("birth_date")),
    ),
    Rule(
        "referrer-organisation", "error", "required", "ServiceRequest.requester",
        "ServiceRequest.requester must lead to an organisation with a name or ODS code: send a PractitionerRole "
        "with organization, or an Organization.",
        PRSB,
        lambda referral, given: any(
            referral["referrer"].get("organisation", {}).get(key) for key in ("ods_code", "name")
        ),
    ),
    Rule(
        "reason", "error", "required", "ServiceRequest.reasonCode",
        "ServiceRequest.reasonCode needs at least one reason, as a code or as text.",
        PRSB, lambda referral, given: bool(referral.get("reasons")),
    ),
    Rule(
        "birth-date", "warning", "required", "Patient.birthDate",
        "No date of birth was sent.", PRSB, lambda referral, given: bool(referral["person"].get("birth_date")),
    ),
    Rule(
        "nhs-number", "warning", "required", "Patient.identifier",
        "No NHS number was sent.", PRSB, lambda referral, given: bool(referral["person"].get("nhs_number")),
    ),
    Rule(
        "gp-practice", "warning", "required", "Patient.generalPractitioner",
        "No GP practice was sent. Say so in words when the person is not registered.",
        PRSB,
        lambda referral, given: bool(referral["person"].get("gp_practice") or referral["person"].get("sensitive")),
    ),
    Rule(
        "reachable", "warning", "required", "Patient.telecom",
        "No telephone number, e-mail or address of the person was sent: the advisor cannot make contact.",
        PRSB,
        lambda referral, given: any(
            referral["person"].get(key) for key in ("phones", "emails", "address", "sensitive")
        ),
    ),
    Rule(
        "alive", "warning", "business-rule", "Patient.deceased",
        "The record sent says that the person has died. Check before anybody makes contact.",
        "patient safety", lambda referral, given: not referral["person"].get("deceased"),
    ),
    Rule(
        "referrer-name", "warning", "required", "ServiceRequest.requester",
        "The referrer's name was not sent.", PRSB, lambda referral, given: bool(referral["referrer"].get("name")),
    ),
    Rule(
        "referrer-contact", "warning", "required", "ServiceRequest.requester",
        "No telephone number or e-mail of the referrer was sent.",
        PRSB, lambda referral, given: any(referral["referrer"].get(key) for key in ("phone", "email")),
    ),
    Rule(
        "risks", "warning", "required", "ServiceRequest.supportingInfo",
        'No risk entry was sent. Send a Flag or RiskAssessment, or one that says "no known risks".',
        PRSB, lambda referral, given: bool(referral.get("risks")),
    ),
    Rule(
        "consent", "warning", "required", "ServiceRequest.supportingInfo",
        "No consent was sent.", PRSB, lambda referral, given: bool(referral.get("consent")),
    ),
]  # fmt: skip


def check_referral(translation: Translation, sources: Sources, nhs_number_check: str) -> list[Issue]:
    """All findings on one referral: errors that refuse it, warnings that go with it."""
    referral = translation.referral
    issues = [
        Issue(rule.code, rule.text, rule.expression, rule.severity)
        for rule in RULES
        if not rule.holds(referral, sources)
    ]
    number = referral["person"].get("nhs_number")
    if number and nhs_number_check != "off" and not is_nhs_number(number):
        severity = "error" if nhs_number_check == "reject" else "warning"
        text = "The NHS number fails its check (ten digits, modulus 11, not all the same). Correct it or leave it out."
        issues.append(Issue("value", text, "Patient.identifier", severity))
    return issues + [_not_understood(unknown) for unknown in translation.unknown]


def _not_understood(unknown: dict[str, str | None]) -> Issue:
    place = unknown["expression"]
    what = "has a code that no map here knows" if unknown["code"] else "has words but no code"
    return Issue("code-invalid", f"{place} {what}. The words are kept and shown as sent.", place, "warning")


def is_nhs_number(number: str) -> bool:
    """Ten digits whose modulus-11 check holds; ten equal digits pass the sum, but were never issued."""
    return len(number) == 10 and number.isascii() and number.isdigit() and len(set(number)) > 1 and is_valid(number)


def _named(person: Json) -> bool:
    return bool(person.get("family_name") or person.get("given_names"))


def _same_person(resource: Json | None, element: str, given: Sources) -> bool:
    """Whether the element leads to the ServiceRequest's subject, by address or by an identifier of that person."""
    named = (resource or {}).get(element, {})
    if "reference" in named:
        return bool(named["reference"] == given.service_request["subject"].get("reference"))
    value = named.get("identifier", {}).get("value")
    known = [identifier.get("value") for identifier in (given.patient or {}).get("identifier", [])]
    return value is None or value in known
