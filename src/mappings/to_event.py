"""A change of a referral -> a CloudEvent (1.0, JSON event format) that says so much and no more: which referral, which
version, where it stands. No person, no name, no words: who may know more fetches it, and is asked who they are."""

from typing import Any

from mappings.systems import BASE, REFERENCE_SYSTEM, code_system

Json = dict[str, Any]

TYPE = f"{BASE.removeprefix('urn:')}.referral"
CODES = code_system("business-status")


def event_from(task: Json, event_type: str, event_id: str, at: str, source: str, link: str) -> Json:
    """The event in structured mode. `event_id` is the same in each repeat; `source` the address of the gateway, `link`
    that of what changed; `sequence` (CloudEvents' extension) orders the events of one `subject`, as texts too."""
    version = int(task["meta"]["versionId"])
    named = (one["value"] for one in task.get("identifier", []) if one.get("system") == REFERENCE_SYSTEM)
    codings = task.get("businessStatus", {}).get("coding", [])
    business = next((one["code"] for one in codings if one.get("system") == CODES), None)
    status = {"status": task["status"]} | ({"businessStatus": business} if business else {})
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": f"{TYPE}.{event_type}",
        "subject": next(named, task["id"]),
        "time": at,
        "sequence": f"{version:010d}",
        "dataref": link,
        "datacontenttype": "application/json",
        "data": status | {"version": version},
    }
