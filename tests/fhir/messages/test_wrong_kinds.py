"""What is not a BaRS message of R4: the answer says what was found and what is wanted."""

import json
from typing import Any
from uuid import uuid4

import pytest
from tests.app import Json, Running, message_bundle, resource_of
from tests.fhir.messages.said import PATH, issue_of, say

from gateway.store.schema import message


def itk_message() -> Json:
    """An ITK3 message: MessageHeader of STU3, which names its event in `event`."""
    bundle = message_bundle()
    header = bundle["entry"][0]["resource"]
    header["meta"] = {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/ITK-MessageHeader-2"]}
    header["event"] = header.pop("eventCoding")
    header["timestamp"] = "2026-01-12T11:30:00+00:00"
    return bundle


def stu3_message() -> Json:
    bundle = message_bundle()
    header = bundle["entry"][0]["resource"]
    header["event"] = header.pop("eventCoding")
    return bundle


def stu3_referral_request() -> Json:
    bundle = message_bundle()
    request = resource_of(bundle, "ServiceRequest")
    request.update(resourceType="ReferralRequest", type={"text": "Social prescribing"})
    return bundle


@pytest.mark.parametrize("body", [itk_message(), stu3_message(), stu3_referral_request()], ids=["ITK", "event", "type"])
async def test_stu3_is_told_that_r4_is_wanted(gateway: Running, body: Json) -> None:
    answer = await say(gateway, body)

    assert issue_of(answer)[:3] == (422, "REC_UNPROCESSABLE_ENTITY", "not-supported")
    told = answer.json()["issue"][0]["diagnostics"]
    assert "STU3" in told
    assert "R4" in told
    assert await gateway.count(message) == 0


XML = b'<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"><type value="message"/></Bundle>'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/fhir+xml", XML),
        ("application/fhir+xml; version=1.4.0", XML),
        ("application/xml", XML),
        ("text/xml", XML),
        ("application/fhir+json", XML),
        ("application/fhir+json", b"\xef\xbb\xbf\r\n " + XML),
        ("x-application/hl7-v2+er7", b"MSH|^~\\&|"),
        ("application/fhir+json; fhirVersion=3.0", b"{}"),
    ],
)
async def test_other_formats_are_told_what_is_taken(gateway: Running, content_type: str, body: bytes) -> None:
    answer = await say(gateway, body, **{"Content-Type": content_type})

    assert issue_of(answer)[:3] == (415, "REC_UNSUPPORTED_MEDIA_TYPE", "not-supported")
    assert "R4" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods(gateway: Running, method: str) -> None:
    answer = await gateway.call("demo-epr", method, PATH)

    assert issue_of(answer)[:3] == (405, "REC_METHOD_NOT_ALLOWED", "not-supported")
    assert answer.headers["allow"] == "POST"


MISSHAPEN: list[Any] = [
    {},
    {"resourceType": "Bundle", "entry": 7},
    {"resourceType": "Bundle", "type": "message"},
    {"resourceType": "Bundle", "type": "message", "entry": []},
    {"resourceType": "Bundle", "type": "message", "entry": [{"response": {"status": "200"}}]},
    {"resourceType": "Bundle", "type": "message", "entry": [{"request": {"method": "GET", "url": "Patient/1"}}]},
    {"resourceType": "Bundle", "type": "message", "entry": [None]},
    {"resourceType": "Bundle", "type": "message", "entry": [{"resource": {"eventCoding": []}}]},
    {"resourceType": "Bundle", "type": "message", "meta": {"versionId": 2.0, "profile": "x"}, "entry": {"0": {}}},
    {"resourceType": "Bundle", "type": "message", "meta": [], "entry": [{"resource": {"meta": {"profile": [1, {}]}}}]},
    {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [{"resource": {"eventCoding": {"code": ["booking-request"]}}}],
    },
    {"resourceType": "Bundle", "type": "message", "entry": [{"resource": {"resourceType": "Slot"}}]},
    {"resourceType": "ServiceRequest", "status": "active", "intent": "plan", "subject": {"display": "somebody"}},
]


@pytest.mark.parametrize("body", MISSHAPEN, ids=map(str, range(len(MISSHAPEN))))
async def test_any_json_gets_its_4xx(gateway: Running, body: Any) -> None:
    answer = await gateway.call("demo-epr", "POST", PATH, json.dumps(body).encode(), X_Request_Id=str(uuid4()))

    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
