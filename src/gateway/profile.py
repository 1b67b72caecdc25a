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
from mappings.consent import Judgement
from mappings.systems import REFERENCE_SYSTEM
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


MOST_UNKNOWN = 50  # codes that no map knows, each with a finding of its own; the trace has them all
PRSB = "Social Prescribing Information Standard v1.1"

RULES = [
    Rule(
        "contact-prohibited", "warning", "business-rule", "ServiceRequest.orderDetail",
        "Do not contact the person directly: the referrer asks for this.",
        "Gravity SDOHCC", lambda referral, given: not referral.get("contact_prohibited"),
    ),
    Rule(
        "request-active", "error", "business-rule", "ServiceRequest.status",
        "ServiceRequest.status must be active: only an active request can be sent as a referral.",
        "R4 servicerequest.html", lambda referral, given: given.service_request.get("status") == "active",
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
        lambda referral, given: given.task is None or given.task.get("status") == "requested",
    ),
    Rule(
        "one-person", "error", "business-rule", "Task.for",
        "Task.for and ServiceRequest.subject must be the same person: the same reference, or an identifier (system "
        "and value) of that Patient, and both where both are given.",
        "patient safety", lambda referral, given: "Task.for" not in given.strangers,
    ),
    Rule(
        "subject-agrees", "error", "business-rule", "ServiceRequest.subject.identifier",
        "ServiceRequest.subject.identifier is not one of the Patient that the reference leads to. Correct it, or "
        "leave it out.",
        "patient safety", lambda referral, given: "ServiceRequest.subject.identifier" not in given.strangers,
    ),
    Rule(
        "consent-of-person", "error", "business-rule", "Consent.patient",
        "Consent.patient and ServiceRequest.subject must be the same person: the same reference, or an identifier "
        "(system and value) of that Patient, and both where both are given.",
        "patient safety", lambda referral, given: "Consent.patient" not in given.strangers,
    ),
    Rule(
        "person-known", "error", "required", "ServiceRequest.subject",
        "ServiceRequest.subject must lead to a Patient resource: in the Bundle, contained, or sent before.",
        PRSB, lambda referral, given: given.patient is not None,
    ),
    Rule(
        "person-name", "error", "required", "Patient.name",
        "Patient.name needs a current family or given name, so that the advisor knows whom to ask for.",
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
        "record-current", "warning", "business-rule", "Patient.active",
        "The Patient record sent is inactive, or was replaced by another. Check who the person is.",
        "patient safety", lambda referral, given: not _superseded(given.patient or {}),
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
    Rule(
        "recognisable", "warning", "required", "ServiceRequest.identifier",
        "A repeat of this referral cannot be recognised: send ServiceRequest.identifier with system and value.",
        "R4 http.html#ccreate", lambda referral, given: _recognisable(given),
    ),
]  # fmt: skip


def check_referral(translation: Translation, sources: Sources, nhs_number_check: str, organisation: str) -> list[Issue]:
    """All findings on one referral: errors that refuse it, warnings that go with it.

    `organisation` is the ODS code of the organisation that sends it.
    """
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
    code = referral["referrer"]["organisation"].get("ods_code")
    if code and not code.upper().startswith(organisation.upper()):  # the code of a site starts with its trust's
        text = "The referrer's organisation is not the one that sent the referral. Check who is to be answered."
        issues.append(Issue("business-rule", text, "ServiceRequest.requester", "warning"))
    issues += [_on_consent(judgement) for judgement in sources.judgements if judgement.finding]
    issues += [_left_out(place) for place in sources.strangers if "[" in place]
    issues += [_not_understood(unknown) for unknown in translation.unknown[:MOST_UNKNOWN]]
    if (more := len(translation.unknown) - MOST_UNKNOWN) > 0:
        text = f"{more} more codes are not known here. Their words are kept and shown as sent."
        issues.append(Issue("code-invalid", text, "ServiceRequest", "warning"))
    return list(dict.fromkeys(issues))


def _on_consent(judgement: Judgement) -> Issue:
    """consent-not-refused: one refusal among several Consents refuses; what does not count as agreement is said."""
    severity = "error" if judgement.decision == "deny" else "warning"
    return Issue("business-rule", judgement.finding or "", judgement.element, severity)


def _left_out(place: str) -> Issue:
    text = f"{place} leads to a record about somebody else. It was not used; correct its subject, or leave it out."
    return Issue("business-rule", text, place, "warning")


def _not_understood(unknown: dict[str, str | None]) -> Issue:
    place = unknown["expression"]
    what = "has a code that no map here knows" if unknown["code"] else "has words but no code"
    return Issue("code-invalid", f"{place} {what}. The words are kept and shown as sent.", place, "warning")


def is_nhs_number(number: str) -> bool:
    """Ten digits whose modulus-11 check holds; ten equal digits pass the sum, but were never issued."""
    return len(number) == 10 and number.isascii() and number.isdigit() and len(set(number)) > 1 and is_valid(number)


def _named(person: Json) -> bool:
    return bool(person.get("family_name") or person.get("given_names"))


def _superseded(patient: Json) -> bool:
    return patient.get("active") is False or any(link.get("type") == "replaced-by" for link in patient.get("link", []))


def _recognisable(given: Sources) -> bool:
    """Whether the sender gave the referral a name of its own; a message has its id for that."""
    named = [*given.service_request.get("identifier", []), *(given.task or {}).get("identifier", [])]
    own = (one for one in named if one.get("system") not in (None, REFERENCE_SYSTEM) and one.get("value"))
    return given.route == "epr-message" or next(own, None) is not None
