"""Who made a version of a Task -> the FHIR R4 Provenance that goes along with it.

After R4 http.html#provenance: it comes in the header of the write, without target, which the server fills in.
"""

from typing import Any

from mappings.to_task import GATEWAY

Json = dict[str, Any]

DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT_TYPE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def provenance_of(task: Json, at: str) -> Json:
    """The gateway put the Task together at `at` (a FHIR instant), on behalf of the hub that owns it. The hub is named
    by its identifier only: headers stand in more logs than bodies do."""
    first = task["meta"]["versionId"] == "1"
    made = {"code": "CREATE", "display": "create"} if first else {"code": "UPDATE", "display": "revise"}
    agent: Json = {
        "type": {"coding": [{"system": PARTICIPANT_TYPE, "code": "assembler", "display": "Assembler"}]},
        "who": {"type": "Device", "display": GATEWAY},
    }
    if hub := task.get("owner", {}).get("identifier"):
        agent["onBehalfOf"] = {"type": "Organization", "identifier": hub}
    return {
        "resourceType": "Provenance",
        "recorded": at,
        "activity": {"coding": [{"system": DATA_OPERATION, **made}]},
        "agent": [agent],
    }
