"""What an EPR relies on when it sends referrals: pacts/epr-gateway.json."""

import json
from pathlib import Path
from uuid import UUID

from pact import Pact, match
from pact.interaction import HttpInteraction
from tests.app import example, resource_of, task_in
from tests.pacts.clients import Epr, Json
from tests.pacts.terms import FHIR, INSTANT, REFERENCE, TOKEN, Text, bearer, exactly, given, like, one_of, outcome
from tests.pacts.terms import UUID as ANY_UUID
from tests.pacts.written import between, hold

TASK = "01981f3e-6b7a-7c3d-9e21-000000000001"
REQUEST = "01981f3e-6b7a-7c3d-9e21-000000000002"
STRANGE = "01981f3e-6b7a-7c3d-9e21-000000000009"  # asked for without a token
MESSAGE_REQUEST = UUID("5a7c0f6e-1d2b-4c3d-8e9f-000000000001")
SINCE = "2026-01-01T00:00:00Z"
REVOKE = [{"op": "replace", "path": "/status", "value": "revoked"}]
CALLER = "an EPR may send and read"
THERE = "the EPR has sent a referral"


LEAST = Path(__file__).parent.parent / "examples/least/request.json"


def least(number: str) -> Json:
    bundle: Json = json.loads(LEAST.read_text("utf-8"))
    request = resource_of(bundle, "ServiceRequest")
    request["identifier"] = [{"system": "https://northdale.example/rio/referral", "value": number}]
    return bundle


NEW = example("referral.json")
KNOWN, TRIED, WRONG = (least(f"PACT-{name}") for name in ("KNOWN", "TRIED", "WRONG"))
resource_of(WRONG, "ServiceRequest")["status"] = "bogus"


def task() -> Json:
    """What the EPR shows of a referral."""
    business = "urn:social-prescribing-gateway:CodeSystem:business-status"
    number = "urn:social-prescribing-gateway:Id:referral-reference"
    statuses = ("received", "accepted", "rejected", "ready", "in-progress", "on-hold", "failed", "completed")
    return {
        "resourceType": "Task",
        "id": like(TASK, ANY_UUID),
        "meta": {"versionId": like("1", r"\d+"), "lastUpdated": like("2026-03-02T09:30:00.000Z", INSTANT)},
        "status": one_of("requested", *statuses, "cancelled", "entered-in-error"),
        "businessStatus": {
            "coding": [
                {"system": business, "code": like("sent-awaiting-receipt", "[a-z-]+"), "display": match.like("Sent")}
            ],
            "text": match.like("Sent, waiting for confirmation of receipt"),
        },
        "identifier": match.each_like({"system": exactly(number), "value": like("SP-4821-0937-5564", REFERENCE)}),
        "focus": {"reference": like(f"ServiceRequest/{REQUEST}", f"ServiceRequest/{ANY_UUID}")},
        "note": match.each_like({"text": match.like("Sent to Northdale Wellbeing Hub.")}),
    }


def ask(pact: Pact, what: str, method: str, path: str | Text, *states: str) -> HttpInteraction:
    asked = pact.upon_receiving(what, "HTTP").given(CALLER)
    for state in states:
        asked.given(state)
    return asked.with_request(method, path).with_header("Authorization", bearer())


def describe(pact: Pact) -> None:
    sent = "/FHIR/R4"
    stored = {
        "response": {
            "status": like("201 Created", "201( Created)?"),
            "location": match.like(f"https://gateway.example/FHIR/R4/Task/{TASK}/_history/1"),
        }
    }
    whole = {"resource": task()} | stored
    (
        ask(pact, "a new referral", "POST", sent)
        .with_body(NEW, FHIR)
        .will_respond_with(200)
        .with_body(
            {"resourceType": "Bundle", "type": "transaction-response", "entry": match.array_containing([whole])}, FHIR
        )
    )
    (
        ask(pact, "a referral that was sent before", "POST", sent, "the referral PACT-KNOWN was sent before")
        .with_body(KNOWN, FHIR)
        .will_respond_with(409)
        .with_header("Location", like(f"Task/{TASK}", f"Task/{ANY_UUID}"))
        .with_body(outcome("duplicate"), FHIR)
    )
    (
        ask(pact, "a referral that is not FHIR R4", "POST", sent)
        .with_body(WRONG, FHIR)
        .will_respond_with(422)
        .with_body(outcome("code-invalid", "Bundle.entry[2].resource.status"), FHIR)
    )
    (
        ask(pact, "a referral to try out", "POST", f"{sent}/Bundle/$validate")
        .with_body(TRIED, FHIR)
        .will_respond_with(200)
        .with_body(
            {
                "resourceType": "OperationOutcome",
                "issue": match.each_like(
                    {"severity": one_of("information", "warning"), "code": match.like("informational")}
                ),
            },
            FHIR,
        )
    )
    (
        ask(pact, "a referral as a message", "POST", f"{sent}/$process-message")
        .with_header("X-Request-Id", like(str(MESSAGE_REQUEST), ANY_UUID))
        .with_body(example("message.json"), FHIR)
        .will_respond_with(200)
        .with_body(
            {"resourceType": "Bundle", "type": "message", "entry": match.array_containing([{"resource": task()}])}, FHIR
        )
    )
    (
        ask(pact, "the state of a referral", "GET", given(f"{sent}/Task/{TASK}", f"{sent}/Task/${{task}}"), THERE)
        .will_respond_with(200)
        .with_header("ETag", like('W/"1"', r'W/"\d+"'))
        .with_body(task(), FHIR)
    )
    (
        ask(pact, "what has changed since", "GET", f"{sent}/Task", THERE)
        .with_query_parameters({"_lastUpdated": f"ge{SINCE}", "_sort": "_lastUpdated"})
        .will_respond_with(200)
        .with_body(
            {"resourceType": "Bundle", "type": "searchset", "entry": match.each_like({"resource": task()})}, FHIR
        )
    )
    (
        ask(
            pact,
            "a referral to be taken back",
            "PATCH",
            given(f"{sent}/ServiceRequest/{REQUEST}", f"{sent}/ServiceRequest/${{request}}"),
            THERE,
        )
        .with_header("If-Match", 'W/"1"')
        .with_body(json.dumps(REVOKE), "application/json-patch+json")
        .will_respond_with(200)
        .with_header("ETag", 'W/"2"')
        .with_body({"resourceType": "ServiceRequest", "id": like(REQUEST, ANY_UUID), "status": "revoked"}, FHIR)
    )
    (
        pact.upon_receiving("the state of a referral, without a token")
        .with_request("GET", f"{sent}/Task/{STRANGE}")
        .will_respond_with(401)
        .with_header("WWW-Authenticate", like("Bearer", "Bearer.*"))
        .with_body(outcome("login"), FHIR)
    )


def test_an_epr_works_with_what_it_relies_on(tmp_path: Path) -> None:
    pact = between("epr", "gateway")
    describe(pact)
    with pact.serve("127.0.0.1") as server, Epr(str(server.url), TOKEN) as epr, Epr(str(server.url), None) as stranger:
        assert task_in(epr.refer(NEW).json())["status"] == "requested"
        again, wrong = epr.refer(KNOWN), epr.refer(WRONG)
        assert (again.status_code, again.headers["location"]) == (409, f"Task/{TASK}")
        assert (wrong.status_code, wrong.json()["issue"][0]["code"]) == (422, "code-invalid")
        assert epr.try_out(TRIED).json()["issue"][0]["severity"] != "error"
        assert task_in(epr.tell(example("message.json"), MESSAGE_REQUEST).json())["id"] == TASK
        assert epr.read_task(TASK).headers["etag"] == 'W/"1"'
        assert task_in(epr.changed_since(SINCE).json())["businessStatus"]["text"]
        assert epr.take_back(REQUEST, 1).json()["status"] == "revoked"
        assert stranger.read_task(STRANGE).status_code == 401
    hold(pact, tmp_path)
