"""The words of single steps: what a status, an answer or an attempt means to somebody who reads about it later."""

from mappings.clinician import ENDED

OVER = "Nothing more: the referral has ended."

THEN: dict[str, str] = {  # a referral's status, or an event that moves nothing -> what comes next
    "submitted": "The hub confirms that it has the referral.",
    "delivery-failed": "It is tried again. Phone the hub if it is urgent.",
    "received": "The hub decides whether it can help.",
    "info-requested": "You answer. Until then nothing goes on.",
    "accepted": "A Pathways Advisor is named.",
    "allocated": "The Pathways Advisor contacts the person.",
    "contacting": "The Pathways Advisor tries again.",
    "engaged": "The person and the advisor agree what would help.",
    "in-support": "The support goes on.",
    "on-hold": "The hub looks at it again.",
    "cancellation-requested": "The hub answers your request.",
    "information-added": "The hub reads it.",
    "answered": "The hub decides.",
    "record-behind": "It is sent again by itself. This page has the latest.",
    **dict.fromkeys(ENDED, OVER),
    "not-accepted": "You do what is suggested instead.",
}
SUPPORT_NEXT: dict[str, str] = {  # a prescription's status -> what comes next
    "proposed": "The person decides.",
    "agreed": "The hub sends it to the provider.",
    "sent": "The provider answers.",
    "accepted": "The provider gives a first appointment; its day is not known here.",
    "at-capacity": "The hub waits for a place, or finds something else.",
    "waiting": "The first session, when there is a place; its day is not known here.",
    "started": "The sessions go on; the next day is not known here.",
    "signposted": "The person gets in touch when they want to.",
}
CONTACTS: dict[str, str] = {  # outcome of a contact
    "spoke": "Spoke with the person",
    "attended": "Met the person",
    "no-answer": "Tried to reach the person: no answer",
    "left-message": "Tried to reach the person: left a message",
    "wrong-number": "Tried to reach the person: wrong number",
    "message-sent": "Wrote to the person",
    "did-not-attend": "The person did not come",
}
ATTENDANCE: dict[str, str] = {
    "attended": "session attended",
    "attended-late": "session attended, came late",
    "late-not-seen": "came too late for the session and was not seen",
    "did-not-attend": "did not come to the session",
    "cancelled-by-person": "session cancelled by the person",
    "cancelled-by-provider": "session cancelled by the provider",
}
KINDS: dict[str, str] = {  # how something was prescribed
    "referral": "Referral to the service",
    "supported-referral": "Supported referral: somebody goes along",
    "signpost": "Signpost: name and contact details only",
    "internal-course": "Course of the hub",
    "one-to-one": "One-to-one support",
}
FIELDS: dict[str, str] = {  # a field of the referral that may be amended
    "person.phones": "phone numbers",
    "person.emails": "email addresses",
    "person.contacts": "next of kin and contacts",
    "person.gp_practice": "GP practice",
    "person.preferred_contact": "how to contact the person",
    "contact_prohibited": "whether the person may be contacted directly",
    "presenting_text": "what the referrer wrote",
    "what_matters": "what matters to the person",
    "order_details": "details of what was asked for",
    "shared_documents": "documents shared",
}
