"""Why something was not written, in words for whoever looks after the destination; none holds patient data."""

# By the WSDL's FaultCode: what it means, and what to do.
REASONS = {
    "INVALID_REQUEST": "RiO does not understand the request: its WSDL is another one than the gateway's.",
    "NOT_AUTHENTICATED": "RiO does not accept the user name and password: check the destination's options.",
    "SESSION_EXPIRED": "RiO ended the session twice in a row. It is tried again.",
    "SESSION_REVOKED": "RiO ended the session twice in a row: ask the trust whether the user was closed.",
    "DEVICE_NOT_REGISTERED": "RiO does not know this system: have platform type and system name registered there.",
    "ACCESS_DENIED": "The record is sensitive and closed to the gateway: tell the clinician by phone.",
    "CLIENT_NOT_FOUND": "RiO has no record of this ClientID: check it with the trust.",
    "CLIENT_DELETED": "The record was deleted in RiO: ask the trust which one stands in its place.",
    "CLIENT_MERGED": "The record was merged into another one just now. It is looked up anew.",
    "CLIENT_DECEASED": "RiO says that the person has died: phone the hub before anybody contacts the family.",
    "REFERRAL_NOT_FOUND": "RiO no longer has the referral entry: ask the trust whether it was removed.",
    "REFERRAL_DISCHARGED": "The referral entry was discharged in RiO by somebody else: ask the trust to reopen it.",
    "DUPLICATE_EXTERNAL_ID": "RiO has an entry of this reference since a moment ago. It is looked up anew.",
    "RECORD_LOCKED": "Somebody is working on the record. It is tried again.",
    "UNKNOWN_CODE": "RiO does not know a code that the gateway writes with.",
    "TEAM_CLOSED": "The team registered for this destination is closed in RiO: register the one that took over.",
    "HCP_LEFT": "The professional registered for this destination has left.",
    "NOTE_NOT_FOUND": "RiO no longer has a note that the gateway wrote: ask the trust whether it was removed.",
    "NOTE_CHAIN_CONFLICT": "Somebody amended the note just now. It is read anew.",
    "VALIDATION_NEEDED": "The note has to be validated by a clinician before it can be amended. It is tried again.",
    "DOCUMENT_NOT_FOUND": "RiO no longer has a document that the gateway filed: ask the trust whether it was removed.",
    "DOCUMENT_TOO_LARGE": "RiO does not take documents of this size: ask the trust to raise the limit.",
    "TOO_LONG": "RiO holds less text in a field than its WSDL says: ask its supplier.",
    "READ_ONLY": "RiO is open for reading only. It is tried again.",
    "INTERNAL_ERROR": "RiO failed inside, and said so in an answer of success.",
    "UNKNOWN": "RiO refuses with a code that its WSDL does not name.",
}


class Stop(Exception):
    """Nothing more is written, and a person has to look; the text says at what."""


UNREADABLE_FILE = "The password_file of the destination cannot be read: check its path and who may read it."
NO_CERTIFICATE = (
    "The destination's TLS files cannot be read: check their paths, and that they are PEM and fit together."
)
NO_IDENTITY = "The referral carries neither a ClientID nor an NHS number: have the trust amend it with one of them."
NOT_A_CLIENT_ID = "The ClientID of the referral is none: RiO's have 1 to 15 digits. Check what the trust sends."
NOBODY = "RiO has no record of this person: check the ClientID and NHS number with the trust."
SEVERAL = (
    "RiO has more than one record with this NHS number, so nothing was written to either: have the trust merge them, "
    "or amend the referral with the ClientID of the right one."
)
OTHER_ID = (
    "RiO answered with another ClientID than it was asked for (a leading zero lost?), so nothing was written: ask its "
    "supplier."
)
OTHER_PERSON = (
    "The record in RiO may be another person's: its NHS number or date of birth is not the referral's. Nothing was "
    "written: check both with the trust."
)
UNSURE_PERSON = (
    "Nothing beside one identifier says that the record in RiO is this person's. Nothing was written: have the trust "
    "amend the referral with the NHS number, the date of birth and the family name."
)
MERGED_AWAY = "The record was merged into one that is not clearly this person's. Nothing was written: ask the trust."
DIED = "RiO says that the person has died: phone the hub, and have the referral closed."
ELSEWHERE = "The referral entry stands on another person's record in RiO. Nothing was written: ask the trust."
NOT_SAVED = "RiO said that it saved, and reading back found that it did not. It is written again."
TWICE = "The same note stands in RiO twice, written by two workers at once. The second one is marked as a mistake next."
SHORTENED = "RiO saved less of the text than was sent. It is written again as the next version."


def no_code(element: str, lookup: str) -> str:
    """For a code of the options that is not in RiO's list (any more)."""
    return (
        f"The {element} registered for this destination is not an active code of RiO's list {lookup}: ask the trust "
        "for the code that took its place, and register it."
    )
