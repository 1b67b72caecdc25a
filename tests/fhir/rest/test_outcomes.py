"""R24, R28: what is refused is told in FHIR; and each row of the checklist has its test."""

import json
from uuid import uuid4

import pytest
from tests.app import Running, message_bundle, task_in
from tests.fhir.rest.calls import patient, send
from tools.rest_checklist import ROWS, shown_by

REFUSED: dict[str, tuple[str, str, object, dict[str, str], int, str]] = {
    "no JSON": ("POST", "Patient", b"{", {}, 400, "structure"),
    "another type": ("POST", "Patient", {"resourceType": "Organization", "name": "N"}, {}, 422, "invalid"),
    "an invalid resource": ("POST", "Patient", patient(gender="Distinctive"), {}, 422, "code-invalid"),
    "a slash too many": ("POST", "Patient/?_pretty=true", patient(), {"Host": "elsewhere.example"}, 404, "not-found"),
    "a slash after an id": ("GET", "Patient/Distinctive/?_pretty=true", None, {}, 404, "not-found"),
    "not here": ("GET", "Patient/Distinctive", None, {}, 404, "not-found"),
    "not a type": ("GET", "Distinctive", None, {}, 404, "not-found"),
    "not this way": ("DELETE", "Patient/Distinctive", None, {}, 405, "not-supported"),
    "not as JSON": ("GET", "Patient/1", None, {"Accept": "text/html"}, 406, "processing"),
    "not JSON": ("POST", "Patient", b"<Patient/>", {"Content_Type": "text/xml"}, 415, "not-supported"),
    "too large": ("POST", "Patient", b" " * 6_000_000, {}, 413, "too-long"),
    "no id": ("GET", "Patient/1", None, {"X_Request_Id": "Distinctive"}, 400, "invalid"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_r28_a_refusal_is_told_in_fhir(gateway: Running, name: str) -> None:
    method, path, body, headers, status, code = REFUSED[name]

    answer = await send(gateway, method, path, body, **headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/fhir+json")
    assert answer.json()["resourceType"] == "OperationOutcome"
    issue = answer.json()["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", code)
    assert issue["details"]["text"] == issue["diagnostics"]
    assert "Distinctive" not in json.dumps(answer.json()).replace("'Distinctive' is not a resource type", "")


async def test_r24_a_message_is_answered_by_a_message_once(gateway: Running) -> None:
    sent, ids = message_bundle(), {"X_Request_Id": str(uuid4())}

    first, again = [await send(gateway, "POST", "$process-message", sent, **ids) for _ in range(2)]

    header = first.json()["entry"][0]["resource"]
    assert (first.json()["type"], header["resourceType"]) == ("message", "MessageHeader")
    assert (header["response"]["identifier"], header["response"]["code"]) == (sent["id"], "ok")
    assert task_in(first.json())["status"] == "requested"
    assert again.status_code == 409


def test_each_row_that_is_served_has_a_test() -> None:
    assert sorted(ROWS) == list(range(1, 40))
    assert ROWS.keys() == {number for number, tests in shown_by().items() if tests}
