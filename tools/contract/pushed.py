"""What is pushed to others, for the examples: made by the adapters of the story's Task."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from tools.contract.telling import CORRELATION_ID, Exchange

from adapters.bars.messages import message_of
from adapters.ports import Request, Update
from adapters.webhook.events import SignedEvents

Json = dict[str, Any]

DELIVERY = "01981f3e-9c00-7000-8000-000000000001"
BARS = {
    "source": "https://fhir.nhs.uk/Id/dos-service-id|2000090001",
    "target": "https://fhir.nhs.uk/Id/dos-service-id|2000090099",
    "sender": {"ods_code": "XNP01", "name": "Northdale Social Prescribing Partnership"},
    "use_case": "sp1",
    "versions": {"application": "1.0.0", "api": "1.4.0"},
}


def the_task(told: Iterable[Exchange]) -> Exchange:
    """The exchange in which the story's Task was read."""
    return next(one for one in told if one.name == "task" and one.request.method == "GET")


def bars_message(task: Json) -> Json:
    person = {"nhs_number": "9993105627", "birth_date": "1971-04-02"}
    trust = {"ods_code": "XND01", "name": "Northdale Mental Health NHS Foundation Trust"}
    update = _update(task, BARS, {"person": person, "referrer": {"organisation": trust}})
    return message_of(update)


def signed_event(task: Json) -> Json:
    hubs = {"hubs": ["northdale-wellbeing-hub"]}
    return dict(SignedEvents(1, 1, "https://gateway.example").event_of(_update(task, hubs, {})))


def _update(task: Json, options: Json, referral: Json) -> Update:
    id_ = task["focus"]["reference"].rpartition("/")[2]
    request = {"resourceType": "ServiceRequest", "id": id_, "status": "active", "intent": "plan"}
    return Update(
        delivery_id=DELIVERY,
        task_id=task["id"],
        version=int(task["meta"]["versionId"]),
        body=orjson.dumps(task),
        event_type="closed-completed",
        at=datetime.fromisoformat(task["meta"]["lastUpdated"]),
        correlation_id=CORRELATION_ID,
        url="https://epr.example/FHIR/R4",
        secret="",
        options=options,
        previous=int(task["meta"]["versionId"]) - 1 or None,
        referral=referral,
        request=Request(request, "3f0b6d1e-7c1b-4f6e-8a36-5b6f1c2d7a10"),
    )
