"""What the document of the maps says in words."""

from mappings.check.r4 import R4
from mappings.systems import SNOMED

MEANINGS = {  # FHIR R4, concept-map-equivalence: how the target stands to the source
    "equivalent": "Same meaning",
    "equal": "The same concept",
    "wider": "Broader than what was sent",
    "subsumes": "Broader than what was sent",
    "narrower": "Narrower than what was sent",
    "specializes": "Narrower than what was sent",
    "inexact": "Overlaps in meaning",
    "relatedto": "Related in meaning",
    "unmatched": "Not translated",
    "disjoint": "Not translated",
}
SYSTEMS = {
    SNOMED: "SNOMED CT",
    f"{R4}task-status": "FHIR Task.status",
    f"{R4}request-priority": "FHIR request priority",
    f"{R4}encounter-status": "FHIR Encounter.status",
    "https://fhir.nhs.uk/CodeSystem/rejected-reasons-bars": "BaRS rejection reasons",
    "https://fhir.nhs.uk/CodeSystem/dos-rejected-reasons-bars": "BaRS Directory of Services rejection reasons",
    "https://fhir.nhs.uk/CodeSystem/message-category-servicerequest": "BaRS message categories",
}
CONVERSIONS = {
    "answer-in-words": "Put in words: the question, then its answer.",
    "canonical-system": "Known spellings of one system become one.",
    "concept-in-words": "Put in words: the sender's own, else those of the code.",
    "known-code": "Only a code of our own vocabulary is taken.",
    "name-in-full": "Written in full as one name.",
    "nhs-number": "Spaces and hyphens are taken out.",
    "resource-in-words": "Put in words, a line for each part, with its state when that is not the usual one.",
    "yes-when-true": "Becomes yes when it is true.",
}
ABOUT = {"person": "About the person", "referrer": "About the referrer", "": "About the referral"}
TAKES = {"all": "All of them, as a list.", "joined": "All of them, put together as one text."}

FIELDS_LEAD = (
    "One row for each field of the social prescribing referral. Its sources are tried in their order, and the first "
    "that has something is taken."
)
IN_LEAD = "Codes that senders use, and what each becomes. Rows of the field map name these maps where they use them."
BACK_LEAD = (
    "What a record system is told when something happens to a referral: the status of its Task, the finer business "
    "status that a clinician sees, why a referral was not accepted or was closed, and how a measure is coded."
)
ASKED_LEAD = "No field is filled by these. They are published for systems that ask the gateway to translate a code."
DIALECTS_LEAD = (
    "How single record systems differ from what the standard maps expect. A dialect's rows count only for "
    "organisations that are registered with it, and are tried before the standard ones."
)
OURS_LEAD = "The codes that this service gives meaning to itself: what the maps above lead to."
