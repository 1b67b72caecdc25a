"""The same referral is stored once: whoever repeats it, in whatever way, gets the first one."""

import asyncio
import copy
from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from tests.app import Running, message_bundle, reference_in, referral_bundle, resource_of, task_in

from gateway.again import TRIES
from gateway.store.engine import Rows
from gateway.store.schema import delivery, event, message, referral, resource


async def rows(gateway: Running) -> list[int]:
    return [await gateway.count(table) for table in (referral, resource, event, delivery, message)]


async def test_the_same_request_again_gets_the_first_answer(gateway: Running) -> None:
    bundle, request_id = referral_bundle(), str(uuid4())
    first = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle, X_Request_Id=request_id)
    stored = await rows(gateway)

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle, X_Request_Id=request_id)

    assert (again.status_code, again.content) == (200, first.content)
    assert await rows(gateway) == stored


async def test_a_created_resource_too(gateway: Running) -> None:
    patient, request_id = resource_of(referral_bundle(), "Patient"), str(uuid4())
    first = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, X_Request_Id=request_id)

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, X_Request_Id=request_id)

    assert (again.status_code, again.content) == (201, first.content)
    for header in ("location", "etag", "last-modified"):
        assert again.headers[header] == first.headers[header]
    assert await gateway.count(resource) == 1


async def test_the_same_request_id_with_another_body_is_refused(gateway: Running) -> None:
    request_id = str(uuid4())
    await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle(), X_Request_Id=request_id)

    other = await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle(), X_Request_Id=request_id)

    assert other.status_code == 409
    assert "Each new request needs a new UUID" in other.json()["issue"][0]["diagnostics"]
    assert await gateway.count(referral) == 1


async def test_another_client_may_use_the_same_request_id(gateway: Running) -> None:
    request_id = str(uuid4())
    for client in ("demo-epr", "demo-epr-2"):
        answer = await gateway.call(client, "POST", "/FHIR/R4", referral_bundle(), X_Request_Id=request_id)
        assert answer.status_code == 200


async def test_a_message_again_is_a_conflict_as_bars_says(gateway: Running) -> None:
    bundle, request_id = message_bundle(), str(uuid4())
    await gateway.call("demo-epr", "POST", "/FHIR/R4/$process-message", bundle, X_Request_Id=request_id)

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4/$process-message", bundle, X_Request_Id=request_id)

    assert again.status_code == 409
    issue = again.json()["issue"][0]
    assert (issue["code"], issue["details"]["coding"][0]["code"]) == ("duplicate", "REC_CONFLICT")
    assert await gateway.count(referral) == 1


async def test_the_same_message_under_a_new_request_id_names_the_referral(gateway: Running) -> None:
    bundle = message_bundle()
    path = "/FHIR/R4/$process-message"
    first = await gateway.call("demo-epr", "POST", path, bundle, X_Request_Id=str(uuid4()))

    again = await gateway.call("demo-epr", "POST", path, bundle, X_Request_Id=str(uuid4()))

    assert again.status_code == 409
    assert reference_in(task_in(first.json())) in again.json()["issue"][0]["diagnostics"]


async def test_the_senders_own_identifier_names_one_referral(gateway: Running) -> None:
    bundle = referral_bundle()
    first = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    assert again.status_code == 409
    assert again.json()["issue"][0]["code"] == "duplicate"
    assert reference_in(task_in(first.json())) in again.json()["issue"][0]["diagnostics"]
    assert await gateway.count(referral) == 1


async def test_any_of_several_identifiers_is_enough(gateway: Running) -> None:
    bundle = referral_bundle()
    await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
    named_more = copy.deepcopy(bundle)
    further = {"system": "https://northdale.example/spell", "value": "A-1"}
    resource_of(named_more, "ServiceRequest")["identifier"].insert(0, further)

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4", named_more)

    assert again.status_code == 409


async def test_another_trust_may_use_the_same_identifier(gateway: Running) -> None:
    bundle = referral_bundle()
    for client in ("demo-epr", "demo-epr-2"):
        assert (await gateway.call(client, "POST", "/FHIR/R4", bundle)).status_code == 200
    assert await gateway.count(referral) == 2


async def test_if_none_exist_gives_the_stored_referral(gateway: Running) -> None:
    bundle = referral_bundle()
    entry = next(entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == "ServiceRequest")
    named = entry["resource"]["identifier"][0]
    entry["request"]["ifNoneExist"] = f"identifier={named['system']}|{named['value']}"
    first = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
    stored = (await rows(gateway))[:4]

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    assert again.status_code == 200
    assert {entry["response"]["status"] for entry in again.json()["entry"]} == {"200 OK"}
    assert task_in(again.json())["id"] == task_in(first.json())["id"]
    assert (await rows(gateway))[:4] == stored


async def test_if_none_exist_on_a_patient_gives_the_stored_patient(gateway: Running) -> None:
    patient = resource_of(referral_bundle(), "Patient")
    criterion = "identifier=https://northdale.example/rio/client-id|0012345"
    first = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, If_None_Exist=criterion)
    assert first.status_code == 201

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, If_None_Exist=criterion)

    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


async def test_identical_requests_racing_leave_one_referral(gateway: Running) -> None:
    bundle, request_id = referral_bundle(), str(uuid4())

    answers = await asyncio.gather(
        *(gateway.call("demo-epr", "POST", "/FHIR/R4", bundle, X_Request_Id=request_id) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert await gateway.count(referral) == 1
    assert await gateway.count(delivery) == 1


async def test_the_same_identifier_racing_leaves_one_referral(gateway: Running) -> None:
    bundle = referral_bundle()

    answers = await asyncio.gather(*(gateway.call("demo-epr", "POST", "/FHIR/R4", bundle) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert await gateway.count(referral) == 1


async def test_a_second_task_for_the_same_request_is_refused(gateway: Running) -> None:
    task = await gateway.refer()
    again = {"resourceType": "Task", "status": "requested", "intent": "order", "focus": task["focus"]}

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4/Task", again)

    assert answer.status_code == 409
    assert reference_in(task) in answer.json()["issue"][0]["diagnostics"]


DEADLOCKS = [asyncpg.DeadlockDetectedError(), DBAPIError("INSERT", None, asyncpg.SerializationError())]


@pytest.mark.parametrize("trouble", DEADLOCKS)
async def test_what_stood_in_anothers_way_is_tried_again(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    write, failures = gateway.store.write, [trouble] * 2

    async def write_late(rows: Sequence[Rows]) -> None:
        if failures:
            raise failures.pop()
        await write(rows)

    monkeypatch.setattr(gateway.store, "write", write_late)
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())
    failures += [trouble] * 3 * TRIES
    given_up = await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())

    assert answer.status_code == 200
    assert (given_up.status_code, given_up.headers["retry-after"]) == (503, "5")
    assert "Others changed the same" in given_up.json()["issue"][0]["diagnostics"]
    assert await gateway.count(referral) == 1
