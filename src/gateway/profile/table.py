"""The profile of a referral as one table. `make profile-table` writes it to docs/profile.md.

`error` refuses: a referral that would be unsafe or that nobody could work on. `warning` is kept, returned with the
answer and shown to the advisor. What the national standard wants only where the sender holds it (role, gender,
ethnicity ...) has no rule, save the NHS number: what is not held cannot be told from what was left out.
"""

from gateway.profile.checks import (
    about_others,
    asks_to_fulfil,
    has_gravity,
    is_findable,
    is_from_sender,
    is_more_than_planned,
    is_named,
    is_nhs_number,
    is_ordered,
    is_possible_birth,
    is_reachable,
    is_recognisable,
    is_said,
    is_superseded,
    is_verified,
    nhs_numbers,
    not_understood,
    refusals,
    reservations,
    states_reason,
)
from gateway.profile.rules import Rule

# Sources. PRSB: sections of the Social Prescribing Information Standard v1.1 (PRSB, now NHS England).
PERSON = "PRSB v1.1, Person demographics"
PRACTICE = "PRSB v1.1, GP practice"
REFERRAL = "PRSB v1.1, Referral details"
CONSENT = "PRSB v1.1, Consent; R4 consent.html"
NUMBER = "UK Core Patient, nhsNumber"
GRAVITY = "Gravity SDOHCC Task For Referral Management"
SAFETY = "patient safety"
REQUEST = "R4 servicerequest.html"

NHS_NUMBER_CHECK = "nhs-number-check"

RULES = [
    Rule(
        "contact-prohibited", "warning", "business-rule", "ServiceRequest.orderDetail",
        "Do not contact the person directly: the referrer asks for this.",
        "Gravity SDOHCC ServiceRequest", lambda sent: not sent.referral.get("contact_prohibited"),
    ),
    Rule(
        "request-active", "error", "business-rule", "ServiceRequest.status",
        "ServiceRequest.status must be active: only an active request can be sent as a referral.",
        REQUEST, lambda sent: sent.given.service_request.get("status") == "active", fixed=True,
    ),
    Rule(
        "request-wanted", "error", "business-rule", "ServiceRequest.doNotPerform",
        "ServiceRequest.doNotPerform is true: a request not to do something cannot be a referral.",
        REQUEST, lambda sent: sent.given.service_request.get("doNotPerform") is not True, fixed=True,
    ),
    Rule(
        "request-ordered", "error", "business-rule", "ServiceRequest.intent",
        "ServiceRequest.intent must say that this is asked for: order, or one of its kinds. A proposal, an option or "
        "a directive is no referral.",
        REQUEST, is_ordered,
    ),
    Rule(
        "request-planned", "warning", "business-rule", "ServiceRequest.intent",
        "ServiceRequest.intent is plan, not order. Check that the referral is meant to go ahead.",
        f"{REQUEST}; BaRS fixes plan in messages", is_more_than_planned,
    ),
    Rule(
        "task-requested", "error", "business-rule", "Task.status",
        "Task.status must be requested when a referral is sent; later states are set by the receiver.",
        GRAVITY, lambda sent: sent.given.task is None or sent.task.get("status") == "requested", fixed=True,
    ),
    Rule(
        "one-person", "error", "business-rule", "Task.for",
        "Task.for and ServiceRequest.subject must be the same person: the same reference, or an identifier (system "
        "and value) of that Patient, and both where both are given.",
        SAFETY, lambda sent: "Task.for" not in sent.given.strangers, fixed=True,
    ),
    Rule(
        "subject-agrees", "error", "business-rule", "ServiceRequest.subject.identifier",
        "ServiceRequest.subject.identifier is not one of the Patient that the reference leads to. Correct it, or "
        "leave it out.",
        SAFETY, lambda sent: "ServiceRequest.subject.identifier" not in sent.given.strangers, fixed=True,
    ),
    Rule(
        "consent-of-person", "error", "business-rule", "Consent.patient",
        "Consent.patient and ServiceRequest.subject must be the same person: the same reference, or an identifier "
        "(system and value) of that Patient, and both where both are given.",
        SAFETY, lambda sent: "Consent.patient" not in sent.given.strangers, fixed=True,
    ),
    Rule(
        "person-known", "error", "required", "ServiceRequest.subject",
        "ServiceRequest.subject must lead to a Patient resource: in the Bundle, contained, or sent before.",
        PERSON, lambda sent: sent.given.patient is not None, fixed=True,
    ),
    Rule(
        "consent-refused", "error", "business-rule", "Consent",
        "A consent sent with the referral refuses sharing, was withdrawn or rejected, or opts out.",
        CONSENT, refusals, fixed=True,
    ),
    Rule(
        "person-name", "error", "required", "Patient.name",
        "Patient.name needs a current family or given name, so that the advisor knows whom to ask for.",
        PERSON, lambda sent: sent.given.patient is None or is_named(sent.person),
    ),
    Rule(
        "person-found", "error", "required", "Patient.identifier",
        "The Patient needs an NHS number (identifier of system https://fhir.nhs.uk/Id/nhs-number) or a possible "
        "birthDate, so that the right person can be found.",
        PERSON, lambda sent: sent.given.patient is None or is_findable(sent),
    ),
    Rule(
        "referrer-organisation", "error", "required", "ServiceRequest.requester",
        "ServiceRequest.requester must lead to an organisation with a name or ODS code: send a PractitionerRole "
        "with organization, or an Organization.",
        REFERRAL, lambda sent: any(sent.referrer["organisation"].get(key) for key in ("ods_code", "name")),
    ),
    Rule(
        "reason", "error", "required", "ServiceRequest.reasonCode",
        "ServiceRequest.reasonCode needs at least one reason, as a code or as text.",
        REFERRAL, lambda sent: any(is_said(one["label"]) for one in sent.referral["reasons"]),
    ),
    Rule(
        NHS_NUMBER_CHECK, "error", "value", "Patient.identifier",
        "The NHS number fails its check (ten digits, modulus 11, not all the same). Correct it or leave it out.",
        NUMBER, lambda sent: all(map(is_nhs_number, nhs_numbers(sent))),
    ),
    Rule(
        "one-nhs-number", "warning", "business-rule", "Patient.identifier",
        "Several different NHS numbers were sent as current. A verified one is shown, else the first: check who the "
        "person is.",
        SAFETY, lambda sent: len(nhs_numbers(sent)) < 2,
    ),
    Rule(
        "birth-date", "warning", "required", "Patient.birthDate",
        "No date of birth was sent.", PERSON, lambda sent: bool(sent.person.get("birth_date")),
    ),
    Rule(
        "birth-date-possible", "warning", "value", "Patient.birthDate",
        "The date of birth is in the future, or more than 130 years ago. It does not tell who the person is.",
        SAFETY, lambda sent: is_possible_birth(sent.person.get("birth_date", sent.today), sent.today),
    ),
    Rule(
        "nhs-number", "warning", "required", "Patient.identifier",
        "No NHS number was sent.", PERSON, lambda sent: bool(sent.person.get("nhs_number")),
    ),
    Rule(
        "nhs-number-verified", "warning", "business-rule", "Patient.identifier",
        "The NHS number is not said to be verified (NHSNumberVerificationStatus 01 or 02): it alone does not tell who "
        "the person is.",
        f"PRSB v1.1, NHS number status indicator; {NUMBER}",
        lambda sent: not sent.person.get("nhs_number") or is_verified(sent.person),
    ),
    Rule(
        "restricted", "warning", "suppressed", "Patient",
        "The record is restricted (meta.security): address, telephone, e-mail and GP practice were left out, and are "
        "neither kept nor passed on. Ask the referrer how to reach the person.",
        "PDS FHIR, v3-Confidentiality", lambda sent: not sent.person.get("sensitive"),
    ),
    Rule(
        "gp-practice", "warning", "required", "Patient.generalPractitioner",
        "No GP practice was sent. Say so in words when the person is not registered.",
        PRACTICE, lambda sent: bool(sent.person.get("gp_practice") or sent.person.get("sensitive")),
    ),
    Rule(
        "reachable", "warning", "required", "Patient.telecom",
        "No telephone number, e-mail or address of the person was sent: the advisor cannot make contact.",
        PERSON, lambda sent: is_reachable(sent.person),
    ),
    Rule(
        "record-current", "warning", "business-rule", "Patient.active",
        "The Patient record sent is inactive, or was replaced by another. Check who the person is.",
        SAFETY, lambda sent: not is_superseded(sent.given.patient or {}),
    ),
    Rule(
        "alive", "warning", "business-rule", "Patient.deceased",
        "The record sent says that the person has died. Check before anybody makes contact.",
        SAFETY, lambda sent: not sent.person.get("deceased"),
    ),
    Rule(
        "referrer-name", "warning", "required", "ServiceRequest.requester",
        "The referrer's name was not sent.", REFERRAL, lambda sent: bool(sent.referrer.get("name")),
    ),
    Rule(
        "referrer-service", "warning", "required", "ServiceRequest.requester",
        "The referrer's service or team was not sent. Send it as healthcareService of the PractitionerRole.",
        REFERRAL, lambda sent: bool(sent.referrer.get("team")),
    ),
    Rule(
        "referrer-contact", "warning", "required", "ServiceRequest.requester",
        "No telephone number or e-mail of the referrer was sent.",
        REFERRAL, lambda sent: any(sent.referrer.get(key) for key in ("phone", "email")),
    ),
    Rule(
        "referrer-of-sender", "warning", "business-rule", "ServiceRequest.requester",
        "The referrer's organisation is not the one that sent the referral. Check who is to be answered.",
        SAFETY, is_from_sender,
    ),
    Rule(
        "hub-named", "warning", "required", "ServiceRequest.performer",
        "No hub was named: the referral goes by where the person lives, or to the organisation's default hub.",
        REFERRAL, lambda sent: sent.addressed,
    ),
    Rule(
        "hub-known", "warning", "not-found", "ServiceRequest.performer",
        "The hub that was named is not registered here: the referral goes by where the person lives, or to the "
        "organisation's default hub. Tell the sender.",
        REFERRAL, lambda sent: not sent.addressed or sent.hub_known,
    ),
    Rule(
        "risks", "warning", "required", "ServiceRequest.supportingInfo",
        'No risk entry was sent. Send a Flag or RiskAssessment, or one that says "no known risks".',
        "PRSB v1.1, Risks", lambda sent: bool(sent.referral.get("risks")),
    ),
    Rule(
        "consent", "warning", "required", "ServiceRequest.supportingInfo",
        "No consent was sent that counts as the person's agreement.",
        CONSENT, lambda sent: sent.referral.get("consent", {}).get("decision") in ("permit", "deny"),
    ),
    Rule(
        "consent-in-doubt", "warning", "business-rule", "Consent",
        "A consent sent with the referral does not count as agreement, or has exceptions.", CONSENT, reservations,
    ),
    Rule(
        "recognisable", "warning", "required", "ServiceRequest.identifier",
        "A repeat of this referral cannot be recognised: send ServiceRequest.identifier with system and value.",
        "R4 http.html#ccreate", is_recognisable,
    ),
    Rule(
        "gravity-code", "warning", "required", "Task.code",
        "Task.code should be fulfill (of FHIR's task-code), as the Task claims Gravity's profile.",
        GRAVITY, has_gravity(asks_to_fulfil),
    ),
    Rule(
        "gravity-intent", "warning", "value", "Task.intent",
        "Task.intent should be order, as the Task claims Gravity's profile.",
        GRAVITY, has_gravity(lambda task: task.get("intent") == "order"),
    ),
    Rule(
        "gravity-focus", "warning", "required", "Task.focus",
        "Task.focus should be the ServiceRequest, as the Task claims Gravity's profile.",
        GRAVITY, has_gravity(lambda task: "focus" in task),
    ),
    Rule(
        "gravity-for", "warning", "required", "Task.for",
        "Task.for should be the person, as the Task claims Gravity's profile.",
        GRAVITY, has_gravity(lambda task: "for" in task),
    ),
    Rule(
        "gravity-requester", "warning", "required", "Task.requester",
        "Task.requester should be the role or Organization that asks, as the Task claims Gravity's profile.",
        GRAVITY, has_gravity(lambda task: "requester" in task),
    ),
    Rule(
        "gravity-authored-on", "warning", "required", "Task.authoredOn",
        "Task.authoredOn should say when it was asked, as the Task claims Gravity's profile.",
        GRAVITY, has_gravity(lambda task: "authoredOn" in task),
    ),
    Rule(
        "gravity-status-reason", "warning", "required", "Task.statusReason.text",
        "Task.statusReason should have a text, as the Task claims Gravity's profile.",
        GRAVITY, has_gravity(states_reason),
    ),
    Rule(
        "about-another", "warning", "business-rule", "ServiceRequest.supportingInfo",
        "What is sent along leads to a record about somebody else. It is not used.", SAFETY, about_others,
    ),
    Rule(
        "code-known", "warning", "code-invalid", "ServiceRequest",
        "A code is not known here, or words have no code. The words are kept and shown as sent.",
        "ConceptMaps in src/mappings/maps", not_understood,
    ),
]  # fmt: skip

CONFIGURABLE = tuple(rule.key for rule in RULES if not rule.fixed and rule.key != NHS_NUMBER_CHECK)
