"""A gathered trace as JSON: what the page shows and the API answers, masked or not."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson

from gateway.ids import instant
from gateway.profile import RULES
from gateway.tracing.gathering import Gathered
from gateway.tracing.masking import (
    hide,
    mask_change,
    mask_finding,
    mask_referral,
    mask_resource,
    mask_target,
    mask_unknown,
    value_at,
)
from gateway.tracing.way import standing_of, way_of
from mappings.to_referral import explain

Json = dict[str, Any]

MOST_BYTES = 256_000  # of one body that is shown
RULE_KEYS = {rule.text: rule.key for rule in RULES}
REFUSED_ABOVE = 400


def tell(gathered: Gathered, key: str, *, masked: bool) -> Json:
    """The trace as JSON (`gateway.operations.trace_models.WholeTrace`)."""
    row = gathered.row
    requests = [_request(one, masked) for one in gathered.requests]
    actions = {(one.organisation, one.client_id, one.request_id): one.action for one in gathered.requests}
    told: Json = {
        "key": key,
        "masked": masked,
        "referral": _referral(row) if row else None,
        "others": [_referral(one) for one in gathered.others],
        "requests": requests,
        "received": [_received(one, actions, masked) for one in gathered.messages],
        "received_left_out": gathered.left_out,
        "findings": _findings(gathered, requests, masked),
        **(_mapped(row, masked) if row else {"fields": [], "unknown": []}),
        "stored": _stored(gathered, masked),
        "events": [_event(one, masked) for one in gathered.events],
        "more_deliveries": gathered.more_deliveries,
        "deliveries": [_delivery(one, gathered.attempts.get(one.id, ())) for one in gathered.deliveries],
    }
    return told | {"stands": standing_of(told), "way": way_of(told)}


def _referral(row: Any) -> Json:
    plain = ("id", "reference", "organisation", "hub_id", "status", "task_status", "urgency", "version")
    told = {name: getattr(row, name) for name in plain}
    return told | {
        "hub": told.pop("hub_id"),
        "correlation_id": row.correlation_id,
        "submitted_at": instant(row.submitted_at),
        "updated_at": instant(row.updated_at),
    }


def _request(row: Any, masked: bool) -> Json:
    plain = ("client_id", "organisation", "role", "action", "target", "request_id", "correlation_id", "outcome")
    told = {name: getattr(row, name) for name in plain}
    if masked and row.target:
        told["target"] = mask_target(row.target)
    return told | {
        "client": told.pop("client_id"),
        "at": instant(row.at),
        "findings": [_finding(instant(row.at), *one, masked=masked) for one in orjson.loads(row.findings or "[]")],
    }


def _finding(at: str | None, severity: str, code: str | None, element: str | None, text: str, *, masked: bool) -> Json:
    """`at`: when the request came that it was found in; None: it is noted with the referral."""
    rule = RULE_KEYS.get(text)
    if masked and not rule:
        element, text = mask_finding(element, text)
    return {
        "at": at,
        "severity": severity,
        "code": code,
        "element": element or None,
        "text": text,
        "rule": rule,
    }


def _received(row: Any, actions: dict[tuple[str, str, str], str], masked: bool) -> Json:
    return {
        "at": instant(row.received_at),
        "client": row.client_id,
        "organisation": row.organisation,
        "action": actions.get((row.organisation, row.client_id, row.request_id)),
        "request_id": row.request_id,
        "correlation_id": row.correlation_id,
        "status": row.status,
        "characters": len(row.body),
        "body": _body(row.body, masked),
        "raw": None if masked or len(row.body) > MOST_BYTES else row.body,
        "answer": _body(row.answer, masked),
    }


def _body(text: str, masked: bool) -> Any:
    """What a body says: FHIR, or a change of the platform's; None when there is none, or too much."""
    if not text or len(text) > MOST_BYTES:
        return None
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return hide(text) if masked else text
    if not masked:
        return content
    if isinstance(content, dict) and "resourceType" not in content:
        return mask_change(content)
    return mask_resource(content)


def _mapped(row: Any, masked: bool) -> Json:
    trace, content = orjson.loads(row.trace), orjson.loads(row.content)
    shown = mask_referral(content) if masked else content
    fields: list[Json] = []
    for one in explain(trace["rows"], trace["maps"]):
        value = value_at(shown, str(one["target"]))
        if not isinstance(value, dict):  # the parts of an object have rows of their own
            fields.append({**one, "value": value})
    unknown = [mask_unknown(one) if masked else one for one in trace["unknown"]]
    return {"fields": fields, "unknown": unknown}


def _findings(gathered: Gathered, requests: list[Json], masked: bool) -> list[Json]:
    """Those of refused requests, those that went with an answer, and those that are noted with the referral."""
    found = [one for request in requests for one in request["findings"]]
    for row in gathered.messages:
        if row.answer.startswith("{") and len(row.answer) <= MOST_BYTES:  # an answer in HL7 v2 is none of these
            found += _issues(instant(row.received_at), orjson.loads(row.answer), masked)
    told = {one["text"] for one in found}
    standing = orjson.loads(gathered.row.standing) if gathered.row else {}
    warnings = [_finding(None, "warning", None, None, text, masked=masked) for text in standing.get("warnings", [])]
    found += [one for one in warnings if one["text"] not in told]
    return [one for place, one in enumerate(found) if one not in found[:place]]


def _issues(at: str, answer: Any, masked: bool) -> Iterator[Json]:
    """The findings in an answer of ours: an OperationOutcome, or those beside the entries of a Bundle."""
    if not isinstance(answer, dict):
        return
    if answer.get("resourceType") == "OperationOutcome":
        for issue in answer["issue"]:
            if issue["code"] != "informational":
                place = next(iter(issue.get("expression", ())), None)
                yield _finding(at, issue["severity"], issue["code"], place, issue["diagnostics"], masked=masked)
    for entry in answer.get("entry", ()):
        yield from _issues(at, entry.get("response", {}).get("outcome"), masked)
        if answer.get("type") == "message":
            yield from _issues(at, entry.get("resource"), masked)


def _stored(gathered: Gathered, masked: bool) -> Json:
    content = orjson.loads(gathered.row.content) if gathered.row else None
    return {
        "referral": mask_referral(content) if content and masked else content,
        "resources": [_resource(one, masked) for one in gathered.resources],
    }


def _resource(row: Any, masked: bool) -> Json:
    content = orjson.loads(row.content) if len(row.content) <= MOST_BYTES else None
    return {
        "type": row.type,
        "id": row.id,
        "version": row.version,
        "method": row.method,
        "updated_at": instant(row.updated_at),
        "content": mask_resource(content) if content and masked else content,
    }


def _event(row: Any, masked: bool) -> Json:
    actor, change = orjson.loads(row["actor"]), orjson.loads(row["change"])
    if masked:
        actor["person"] = hide(actor.get("person"))
        change = mask_change(change)
    told = {name: row[name] for name in ("number", "type", "request_id", "correlation_id")}
    return told | {"at": instant(row["at"]), "actor": actor, "change": change}


def _delivery(row: Any, attempts: Iterable[Any]) -> Json:
    plain = ("id", "number", "event", "owner", "state", "last_failure")
    told = {name: getattr(row, name) for name in plain}
    return told | {
        "destination": row.destination_id,
        "kind": row.kind,
        "due_at": instant(row.due_at),
        "created_at": instant(row.created_at),
        "delivered_at": _instant(row.delivered_at),
        "attempts": [
            {name: getattr(one, name) for name in ("number", "milliseconds", "phase", "status", "answer")}
            | {"at": instant(one.at)}
            for one in attempts
        ],
    }


def _instant(moment: datetime | None) -> str | None:
    return instant(moment) if moment else None
