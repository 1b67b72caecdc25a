"""What a BaRS sender says: a referral, a change of it, a cancellation; and the headers it says it with."""

import copy
import json
from base64 import b64encode
from typing import Any
from uuid import uuid4

import httpx
from fhir.resources.R4B.bundle import Bundle
from tests.app import Json, Running, message_bundle, resource_of

from gateway.validation import check, parse

PATH = "/FHIR/R4/$process-message"
EASTMERE = {"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "2000090002"}
ORGANISATION = {
    "resourceType": "Organization",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "XND01"}],
    "name": "Northdale Mental Health NHS Foundation Trust",
}
# As BaRS' API specification shows it: deviceName and version are lists in R4.
SOFTWARE = {
    "resourceType": "Device",
    "identifier": [{"system": "https://supplier.example/Id/device-identifier", "value": "SUPP-APP-1"}],
    "deviceName": {"name": "Northdale RiO", "type": "manufacturer-name"},
    "version": {"value": "1.0.0"},
}
PRACTITIONER = {
    "resourceType": "PractitionerRole",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "100334993514"}],
}


def encoded(content: Any) -> str:
    return b64encode(json.dumps(content).encode()).decode()


def bars_headers() -> dict[str, str]:
    """All that BaRS asks for."""
    return {
        "X_Request_Id": str(uuid4()),
        "X_Correlation_Id": str(uuid4()),
        "Accept": "application/fhir+json; version=1.4.0",
        "NHSD_Target_Identifier": encoded(EASTMERE),
        "NHSD_End_User_Organisation": encoded(ORGANISATION),
        "NHSD_Requesting_Software": encoded(SOFTWARE),
        "NHSD_Requesting_Practitioner": encoded(PRACTITIONER),
        "use_context": "a7t1|referral|servicerequest-request|new",
    }


async def say(gateway: Running, bundle: Any, client: str = "demo-epr", **headers: str) -> httpx.Response:
    return await gateway.call(client, "POST", PATH, bundle, **({"X_Request_Id": str(uuid4())} | headers))


async def refer(gateway: Running) -> tuple[Json, Json]:
    """A message with a new referral, and the message that answers it."""
    bundle = message_bundle()
    return bundle, answered(await say(gateway, copy.deepcopy(bundle)))


def answered(answer: httpx.Response) -> Json:
    """The answering message, which is valid R4 by our own judgement and by an independent one."""
    assert answer.status_code == 200, answer.text
    bundle = parse(answer.content)
    assert check(bundle) == []
    Bundle.model_validate(answer.json())
    return bundle


def later(bundle: Json, reason: str = "update", hours: int = 1) -> Json:
    """The same conversation (Bundle.id), said again some hours later."""
    changed = copy.deepcopy(bundle)
    changed["meta"]["lastUpdated"] = f"2026-01-12T{11 + hours}:30:00.8185338+00:00"
    changed["entry"][0]["resource"]["reason"]["coding"][0]["code"] = reason
    return changed


def cancelling(bundle: Json, status: str = "revoked", reason: str = "update", hours: int = 1) -> Json:
    """The stripped message that cancels: MessageHeader, ServiceRequest, Patient, Organization."""
    changed = later(bundle, reason, hours)
    kinds = {"MessageHeader", "ServiceRequest", "Patient", "Organization"}
    changed["entry"] = [entry for entry in changed["entry"] if entry["resource"]["resourceType"] in kinds]
    request = resource_of(changed, "ServiceRequest")
    for element in ("basedOn", "requester", "performer"):
        del request[element]
    request["status"] = status
    request["reasonCode"] = [{"text": "She has moved to her sister's."}]
    return changed


def issue_of(answer: httpx.Response) -> tuple[int, str, str, str | None]:
    """HTTP status, NHS code, issue code and place of the only finding."""
    (issue,) = answer.json()["issue"]
    nhs_code = issue["details"]["coding"][0]["code"]
    return answer.status_code, nhs_code, issue["code"], issue.get("expression", [None])[0]
