"""What a message asks for: the table of event, reason and status (BaRS Core 1.5, Bundle processing)."""

import re
from dataclasses import dataclass
from typing import Any

from gateway.errors import BadRequest, Issue, NotFound, Rejected

Json = dict[str, Any]

EVENTS = "https://fhir.nhs.uk/CodeSystem/message-events-bars"
REASONS = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"
CATEGORIES = "https://fhir.nhs.uk/CodeSystem/message-category-servicerequest"

REQUEST = "servicerequest-request"
NOT_OFFERED = {"booking-request", "booking-response"}
WANTED = f"This gateway takes {REQUEST} with the reason new, update or delete."
# Cancelling: the guide's prose says reason update, its table says delete, the published examples have both.
STATUSES = {
    "new": ["active"],
    "update": ["active", "revoked", "entered-in-error"],
    "delete": ["revoked", "entered-in-error"],
}
EVENT_AT = "Bundle.entry[0].resource.eventCoding"
REASON_AT = "Bundle.entry[0].resource.reason"


@dataclass(frozen=True)
class Message:
    """A BaRS request in which everything is where it should be. Entries are named by their index."""

    bundle: Json
    resources: list[Json]
    names: list[list[str]]  # by which references may mean each entry
    reason: str  # new | update | delete
    index: int  # of the ServiceRequest
    subject: int | None  # of the Patient whom it is about

    @property
    def header(self) -> Json:
        return self.resources[0]

    @property
    def request(self) -> Json:
        return self.resources[self.index]

    @property
    def cancels(self) -> bool:
        return bool(self.request["status"] != "active")

    @property
    def endpoints(self) -> list[tuple[str, str]]:
        """The services that the message is addressed to, as (system, value)."""
        named = [one["endpoint"].rpartition("|") for one in self.header.get("destination", [])]
        return [(system, value) for system, _, value in named if system]

    def of_type(self, type_: str) -> list[int]:
        return [index for index, one in enumerate(self.resources) if one["resourceType"] == type_]


def refuse_other_kinds(body: Json, *, strict: bool) -> None:
    """Refuses what is no BaRS request, before it is held against R4: the sender learns what it is, not how it differs.

    `body` is any JSON object. Raises Rejected (422) for another version or an event that is not offered, NotFound for
    an answer to what was never asked, BadRequest (400) for a strict sender's message without its version.
    """
    header = _at(body, "entry", 0, "resource")
    profiles = [*_texts(_at(body, "meta", "profile")), *_texts(_at(header, "meta", "profile"))]
    itk = any("ITK" in profile for profile in profiles)
    if itk or (_at(header, "event") is not None and _at(header, "resourceType") == "MessageHeader"):
        what = "an ITK3 message, which is FHIR STU3 (3.0)" if itk else "a message of FHIR STU3 (3.0)"
        text = f"This is {what}. Send FHIR R4 (4.0.1): a BaRS message (Core 1.x), which names its event in eventCoding."
        raise Rejected(issues=[Issue("not-supported", text, place(0))])
    _check_version(_at(body, "meta", "versionId"), strict=strict)
    event = _at(header, "eventCoding", "code")
    if isinstance(event, str) and event in NOT_OFFERED:
        raise Rejected(issues=[Issue("not-supported", f"Bookings are not made here. {WANTED}", EVENT_AT)])
    if event == "servicerequest-response":
        where = "Bundle.entry[0].resource.response"
        if _at(header, "response", "identifier") is None:
            raise BadRequest(issues=[Issue("invariant", f"{where}.identifier is missing in a response.", where)])
        text = f"{where}.identifier names no message of this gateway, which sends none that need a response. {WANTED}"
        raise NotFound(text, expression=f"{where}.identifier")


def _check_version(version: object, *, strict: bool) -> None:
    """Bundle.meta.versionId is the version of the BaRS application; elsewhere it counts versions: 1, 2, 3."""
    where = "Bundle.meta.versionId"
    if version is None and strict:
        raise BadRequest(issues=[Issue("invariant", f"{where} must name the version of the BaRS application.", where)])
    named = isinstance(version, str) and (strict or re.match(r"\d+\.\d", version))
    if named and not str(version).startswith("1."):
        text = f"{where}: this version of the BaRS application is not supported. Send one that starts with 1."
        raise Rejected(issues=[Issue("not-supported", text, where)])


def read_message(bundle: Json, *, strict: bool) -> Message:
    """The request in a valid R4 resource. Raises Rejected (422) for what is no message about one referral, BadRequest
    (400 `invariant`) for a combination that BaRS does not know."""
    if bundle["resourceType"] != "Bundle" or bundle.get("type") != "message":
        text = (
            "$process-message takes a Bundle of type message. A transaction goes to the base, a resource to its type."
        )
        raise Rejected(issues=[Issue("value", text, "Bundle.type")])
    resources = [entry["resource"] for entry in bundle["entry"]]  # bdl-5
    types = [resource["resourceType"] for resource in resources]
    if resources[0].get("eventCoding", {}).get("code") != REQUEST:
        raise BadRequest(issues=[Issue("invariant", f"{EVENT_AT} is no event of {EVENTS}. {WANTED}", EVENT_AT)])
    if types.count("ServiceRequest") != 1:
        text = "The message must bring exactly one ServiceRequest."
        raise Rejected(issues=[Issue("invariant", text, "Bundle.entry")])
    names = [_names(entry) for entry in bundle["entry"]]
    index = types.index("ServiceRequest")
    wanted = resources[index]["subject"].get("reference")
    subject = next((one for one, type_ in enumerate(types) if type_ == "Patient" and wanted in names[one]), None)
    message = Message(bundle, resources, names, _reason(resources[0], strict=strict), index, subject)
    issues = [*_status_issues(message), *_category_issues(message, strict=strict)]
    if issues:
        raise BadRequest(issues=issues)
    return message


def place(index: int) -> str:
    """Where the resource of an entry stands, as FHIRPath."""
    return f"Bundle.entry[{index}].resource"


def _names(entry: Json) -> list[str]:
    resource = entry["resource"]
    return [
        *([entry["fullUrl"]] if "fullUrl" in entry else []),
        *([f"{resource['resourceType']}/{resource['id']}"] if "id" in resource else []),
    ]


def _reason(header: Json, *, strict: bool) -> str:
    codings = header.get("reason", {}).get("coding", [])
    codes = {one.get("code") for one in codings if one.get("system") == REASONS} or {one.get("code") for one in codings}
    if not codes and not strict:
        return "new"
    reason = next(iter(codes)) if len(codes) == 1 else None
    if reason not in STATUSES:
        text = f"{REASON_AT} must be one of new, update and delete, of {REASONS}."
        raise BadRequest(issues=[Issue("invariant", text, REASON_AT)])
    return str(reason)


def _status_issues(message: Message) -> list[Issue]:
    allowed = STATUSES[message.reason]
    if message.request.get("status") in allowed:
        return []
    at = f"{place(message.index)}.status"
    text = f"{at}: with the reason {message.reason} the status must be {' or '.join(allowed)}."
    if message.reason == "new":
        text += " To cancel a referral, send revoked or entered-in-error with the reason update or delete."
    return [Issue("invariant", text, at)]


def _category_issues(message: Message, *, strict: bool) -> list[Issue]:
    """BaRS' kind of request, which others than BaRS senders need not name."""
    codings = [coding for one in message.request.get("category", []) for coding in one.get("coding", [])]
    kinds = {one.get("code") for one in codings if one.get("system") == CATEGORIES}
    if kinds == {"referral"} or not (kinds or strict):
        return []
    at = f"{place(message.index)}.category"
    return [Issue("invariant", f"{at}: of {CATEGORIES} this gateway takes referral (Transfer of Care) only.", at)]


def _at(value: Any, *path: str | int) -> Any:
    """What stands there in JSON of any shape; None when nothing does."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
