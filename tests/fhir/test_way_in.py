"""Three doors, one referral: transaction, ServiceRequest then Task, and $process-message."""

import json

from sqlalchemy import select
from tests.app import BASE, Json, Running, message_bundle, reference_in, referral_bundle, resource_of, task_in

from gateway.ids import is_reference
from gateway.store.schema import audit, delivery, event, message, referral, resource


async def test_a_transaction_is_answered_entry_by_entry(gateway: Running) -> None:
    bundle = referral_bundle()

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.json()["type"] == "transaction-response"
    for sent, told in zip(bundle["entry"], answer.json()["entry"], strict=True):
        type_ = sent["resource"]["resourceType"]
        assert told["response"]["status"] == "201 Created"
        assert told["response"]["location"].startswith(f"{BASE}/FHIR/R4/{type_}/")
        assert told["response"]["location"].endswith("/_history/1")
        assert told["response"]["etag"] == 'W/"1"'
        assert told["response"]["lastModified"].endswith("Z")


async def test_the_reference_comes_back_with_request_and_task(gateway: Running) -> None:
    answer = (await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())).json()

    request, task = resource_of(answer, "ServiceRequest"), task_in(answer)
    assert reference_in(request) == reference_in(task)
    assert is_reference(reference_in(task))
    assert len(reference_in(task)) <= 25


async def test_references_between_entries_become_addresses(gateway: Running) -> None:
    answer = (
        await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle(), Prefer="return=representation")
    ).json()

    task, request = task_in(answer), resource_of(answer, "ServiceRequest")
    patient = resource_of(answer, "Patient")
    assert task["focus"]["reference"] == f"ServiceRequest/{request['id']}"
    assert task["for"]["reference"] == request["subject"]["reference"] == f"Patient/{patient['id']}"
    assert "urn:uuid" not in str(answer["entry"])


async def test_prefer_minimal_answers_without_resources(gateway: Running) -> None:
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle(), Prefer="return=minimal")

    assert not any("resource" in entry for entry in answer.json()["entry"])


async def test_everything_is_written_in_the_one_transaction(gateway: Running) -> None:
    task = await gateway.refer()

    assert [await gateway.count(table) for table in (referral, event, delivery, message, audit)] == [1, 1, 1, 1, 1]
    async with gateway.store.reading() as connection:
        stored = (await connection.execute(select(referral))).mappings().one()
        told = (await connection.execute(select(delivery))).mappings().one()
    assert stored["id"] == told["referral_id"] == task["id"]
    assert stored["status"] == "submitted"
    assert (told["state"], told["number"]) == ("due", 1)


async def test_what_was_received_is_kept_byte_for_byte(gateway: Running) -> None:
    body = (
        b'{"resourceType": "Observation",\n "status": "final", "code": {"text": "x"}, "valueQuantity": {"value": 1.50}}'
    )

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4/Observation", body)

    assert answer.status_code == 201
    assert b'"value":1.50' in answer.content
    async with gateway.store.reading() as connection:
        assert (await connection.execute(select(message.c.body))).scalar_one().encode() == body
        assert '"value":1.50' in (await connection.execute(select(resource.c.content))).scalar_one()


async def test_request_then_task_is_the_same_referral(gateway: Running) -> None:
    bundle = referral_bundle()
    addresses: dict[str, str] = {}
    for type_ in ("Patient", "Organization", "PractitionerRole", "ServiceRequest"):
        sent = resource_of(bundle, type_)
        text = with_addresses(sent, addresses)
        answer = await gateway.call("demo-epr", "POST", f"/FHIR/R4/{type_}", text)
        assert answer.status_code == 201, answer.text
        full_url = next(e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] == type_)
        addresses[full_url] = f"{type_}/{answer.json()['id']}"
    assert await gateway.count(referral) == 0

    task = await gateway.call(
        "demo-epr", "POST", "/FHIR/R4/Task", with_addresses(resource_of(bundle, "Task"), addresses)
    )

    assert task.status_code == 201, task.text
    assert task.headers["location"] == f"{BASE}/FHIR/R4/Task/{task.json()['id']}/_history/1"
    assert task.headers["etag"] == 'W/"1"'
    assert reference_in(task.json()) == reference_in(answer.json())
    assert await gateway.count(referral) == 1


def with_addresses(resource: Json, addresses: dict[str, str]) -> bytes:
    """The resource as a client would post it alone: names of the Bundle replaced by the addresses given so far."""
    alone = {element: value for element, value in resource.items() if element not in {"supportingInfo", "contained"}}
    text = json.dumps(alone)
    for full_url, address in addresses.items():
        text = text.replace(full_url, address)
    return text.encode()


async def test_a_request_alone_says_that_it_is_not_sent_yet(gateway: Running) -> None:
    patient = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", resource_of(referral_bundle(), "Patient"))
    request = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient.json()['id']}"},
    }

    answer = await gateway.call(
        "demo-epr", "POST", "/FHIR/R4/ServiceRequest", request, Prefer="return=OperationOutcome"
    )

    assert answer.status_code == 201
    assert "POST a Task" in answer.json()["issue"][0]["diagnostics"]


async def test_a_message_is_answered_with_a_message(gateway: Running) -> None:
    bundle = message_bundle()

    answer = await gateway.call(
        "demo-epr", "POST", "/FHIR/R4/$process-message", bundle, X_Request_Id="6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01"
    )

    assert answer.status_code == 200, answer.text
    header = answer.json()["entry"][0]["resource"]
    assert header["resourceType"] == "MessageHeader"
    assert header["response"] == {"identifier": bundle["id"], "code": "ok"} | {
        key: value for key, value in header["response"].items() if key == "details"
    }
    task = task_in(answer.json())
    assert is_reference(reference_in(task))
    assert task["focus"]["reference"].startswith("ServiceRequest/")
    assert await gateway.count(referral) == 1


async def test_the_message_goes_to_the_hub_it_names(gateway: Running) -> None:
    await gateway.call(
        "demo-epr",
        "POST",
        "/FHIR/R4/$process-message",
        message_bundle(),
        X_Request_Id="6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01",
    )

    async with gateway.store.reading() as connection:
        assert (await connection.execute(select(referral.c.hub_id))).scalar_one() == "eastmere-wellbeing-hub"


async def test_warnings_come_with_the_answer_and_are_kept(gateway: Running) -> None:
    bundle = referral_bundle()
    request = resource_of(bundle, "ServiceRequest")
    del request["supportingInfo"], request["contained"]
    request["reasonCode"].append({"coding": [{"system": "urn:example:local", "code": "PETS"}], "text": "Pet care"})

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    assert answer.status_code == 200, answer.text
    outcomes = [entry["response"]["outcome"] for entry in answer.json()["entry"] if "outcome" in entry["response"]]
    findings = {issue["expression"][0]: issue["severity"] for issue in outcomes[0]["issue"]}
    assert findings["Bundle.entry[4].resource.supportingInfo"] == "warning"
    assert any("reasonCode[2]" in place for place in findings)
    async with gateway.store.reading() as connection:
        assert "No risk entry was sent" in (await connection.execute(select(referral.c.standing))).scalar_one()
