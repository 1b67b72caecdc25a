"""A message that amends a referral, or cancels it: how the referral is found, and what is refused."""

import asyncio
import copy
import json
from typing import Any

import pytest
from tests.app import Json, Running, message_bundle, reference_in, referral_bundle, resource_of, task_in
from tests.fhir.messages.said import answered, cancelling, issue_of, later, refer, say

from gateway.ids import instant, now
from gateway.store.schema import referral, resource


async def stored(gateway: Running, answer: Json, type_: str) -> Json:
    """The resource of this type in the answer, as it is read afterwards."""
    address = f"/FHIR/R4/{type_}/{resource_of(answer, type_)['id']}"
    read = await gateway.call("demo-epr", "GET", address)
    found: Json = read.json()
    return found


async def test_an_update_makes_the_next_version_of_the_request(gateway: Running) -> None:
    bundle, first = await refer(gateway)
    change = later(bundle)
    resource_of(change, "ServiceRequest")["reasonCode"].append({"text": "Arrears on the rent"})

    answer = answered(await say(gateway, change))

    before, now = resource_of(first, "ServiceRequest"), resource_of(answer, "ServiceRequest")
    assert (now["id"], now["meta"]["versionId"]) == (before["id"], "2")
    assert now["reasonCode"][1]["text"] == "Arrears on the rent"
    assert reference_in(now) == reference_in(before)
    assert now == await stored(gateway, first, "ServiceRequest")
    assert resource_of(answer, "MessageHeader")["response"]["identifier"] == bundle["id"]
    assert task_in(answer) == await stored(gateway, first, "Task")
    assert task_in(answer)["meta"]["versionId"] == "2"
    assert await gateway.count(referral) == 1


async def test_the_same_persons_record_is_brought_up_to_date(gateway: Running) -> None:
    bundle, first = await refer(gateway)
    change = later(bundle)
    resource_of(change, "Patient")["telecom"][0]["value"] = "07700 900789"

    answer = answered(await say(gateway, change))

    patient = await stored(gateway, first, "Patient")
    assert (patient["meta"]["versionId"], patient["telecom"][0]["value"]) == ("2", "07700 900789")
    assert resource_of(answer, "ServiceRequest")["subject"]["reference"] == f"Patient/{patient['id']}"


async def test_what_else_an_update_brings_is_new_and_the_request_refers_to_it(gateway: Running) -> None:
    bundle, first = await refer(gateway)
    change = later(bundle)
    resource_of(change, "Practitioner")["name"][0]["family"] = "Marsh"

    answer = answered(await say(gateway, change))

    asker = resource_of(answer, "Practitioner")
    assert asker["id"] != resource_of(first, "Practitioner")["id"]
    assert resource_of(answer, "ServiceRequest")["requester"]["reference"] == f"Practitioner/{asker['id']}"
    activity = resource_of(answer, "CarePlan")["activity"][0]
    assert activity["reference"]["reference"] == f"Task/{resource_of(first, 'Task')['id']}"


def by_answered_id(change: Json, first: Json) -> None:
    resource_of(change, "ServiceRequest")["id"] = resource_of(first, "ServiceRequest")["id"]


def by_full_url(change: Json, first: Json) -> None:
    renamed = f"http://gateway.example/FHIR/R4/ServiceRequest/{resource_of(first, 'ServiceRequest')['id']}"
    change["entry"][0]["resource"]["focus"][0]["reference"] = change["entry"][1]["fullUrl"] = renamed


def by_answered_uuid(change: Json, first: Json) -> None:
    renamed = f"urn:uuid:{resource_of(first, 'ServiceRequest')['id']}"
    change["entry"][0]["resource"]["focus"][0]["reference"] = change["entry"][1]["fullUrl"] = renamed


def by_identifier(change: Json, _first: Json) -> None:
    resource_of(change, "ServiceRequest")["identifier"] = [{"system": "https://northdale.example/ref", "value": "R-7"}]


def by_reference(change: Json, first: Json) -> None:
    resource_of(change, "ServiceRequest")["identifier"] = [
        one for one in resource_of(first, "ServiceRequest")["identifier"] if one["value"].startswith("SP-")
    ]


@pytest.mark.parametrize("name", [by_answered_id, by_full_url, by_answered_uuid, by_identifier, by_reference])
async def test_the_referral_is_found_by_any_of_its_names(gateway: Running, name: Any) -> None:
    bundle = message_bundle()
    by_identifier(bundle, {})
    first = answered(await say(gateway, copy.deepcopy(bundle)))
    change = later(bundle)
    change["id"] = message_bundle()["id"]
    del resource_of(change, "ServiceRequest")["identifier"]
    name(change, first)

    answer = answered(await say(gateway, change))

    assert resource_of(answer, "ServiceRequest")["meta"]["versionId"] == "2"


@pytest.mark.parametrize("client", ["demo-epr", "demo-epr-2"])
async def test_what_is_not_yours_is_not_there(gateway: Running, client: str) -> None:
    bundle, _ = await refer(gateway)
    change = later(bundle)
    if client == "demo-epr":
        change["id"] = message_bundle()["id"]

    for said in (change, cancelling(change)):
        answer = await say(gateway, said, client)
        assert issue_of(answer) == (404, "REC_NOT_FOUND", "not-found", "Bundle.entry[1].resource")


async def test_two_referrals_are_not_one(gateway: Running) -> None:
    bundle, _ = await refer(gateway)
    _, other = await refer(gateway)
    change = later(bundle)
    by_answered_id(change, other)

    assert issue_of(await say(gateway, change))[:3] == (404, "REC_NOT_FOUND", "multiple-matches")


async def test_an_update_that_is_older_is_refused(gateway: Running) -> None:
    """Senders' times are held against senders' times: messages of last January may come today, in order."""
    bundle, _ = await refer(gateway)
    answered(await say(gateway, later(bundle, hours=3)))

    answer = await say(gateway, later(bundle, hours=2))

    assert issue_of(answer) == (409, "REC_CONFLICT", "conflict", "Bundle.meta.lastUpdated")
    answered(await say(gateway, later(bundle, hours=4)))


async def test_a_message_is_older_than_what_was_changed_here_since(gateway: Running) -> None:
    bundle, first = await refer(gateway)
    request = resource_of(first, "ServiceRequest")
    changed = await gateway.call(
        "demo-epr", "PUT", f"/FHIR/R4/ServiceRequest/{request['id']}", request | {"priority": "urgent"}
    )
    assert changed.status_code == 200, changed.text

    assert issue_of(await say(gateway, later(bundle)))[:3] == (409, "REC_CONFLICT", "conflict")
    today = later(bundle)
    today["meta"]["lastUpdated"] = "2999-01-01T00:00:00Z"
    answered(await say(gateway, today))


@pytest.mark.parametrize("kind", [later, cancelling])
@pytest.mark.parametrize(
    "differs",
    [
        {"birthDate": "1988-02-11"},
        {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]},
        {"identifier": [{"system": "https://northdale.example/mrn", "value": "7"}], "name": [{"family": "Marsh"}]},
    ],
    ids=["birth date", "NHS number", "nothing in common"],
)
async def test_a_change_names_the_same_person(gateway: Running, kind: Any, differs: Json) -> None:
    bundle, _ = await refer(gateway)
    change = kind(bundle)
    resource_of(change, "Patient").update(differs)

    answer = await say(gateway, change)

    assert issue_of(answer)[:3] == (422, "REC_UNPROCESSABLE_ENTITY", "business-rule")
    assert "Marsh" not in answer.text


@pytest.mark.parametrize("kind", [later, cancelling])
async def test_birth_date_and_name_are_enough(gateway: Running, kind: Any) -> None:
    bundle, _ = await refer(gateway)
    change = kind(bundle)
    del resource_of(change, "Patient")["identifier"]

    answered(await say(gateway, change))


async def test_a_change_brings_its_patient(gateway: Running) -> None:
    bundle, _ = await refer(gateway)
    change = cancelling(bundle)
    change["entry"] = [entry for entry in change["entry"] if entry["resource"]["resourceType"] != "Patient"]

    assert issue_of(await say(gateway, change))[2:] == ("required", "Bundle.entry[1].resource.subject")


@pytest.mark.parametrize("reason", ["update", "delete"])
@pytest.mark.parametrize("status", ["revoked", "entered-in-error"])
async def test_cancelling(gateway: Running, status: str, reason: str) -> None:
    bundle, first = await refer(gateway)

    answer = answered(await say(gateway, cancelling(bundle, status, reason)))

    request = await stored(gateway, first, "ServiceRequest")
    assert (request["status"], request["meta"]["versionId"]) == (status, "2")
    assert resource_of(answer, "ServiceRequest") == request
    task = await stored(gateway, first, "Task")
    assert task_in(answer) == task
    assert task["status"] == {"revoked": "cancelled"}.get(status, status)
    assert ("She has moved to her sister's." in json.dumps(task)) == (status == "revoked")
    assert request["performer"], "what the stripped message leaves out stays"


@pytest.mark.parametrize(("status", "expected"), [("revoked", 422), ("entered-in-error", 200)])
async def test_cancelling_once_work_began(gateway: Running, status: str, expected: int) -> None:
    """BaRS: what is being worked on is not cancelled from outside; a mistake is one at any time."""
    bundle, first = await refer(gateway)
    address = f"/platform/v1/referrals/{task_in(first)['id']}"
    for move in ({"to": "received"}, {"to": "accepted"}, {"to": "allocated", "advisor": {"name": "Grace Okoro"}}):
        moved = await gateway.call("demo-platform", "POST", f"{address}/transitions", move)
        assert moved.status_code == 200, moved.text
    contact = {"mechanism": "telephone", "outcome": "no-answer", "at": instant(now())}
    assert (await gateway.call("demo-platform", "POST", f"{address}/contacts", contact)).status_code == 201

    answer = await say(gateway, cancelling(bundle, status))

    assert answer.status_code == expected, answer.text
    if expected == 422:
        assert "abort" in answer.json()["issue"][0]["diagnostics"]
        assert (await stored(gateway, first, "ServiceRequest"))["status"] == "active"


async def test_a_referral_that_came_by_another_door(gateway: Running) -> None:
    sent = referral_bundle()
    first = (await gateway.call("demo-epr", "POST", "/FHIR/R4", copy.deepcopy(sent))).json()
    request_id = task_in(first)["focus"]["reference"].split("/")[1]
    change = cancelling(message_bundle())
    del change["entry"][0]["resource"]["destination"]  # which names another hub
    resource_of(change, "ServiceRequest")["id"] = request_id
    patient = next(entry for entry in change["entry"] if entry["resource"]["resourceType"] == "Patient")
    patient["resource"] = resource_of(sent, "Patient")

    assert issue_of(await say(gateway, change))[:3] == (409, "REC_CONFLICT", "conflict"), "it is of last January"
    change["meta"]["lastUpdated"] = "2999-01-01T00:00:00Z"
    answer = answered(await say(gateway, change))

    assert resource_of(answer, "ServiceRequest")["status"] == "revoked"
    assert task_in(answer)["status"] == "cancelled"


async def test_cancelling_brings_nothing_new(gateway: Running) -> None:
    bundle, _ = await refer(gateway)
    before = await gateway.count(resource)

    answered(await say(gateway, cancelling(bundle)))

    assert await gateway.count(resource) <= before + 2  # the next versions of ServiceRequest and Task


@pytest.mark.parametrize("again", [later, cancelling])
async def test_what_is_cancelled_stays_cancelled(gateway: Running, again: Any) -> None:
    bundle, _ = await refer(gateway)
    answered(await say(gateway, cancelling(bundle)))

    answer = await say(gateway, again(bundle, hours=3))

    assert issue_of(answer)[:3] == (422, "REC_UNPROCESSABLE_ENTITY", "business-rule")
    assert "not active" in answer.json()["issue"][0]["diagnostics"]


async def test_two_changes_at_once_make_one_version_each_or_are_refused(gateway: Running) -> None:
    bundle, first = await refer(gateway)

    answers = await asyncio.gather(*(say(gateway, later(bundle, hours=hour)) for hour in range(1, 5)))

    codes = sorted(answer.status_code for answer in answers)
    assert set(codes) <= {200, 409}
    assert 200 in codes
    request = await stored(gateway, first, "ServiceRequest")
    assert int(request["meta"]["versionId"]) == 1 + codes.count(200)
