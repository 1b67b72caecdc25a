"""Where a referral stands -> the FHIR R4 Task an EPR receives, whole, at each version.

The sender's Task is kept except for what the fulfilling side owns: status, businessStatus, statusReason, owner,
output, executionPeriod, lastModified and the line for the clinician at the end of `note`. After Gravity SDOHCC (who
sets what; statusReason.text with rejected, cancelled, on-hold, failed) and FHIR COW (sessions progress as a ratio).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mappings.clinician import clinician_line, closed_at, first_contact, is_asked_to_cancel, reason_text
from mappings.outputs import is_ours, outputs
from mappings.systems import HUB_SYSTEM, REFERENCE_SYSTEM, SNOMED, TASK_CODE, reference_identifier
from mappings.translate import Target, code_map, vocabulary

__all__ = ["clinician_line", "status_of", "task_from"]

Json = dict[str, Any]

GATEWAY = "Social prescribing gateway"
# Gravity asks for a reason with these; the last two are ours: a question, and a transport cause.
EXPLAINED = frozenset({"rejected", "cancelled", "on-hold", "failed"})
EXPLAINED_HERE = frozenset({"info-requested", "delivery-failed"})
NOT_RECEIVED_BY = {"hub": "the hub", "record": "the record system"}
ENDED = frozenset({"rejected", "cancelled", "failed", "completed"})
DECLINED = {"system": SNOMED, "code": "871711000000103", "display": "Social prescribing declined"}
# What the fulfilling side owns: the sender's own values, and the extensions beside them, do not outlive a version.
OWNED = frozenset({"text", "status", "businessStatus", "statusReason", "owner", "lastModified", "executionPeriod"})


def task_from(received: Json | None, service_request_id: str, patient_id: str | None, standing: Json) -> Json:
    """The Task at the version that `standing` (`mappings.referral.Standing` as a dict) says.

    received: the Task as the EPR sent it, its references already rewritten, or the version before this one, of which
    what the gateway said is then replaced; None when the EPR sent none (a BaRS message).
    """
    sent = received or {}
    status, business = status_of(standing)
    task: Json = {
        "resourceType": "Task",
        "id": standing["id"],
        "meta": sent.get("meta", {}) | {"versionId": str(standing["version"]), "lastUpdated": standing["updated_at"]},
    }
    task |= {name: sent[name] for name in sent if name not in task and name.lstrip("_") not in OWNED}
    task["identifier"] = [
        *(given for given in sent.get("identifier", []) if given.get("system") != REFERENCE_SYSTEM),
        reference_identifier(standing["reference"]),
    ]
    task["status"] = status.code
    if reason := _status_reason(status.code, standing):
        task["statusReason"] = reason
    task["businessStatus"] = _business_status(business, standing)
    task.setdefault("intent", "order")
    task.setdefault(
        "code", {"coding": [{"system": TASK_CODE, "code": "fulfill", "display": "Fulfill the focal request"}]}
    )
    task.setdefault("focus", {"reference": f"ServiceRequest/{service_request_id}"})
    if patient_id:
        task.setdefault("for", {"reference": f"Patient/{patient_id}"})
    task.setdefault("authoredOn", standing["submitted_at"])
    task["lastModified"] = not_before(task["authoredOn"], standing["updated_at"])
    task["owner"] = _owner(standing)
    if started := first_contact(standing):
        end = closed_at(standing)
        ended = {"end": end} if status.code in ENDED and end >= started else {}
        task["executionPeriod"] = {"start": started, **ended}
    line = {"authorString": GATEWAY, "time": standing["updated_at"], "text": clinician_line(standing)}
    task["note"] = [*(note for note in sent.get("note", []) if note.get("authorString") != GATEWAY), line]
    task.pop("output", None)
    if results := [*outputs(standing), *(one for one in sent.get("output", []) if not is_ours(one))]:
        task["output"] = results
    if contained := task.pop("contained", []):
        task |= {"contained": kept} if (kept := _still_named(task, contained)) else {}
    return task


def as_sent(task: Json) -> Json:
    """What the sender says in a Task, without what the gateway wrote into it: as it stood when it was requested."""
    kept = {name: value for name, value in task.items() if name.lstrip("_") not in OWNED and name != "output"}
    kept["note"] = [note for note in task.get("note", []) if note.get("authorString") != GATEWAY]
    return {name: value for name, value in kept.items() if value != []} | {"status": "requested"}


def _still_named(task: Json, contained: list[Json]) -> list[Json]:
    """The contained resources that something still refers to (invariant dom-3): the sender's owner, say, is gone."""
    named: set[str] = set()
    waiting = [task, *(one for one in contained if "#" in _fragments(one))]  # "#" is the Task itself
    while waiting:
        found = set(_fragments(waiting)) - named
        named |= found
        waiting = [one for one in contained if f"#{one.get('id')}" in found]
    return [one for one in contained if f"#{one.get('id')}" in named or "#" in _fragments(one)]


def _fragments(value: Any) -> Iterator[str]:
    """Every text inside that may be a reference to something contained."""
    if isinstance(value, str):
        if value.startswith("#"):
            yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _fragments(each)


def status_of(standing: Json) -> tuple[Target, Target]:
    """Task.status and Task.businessStatus: of the referral's status, refined by the reason it was closed for, or by a
    request to cancel that nobody has answered yet (BSeR 5.2: in progress, Cancellation Requested)."""
    reason = (standing.get("closure") or {}).get("reason") if standing["status"].startswith("closed-") else None
    status = reason and code_map("closure-task-status").translate(reason)
    business = reason and code_map("closure-business-status").translate(reason)
    if is_asked_to_cancel(standing):
        business = vocabulary("business-status").target("cancellation-requested")
    return (
        status or _known(code_map("task-status").translate(standing["status"]), standing),
        business or _known(code_map("business-status").translate(standing["status"]), standing),
    )


def _business_status(business: Target, standing: Json) -> Json:
    """The true status first; beside it that somebody has not had the latest."""
    failed = vocabulary("business-status").target("delivery-failed")
    assert failed is not None
    readers = [NOT_RECEIVED_BY[one["to"]] for one in standing.get("undelivered") or []]
    if not readers or business == failed:
        return {"coding": [business.coding()], "text": business.display}
    text = f"{business.display}. The latest is not received by {' and '.join(readers)}"
    return {"coding": [business.coding(), failed.coding()], "text": text}


def _known(target: Target | None, standing: Json) -> Target:
    if target is None:
        raise ValueError(f"The status {standing['status']} has no row in the status maps. Run `gateway maps check`.")
    return target


def _status_reason(status: str, standing: Json) -> Json | None:
    if status not in EXPLAINED and standing["status"] not in EXPLAINED_HERE:
        return None
    closed = standing["status"].startswith("closed-") and standing.get("closure")
    code = closed["reason"] if closed else (standing.get("reason") or {}).get("code", "")
    known = [vocabulary(name).target(code) for name in ("not-accepted-reason", "closure-reason")]
    coding = [target.coding() for target in known if target][:1]
    if standing["status"] == "not-accepted" and (rejected := code_map("rejected-reason").translate(code)):
        coding.append(rejected.coding())
    if standing["status"] == "closed-declined":
        coding.append(DECLINED)
    return {"coding": coding, "text": reason_text(standing)} if coding else {"text": reason_text(standing)}


def _owner(standing: Json) -> Json:
    hub, advisor = standing["hub"], standing.get("advisor")
    return {
        "type": "Organization",
        "identifier": {"system": HUB_SYSTEM, "value": hub["id"]},
        "display": f"{hub['name']} ({advisor['name']}, Pathways Advisor)" if advisor else hub["name"],
    }


def not_before(authored: str, modified: str) -> str:
    """lastModified is never before authoredOn (invariant inv-1), even when the sender's clock runs ahead of ours."""
    if "T" not in authored:  # a date, month or year alone: later only when it is a later one
        return authored if authored > modified[: len(authored)] else modified
    try:
        return max(modified, authored, key=datetime.fromisoformat)
    except ValueError:  # FHIR allows a leap second, :60, which datetime does not know
        return modified
