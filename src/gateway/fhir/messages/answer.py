"""The synchronous response: a message that shows what is stored now, with the ids given here (BaRS Core 1.5)."""

from collections.abc import Sequence

from gateway.errors import Issue, explained, warnings_outcome
from gateway.fhir.exchange import Exchange
from gateway.fhir.messages.workflow import EVENTS, REASONS, Json, Message, place
from gateway.ids import instant, new_id
from gateway.messages import Answer
from gateway.store.resources import Resource
from gateway.validation import dump


def respond(exchange: Exchange, message: Message, shown: Sequence[Resource], findings: Sequence[Issue]) -> Answer:
    """200 with a message Bundle: a MessageHeader that says ok and names the Bundle it answers, then the resources,
    first the one that the answer is about: the referral's Task, which carries its reference."""
    about, at = shown[0], instant(shown[0].updated_at)
    reply: Json = {
        "resourceType": "MessageHeader",
        "id": new_id(),
        "eventCoding": {"system": EVENTS, "code": "servicerequest-response"},
        "reason": {"coding": [{"system": REASONS, "code": message.reason}]},
        "source": {"name": "Social prescribing gateway", "endpoint": exchange.base_url},
        "response": {
            "identifier": message.bundle.get("id") or message.header.get("id") or exchange.context.request_id,
            "code": "ok",
        },
        "focus": [{"reference": f"{exchange.base_url}/{about.reference}"}],
    }
    if sender := message.header.get("source", {}).get("endpoint"):
        reply["destination"] = [{"endpoint": sender}]
    entries: list[Json] = [{"fullUrl": f"urn:uuid:{reply['id']}", "resource": reply}]
    entries += [{"fullUrl": f"{exchange.base_url}/{kept.reference}", "resource": kept.content} for kept in shown]
    if findings:
        outcome = warnings_outcome(list(findings)) | {"id": new_id()}
        reply["response"]["details"] = {"reference": f"urn:uuid:{outcome['id']}"}
        entries.append({"fullUrl": f"urn:uuid:{outcome['id']}", "resource": outcome})
    answer = {
        "resourceType": "Bundle",
        "id": new_id(),
        "meta": {"lastUpdated": at},
        "type": "message",
        "timestamp": at,
        "entry": entries,
    }
    return Answer(200, dump(answer), explained(exchange.gateway.settings.base_url, findings), about.reference)


def unplaced_findings(message: Message, unplaced: set[int]) -> list[Issue]:
    return [
        Issue(
            "informational",
            f"{place(index)}: this {message.resources[index]['resourceType']} stays in the message as it was received. "
            "It is no resource here, and the advisor is not shown it.",
            place(index),
            "warning",
        )
        for index in sorted(unplaced)
    ]
