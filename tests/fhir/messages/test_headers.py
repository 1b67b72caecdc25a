"""The headers of a BaRS message: what is sent is checked, and what must be sent is as agreed with the sender."""

import json
from typing import Any

import pytest
from sqlalchemy import select
from tests.app import Running, issues_of, message_bundle, resource_of
from tests.fhir.messages.said import EASTMERE, ORGANISATION, bars_headers, encoded, issue_of, say

from gateway.store.schema import audit, event, message, referral

REQUIRED = ["X-Correlation-Id", "NHSD-Target-Identifier", "NHSD-End-User-Organisation", "NHSD-Requesting-Software"]


async def test_all_headers_as_bars_publishes_them(strict: Running) -> None:
    headers = bars_headers()

    answer = await say(strict, message_bundle(), **headers)

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-request-id"] == headers["X_Request_Id"]
    assert answer.headers["x-correlation-id"] == headers["X_Correlation_Id"]


async def test_a_strict_sender_is_told_all_that_is_missing(strict: Running) -> None:
    answer = await say(strict, message_bundle())

    assert answer.status_code == 400
    assert issues_of(answer) == [("required", f"http.{name}") for name in [*REQUIRED, "Accept"]]
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "REC_BAD_REQUEST"


@pytest.mark.parametrize("name", ["NHSD_Requesting_Practitioner", "use_context"])
async def test_what_bars_leaves_open_may_be_missing(strict: Running, name: str) -> None:
    headers = bars_headers()
    del headers[name]

    assert (await say(strict, message_bundle(), **headers)).status_code == 200


async def test_a_lenient_sender_needs_the_request_id_only(gateway: Running) -> None:
    assert (await say(gateway, message_bundle())).status_code == 200

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4/$process-message", message_bundle())

    assert issue_of(answer) == (400, "REC_BAD_REQUEST", "required", "http.X-Request-Id")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NHSD_Target_Identifier", "not Base64!"),
        ("NHSD_Target_Identifier", encoded(EASTMERE).rstrip("=")),
        ("NHSD_Target_Identifier", encoded([EASTMERE])),
        ("NHSD_Target_Identifier", encoded({"system": EASTMERE["system"]})),
        ("NHSD_Target_Identifier", encoded(EASTMERE | {"value": 2000090002})),
        ("NHSD_End_User_Organisation", "eyJyZXNvdXJjZVR5cGUi"),
        ("NHSD_End_User_Organisation", json.dumps(ORGANISATION)),
        ("NHSD_End_User_Organisation", encoded({"resourceType": "Device"})),
        ("NHSD_End_User_Organisation", encoded(ORGANISATION | {"active": "true"})),
        ("NHSD_Requesting_Software", encoded(ORGANISATION)),
        ("NHSD_Requesting_Software", encoded({"resourceType": "Device", "status": "bogus"})),
        ("NHSD_Requesting_Practitioner", encoded({"resourceType": ["PractitionerRole"]})),
        ("NHSD_Requesting_Practitioner", encoded({"resourceType": "Practitioner", "birthDate": "1971-02-30"})),
    ],
)
async def test_what_is_sent_is_checked(gateway: Running, name: str, value: str) -> None:
    answer = await say(gateway, message_bundle(), **{name: value})

    header = name.replace("_", "-")
    assert issue_of(answer) == (400, "REC_BAD_REQUEST", "invalid", f"http.{header}")
    assert header in answer.json()["issue"][0]["diagnostics"]
    assert await gateway.count(message) == 0


async def test_findings_name_the_element_and_never_the_value(gateway: Running) -> None:
    content: Any = ORGANISATION | {"name": ["Sylvia Marsh"], "alias": "Sylvia Marsh"}

    answer = await say(gateway, message_bundle(), NHSD_End_User_Organisation=encoded(content))

    told = [issue["diagnostics"] for issue in answer.json()["issue"]]
    assert len(told) == 2
    assert "Organization.name must be" in told[0] + told[1]
    assert "Sylvia" not in answer.text


async def test_a_service_that_is_not_here(gateway: Running) -> None:
    answer = await say(gateway, message_bundle(), NHSD_Target_Identifier=encoded(EASTMERE | {"value": "999"}))

    assert issue_of(answer) == (404, "REC_NOT_FOUND", "not-found", "http.NHSD-Target-Identifier")


async def test_the_service_addressed_gets_the_referral(gateway: Running) -> None:
    bundle = message_bundle()
    bundle["entry"][0]["resource"]["destination"] = [{"endpoint": "https://gateway.example/FHIR/R4"}]
    del resource_of(bundle, "ServiceRequest")["performer"]
    resource_of(bundle, "Patient")["address"][0].update(postalCode="XN1 4QF", city="Northdale")

    answer = await say(gateway, bundle, NHSD_Target_Identifier=encoded(EASTMERE))

    assert answer.status_code == 200, answer.text
    async with gateway.store.reading() as connection:
        assert (await connection.execute(select(referral.c.hub_id))).scalar_one() == "eastmere-wellbeing-hub"


async def test_the_organisation_that_works_for_the_hubs_may_be_addressed(gateway: Running) -> None:
    platform = {"system": "https://fhir.nhs.uk/id/ods-organization-code", "value": "XNP01"}
    sender = platform | {"value": "XSH01"}

    assert (await say(gateway, message_bundle(), NHSD_Target_Identifier=encoded(platform))).status_code == 200
    assert (await say(gateway, message_bundle(), NHSD_Target_Identifier=encoded(sender))).status_code == 404


async def test_header_and_message_name_one_service(gateway: Running) -> None:
    other = encoded(EASTMERE | {"value": "2000090001"})

    answer = await say(gateway, message_bundle(), NHSD_Target_Identifier=other)

    assert issue_of(answer) == (400, "REC_BAD_REQUEST", "invariant", "Bundle.entry[0].resource.destination")


@pytest.mark.parametrize("accept", ["application/fhir+json; version=2.0.0", 'application/fhir+json;version="0.9"'])
async def test_another_version_of_bars_is_not_spoken(gateway: Running, accept: str) -> None:
    answer = await say(gateway, message_bundle(), Accept=accept)

    assert issue_of(answer)[:3] == (406, "REC_NOT_ACCEPTABLE", "processing")
    assert "1.x" in answer.json()["issue"][0]["diagnostics"]


async def test_the_practitioner_is_the_person_in_journal_and_audit(gateway: Running) -> None:
    await say(gateway, message_bundle(), **bars_headers())

    async with gateway.store.reading() as connection:
        assert (await connection.execute(select(audit.c.person))).scalar_one() == "100334993514"
        assert '"person":"100334993514"' in (await connection.execute(select(event.c.actor))).scalar_one()
