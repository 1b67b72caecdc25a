"""The Task whose request still stands on the sender's own server: what it says before there is a referral.

It is the sender's Task, with what the gateway knows of it in status, businessStatus, statusReason and the line for the
clinician at the end of `note`. A referral that nobody has must never look sent.
"""

from typing import Any, Literal

from mappings.clinician import uk_date, uk_moment
from mappings.to_task import GATEWAY, not_before
from mappings.translate import vocabulary

Json = dict[str, Any]
State = Literal[
    "details-awaited", "details-not-received", "details-refused", "withdrawn-by-referrer", "entered-in-error"
]

STATUSES: dict[State, str] = {
    "details-awaited": "requested",
    "details-not-received": "failed",
    "details-refused": "rejected",
    "withdrawn-by-referrer": "cancelled",
    "entered-in-error": "entered-in-error",
}
LINES: dict[State, str] = {
    "details-awaited": "NOT SENT YET. Waiting for the details from your record system, since {since}.",
    "details-not-received": "NOT RECEIVED - nobody has this referral. Its details could not be fetched from your "
    "record system. Send it again.",
    "details-refused": "NOT SENT - nobody has this referral. {reason} Correct it and send it again.",
    "withdrawn-by-referrer": "Withdrawn before it was sent. {reason}",
    "entered-in-error": "Entered in error. Do not use. {reason}",
}
REASONS: dict[State, str] = {
    "details-awaited": "The details are awaited from the sender's server since {since}.",
    "details-not-received": "The details could not be fetched from the sender's server, though tried since {since}.",
    "details-refused": "{reason}",
    "withdrawn-by-referrer": "Withdrawn before it was sent. {reason}",
    "entered-in-error": "Entered in error. {reason}",
}


def is_awaited(task: Json) -> bool:
    """Whether the details of this Task are still awaited."""
    codes = [coding.get("code") for coding in task.get("businessStatus", {}).get("coding", [])]
    return (task["status"], codes) == ("requested", ["details-awaited"])


def awaited_task(sent: Json, version: int, at: str, since: str, state: State, reason: str = "") -> Json:
    """The Task at this version, of the instant `at`; `since` is the instant at which it came.

    `sent` is the Task as the EPR sent it, or the version before. `reason`: why it is refused, as sentences; or what
    the sender's server did at the last try, as a clause ("it answered 404").
    """
    kept = {
        name: value for name, value in sent.items() if name not in {"text", "_status", "_lastModified"}
    }  # they may say otherwise
    words = {"since": f"{uk_moment(since):%H:%M} on {uk_date(since)}", "reason": reason}
    last_try = f" At the last try {reason}." if reason and "{reason}" not in REASONS[state] else ""
    business = vocabulary("business-status").target(state)
    assert business is not None  # a test watches it
    line = {"authorString": GATEWAY, "time": at, "text": LINES[state].format(**words).strip()}
    return kept | {
        "meta": sent.get("meta", {}) | {"versionId": str(version), "lastUpdated": at},
        "status": STATUSES[state],
        "statusReason": {"text": REASONS[state].format(**words).strip() + last_try},
        "businessStatus": {"coding": [business.coding()], "text": business.display},
        "lastModified": not_before(sent["authoredOn"], at),
        "note": [*(note for note in sent.get("note", []) if note.get("authorString") != GATEWAY), line],
    }
