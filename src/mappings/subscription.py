"""FHIR Subscriptions in R4: the words of HL7's backport 1.1.0, and the Bundles that tell of events.

Source: hl7.org/fhir/uv/subscriptions-backport/STU1.1; its R4 profiles of Subscription, notification and status.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mappings.systems import BASE

Json = dict[str, Any]
Type = Literal["handshake", "heartbeat", "event-notification", "query-status", "query-event"]

GUIDE = "http://hl7.org/fhir/uv/subscriptions-backport/"
PROFILE = f"{GUIDE}StructureDefinition/backport-subscription"
NOTIFICATION = f"{GUIDE}StructureDefinition/backport-subscription-notification-r4"
STATUS = f"{GUIDE}StructureDefinition/backport-subscription-status-r4"
FILTER, CONTENT, CHANNEL, HEARTBEAT, TIMEOUT, MAX_COUNT = (
    f"{GUIDE}StructureDefinition/backport-{name}"
    for name in ("filter-criteria", "payload-content", "channel-type", "heartbeat-period", "timeout", "max-count")
)
LEVELS = ("empty", "id-only", "full-resource")

GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/SubscriptionTopic/"
# Canonical of each topic -> the type whose changes it tells of: ours, and those of SDOH Clinical Care.
TOPICS = {
    f"{BASE}:SubscriptionTopic:task": "Task",
    f"{BASE}:SubscriptionTopic:service-request": "ServiceRequest",
    f"{GRAVITY}Task": "Task",
    f"{GRAVITY}Servicerequest": "ServiceRequest",
}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What notifications say of the Subscription itself: `events` have happened, `level` is one of LEVELS."""

    id: str
    topic: str
    status: str
    events: int
    level: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its number, when it happened (FHIR instant), and the version that it was about.

    `resource` is that version as JSON, or anything that the caller writes as it.
    """

    number: int
    at: str
    type: str
    id: str
    version: int
    resource: Any


def status_of(base: str, about: Subscriber, type_: Type, id_: str, events: Sequence[Event] = ()) -> Json:
    """The Parameters that each notification starts with; `base` is the FHIR base, without a slash at its end."""
    parameters: list[Json] = [
        {"name": "subscription", "valueReference": {"reference": f"{base}/Subscription/{about.id}"}},
        {"name": "status", "valueCode": about.status},
        {"name": "type", "valueCode": type_},
        {"name": "events-since-subscription-start", "valueString": str(about.events)},
        *({"name": "notification-event", "part": _parts(base, one, about.level)} for one in events),
    ]
    if about.level != "empty":
        parameters.insert(1, {"name": "topic", "valueCanonical": about.topic})
    if about.error:
        parameters.append({"name": "error", "valueCodeableConcept": {"text": about.error}})
    return {"resourceType": "Parameters", "id": id_, "meta": {"profile": [STATUS]}, "parameter": parameters}


def notification(base: str, about: Subscriber, type_: Type, id_: str, at: str, events: Sequence[Event] = ()) -> Json:
    """The Bundle; `id_` is a UUID, the same each time that this is told, `at` the instant of telling."""
    first = {
        "fullUrl": f"urn:uuid:{id_}",
        "resource": status_of(base, about, type_, id_, events),
        "request": {"method": "GET", "url": f"{base}/Subscription/{about.id}/$status"},
        "response": {"status": "200"},
    }
    others = [_entry(base, one, about.level) for one in events] if about.level != "empty" else []
    return {
        "resourceType": "Bundle",
        "id": id_,
        "meta": {"profile": [NOTIFICATION]},
        "type": "history",
        "timestamp": at,
        "entry": [first, *others],
    }


def _parts(base: str, event: Event, level: str) -> list[Json]:
    parts: list[Json] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": event.at},
    ]
    if level != "empty":
        parts.append({"name": "focus", "valueReference": {"reference": f"{base}/{event.type}/{event.id}"}})
    return parts


def _entry(base: str, event: Event, level: str) -> Json:
    """Without the resource the entry says how to read it; with it, how it came (history needs both: bdl-3, bdl-4)."""
    url = f"{base}/{event.type}/{event.id}"
    entry: Json = {"fullUrl": url}
    if level == "id-only":
        return entry | {"request": {"method": "GET", "url": url}, "response": {"status": "200"}}
    made = event.version == 1
    return entry | {
        "resource": event.resource,
        "request": {"method": "POST", "url": event.type} if made else {"method": "PUT", "url": url},
        "response": {"status": "201" if made else "200", "etag": f'W/"{event.version}"'},
    }
