"""What of a trace is readable when it is masked. All that is not named here is hidden.

A path goes from the resource down, without indexes. Nothing in these elements says who somebody is, where they live,
how they are reached, or what was written about them: they are states, codes, kinds, and when work was done.
"""

EVERY_RESOURCE = frozenset({"resourceType", "meta.versionId", "meta.lastUpdated", "meta.profile", "text.status"})

# Whatever they stand in. Of people who are cared for, and of what was observed, no codes: they say of what sex,
# ethnicity or faith somebody is.
PEOPLE = frozenset({"Patient", "RelatedPerson", "Observation"})
OF_PEOPLE = (
    "identifier.system",
    "identifier.use",
    "name.use",
    "address.use",
    "address.type",
    "telecom.system",
    "telecom.use",
    "telecom.rank",
    "security.system",
    "security.code",
)
OF_ALL_ELSE = ("coding.system", "coding.version", "coding.code", "Coding.system", "Coding.code", "item.linkId")
STATUS_OF_NUMBER = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"

ELEMENTS = {
    "Bundle": {
        "type",
        "timestamp",
        "total",
        "entry.request.method",
        "entry.response.status",
        "entry.response.etag",
        "entry.response.lastModified",
    },
    "MessageHeader": {"eventCoding.system", "eventCoding.code", "destination.receiver.type", "response.code"},
    "Patient": {"active", "link.type"},
    "RelatedPerson": {"active"},
    "Practitioner": {"active"},
    "PractitionerRole": {"active"},
    "Organization": {"active"},
    "Location": {"status", "mode"},
    "HealthcareService": {"active"},
    "Endpoint": {"status"},
    "ServiceRequest": {"status", "intent", "priority", "doNotPerform", "authoredOn"},
    "Task": {"status", "intent", "priority", "authoredOn", "lastModified", "input.valueCode", "output.valueCode"},
    "Consent": {"status", "dateTime", "provision.type"},
    "Condition": {"recordedDate"},
    "Goal": {"lifecycleStatus", "statusDate"},
    "Flag": {"status"},
    "RiskAssessment": {"status"},
    "Observation": {"status", "issued"},
    "QuestionnaireResponse": {"status", "questionnaire", "authored"},
    "DocumentReference": {"status", "docStatus", "date"},
    "Communication": {"status", "sent", "received"},
    "CommunicationRequest": {"status", "authoredOn"},
    "Encounter": {"status", "class.system", "class.code"},
    "Appointment": {"status", "participant.status"},
    "CarePlan": {"status", "intent", "created"},
    "Procedure": {"status"},
    "Provenance": {"recorded", "agent.who.type"},
    "Subscription": {"status", "channel.type", "channel.payload"},
    "OperationOutcome": {"issue.severity", "issue.code", "issue.expression"},
    "Parameters": {"parameter.name"},
}

# Extensions are masked whole, but for those that are published there: of these the url is readable, and codes where
# they would be in an element.
PUBLISHED = (
    r"http://hl7\.org/fhir/(?:us/[a-z-]+/|uv/[a-z-]+/)?StructureDefinition/[A-Za-z0-9-]+"
    r"|https://fhir\.(?:hl7\.org|nhs)\.uk/(?:STU3/)?StructureDefinition/[A-Za-z0-9-]+"
    r"|urn:social-prescribing-gateway:[A-Za-z0-9:-]+"
)

# Of our own shapes (mappings.referral).
REFERRAL = {
    "route",
    "urgency",
    "submitted_at",
    "person.nhs_number_status",
    "person.sensitive",
    "person.local_identifiers.system",
    "person.phones.use",
    "person.phones.preference",
    "referrer.organisation.ods_code",
    "reasons.domain",
    "reasons.primary",
    "categories.code",
    "contact_prohibited",
    "consent.decision",
    "consent.given_at",
    "safe_contact.leave_message",
    "safe_contact.method",
    "shared_documents.type",
}

# Of requests of the platform, and of what the journal says was changed: whatever they stand in.
CHANGE = {
    "to",
    "from",
    "status",
    "mechanism",
    "outcome",
    "attendance",
    "kind",
    "categories",
    "tool",
    "stage",
    "at",
    "decision",
    "reason",
    "field",
    "review_date",
    "resumes_as",
    "planned_sessions",
    "prescription_id",
    "task_id",
    "since",
    "response_days",
}
