"""What an attacker tried, and what must come of it."""

import asyncio
import copy
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.app import (
    BASE,
    Json,
    Running,
    issues_of,
    message_bundle,
    reference_in,
    referral_bundle,
    resource_of,
    task_in,
)

from gateway.security import Caller
from gateway.store.schema import referral, resource


def entry_of(bundle: Json, type_: str) -> Json:
    found: Json = next(entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == type_)
    return found


async def post(gateway: Running, bundle: Json, **headers: str) -> Any:
    return await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle, **headers)


def outcomes(answer: Json) -> list[str]:
    entries = [entry["response"].get("outcome", {"issue": []}) for entry in answer["entry"]]
    return [issue["diagnostics"] for outcome in entries for issue in outcome["issue"]]


# --- conditional creates ------------------------------------------------------------------------------------------


async def test_a_condition_that_the_resource_does_not_meet_is_refused(gateway: Running) -> None:
    bundle = referral_bundle()
    await post(gateway, bundle)
    named = resource_of(bundle, "ServiceRequest")["identifier"][0]
    other = referral_bundle()
    entry_of(other, "ServiceRequest")["request"]["ifNoneExist"] = f"identifier={named['system']}|{named['value']}"

    again = await post(gateway, other)

    assert again.status_code == 422
    assert ("invariant", "Bundle.entry[4].request.ifNoneExist") in issues_of(again)
    assert await gateway.count(referral) == 1


def conditional(bundle: Json) -> Json:
    entry = entry_of(bundle, "ServiceRequest")
    named = entry["resource"]["identifier"][0]
    entry["request"]["ifNoneExist"] = f"identifier={named['system']}|{named['value']}"
    return bundle


async def test_a_stored_referral_is_not_given_for_another_person(gateway: Running) -> None:
    bundle = conditional(referral_bundle())
    await post(gateway, bundle)
    resource_of(bundle, "Patient")["identifier"][0]["value"] = "9990001235"

    again = await post(gateway, bundle)

    assert again.status_code == 409


async def test_a_stored_referral_does_not_swallow_a_new_one(gateway: Running) -> None:
    bundle = conditional(referral_bundle())
    await post(gateway, bundle)
    new = copy.deepcopy(entry_of(bundle, "ServiceRequest")) | {"fullUrl": f"urn:uuid:{uuid4()}"}
    new["resource"]["identifier"][0]["value"] = uuid4().hex
    del new["request"]["ifNoneExist"]
    bundle["entry"].append(new)

    again = await post(gateway, bundle)

    assert again.status_code == 409
    assert await gateway.count(referral) == 1


async def test_a_repeat_needs_the_scope_as_the_first_did(gateway: Running) -> None:
    bundle, request_id = referral_bundle(), str(uuid4())
    await post(gateway, bundle, X_Request_Id=request_id)
    reader = Caller("demo-epr", "XND01", "epr", frozenset({"system/Task.r"}))
    gateway.tokens["reader"] = gateway.app.state.gatekeeper.issue(reader)

    again = await gateway.call("reader", "POST", "/FHIR/R4", bundle, X_Request_Id=request_id)

    assert again.status_code == 403


async def test_a_condition_that_cannot_be_matched_is_refused(gateway: Running) -> None:
    bundle = referral_bundle()
    entry_of(bundle, "ServiceRequest")["request"]["ifNoneExist"] = "rubbish=1&x"

    answer = await post(gateway, bundle)

    assert answer.status_code == 422
    assert ("not-supported", "Bundle.entry[4].request.ifNoneExist") in issues_of(answer)


RIO = "https://northdale.example/rio/client-id|0012345"


async def test_a_second_referral_of_a_known_patient(gateway: Running) -> None:
    def with_condition() -> Json:
        bundle = referral_bundle()
        entry_of(bundle, "Patient")["request"]["ifNoneExist"] = f"identifier={RIO}"
        return bundle

    first, second = await post(gateway, with_condition()), await post(gateway, with_condition())

    assert (first.status_code, second.status_code) == (200, 200), second.text
    assert second.json()["entry"][0]["response"]["status"] == "200 OK"
    assert task_in(first.json())["for"] == task_in(second.json())["for"]


async def test_a_conditional_reference_to_a_known_patient(gateway: Running) -> None:
    first = await gateway.refer()
    bundle = referral_bundle()
    patient = entry_of(bundle, "Patient")
    bundle["entry"].remove(patient)
    text = json.dumps(bundle).replace(patient["fullUrl"], f"Patient?identifier={RIO}")

    answer = await post(gateway, json.loads(text))

    assert answer.status_code == 200, answer.text
    assert task_in(answer.json())["for"] == first["for"]


async def test_conditional_creates_racing_leave_one_patient(gateway: Running) -> None:
    patient = resource_of(referral_bundle(), "Patient")
    headers = {"If_None_Exist": f"identifier={RIO}"}

    answers = await asyncio.gather(
        *(gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, **headers) for _ in range(6))
    )

    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    assert await gateway.count(resource) == 1
    later = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, **headers)
    assert later.status_code == 200


async def test_a_retry_gets_its_first_answer_whatever_holds_now(gateway: Running) -> None:
    await gateway.refer()  # the patient exists once
    bundle, request_id = referral_bundle(), str(uuid4())
    resource_of(bundle, "Task")["for"] = {"reference": f"Patient?identifier={RIO}"}
    resource_of(bundle, "ServiceRequest")["subject"] = {"reference": f"Patient?identifier={RIO}"}
    resource_of(bundle, "Consent")["patient"] = {"reference": f"Patient?identifier={RIO}"}
    resource_of(bundle, "ServiceRequest")["contained"][0]["subject"] = {"reference": f"Patient?identifier={RIO}"}
    first = await post(gateway, bundle, X_Request_Id=request_id)
    assert first.status_code == 200, first.text  # and with its own Patient entry, now it exists twice

    again = await post(gateway, bundle, X_Request_Id=request_id)

    assert (again.status_code, again.content) == (200, first.content)


# --- whose, and which ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "make", "at"),
    [("", referral_bundle, "request"), ("/$process-message", message_bundle, "fullUrl")],
)
async def test_two_entries_of_one_name_are_refused(
    gateway: Running, path: str, make: Callable[[], Json], at: str
) -> None:
    bundle = make()
    person = entry_of(bundle, "Patient")
    other = copy.deepcopy(person)
    for version, entry in (("1", person), ("2", other)):  # so that bdl-7 is met
        entry["resource"]["meta"] = {"versionId": version}
    bundle["entry"].append(other)

    answer = await gateway.call("demo-epr", "POST", f"/FHIR/R4{path}", bundle, X_Request_Id=str(uuid4()))

    assert answer.status_code == 422
    assert issues_of(answer) == [("duplicate", f"Bundle.entry[{len(bundle['entry']) - 1}].{at}")]


async def test_a_reference_of_the_gateways_is_its_own_to_give(gateway: Running) -> None:
    theirs = reference_in(await gateway.refer())
    bundle = referral_bundle()
    for type_ in ("ServiceRequest", "Task"):
        named = resource_of(bundle, type_).setdefault("identifier", [])
        named.append({"system": "urn:social-prescribing-gateway:Id:referral-reference", "value": theirs})

    answer = await gateway.call("demo-epr-2", "POST", "/FHIR/R4", bundle)

    assert answer.status_code == 200, answer.text
    assert reference_in(task_in(answer.json())) != theirs


async def test_two_requests_of_one_identifier_in_a_bundle_are_refused(gateway: Running) -> None:
    bundle = referral_bundle()
    twin = copy.deepcopy(entry_of(bundle, "ServiceRequest")) | {"fullUrl": f"urn:uuid:{uuid4()}"}
    bundle["entry"].append(twin)

    answer = await post(gateway, bundle)

    assert answer.status_code == 422
    assert ("duplicate", "Bundle.entry[6].resource.identifier") in issues_of(answer)


@pytest.mark.parametrize("status", ["draft", "on-hold", "revoked", "completed", "entered-in-error", "unknown"])
async def test_a_request_that_is_not_sent_says_so(gateway: Running, status: str) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest")["status"] = status
    bundle["entry"].remove(entry_of(bundle, "Task"))

    answer = await post(gateway, bundle)

    assert answer.status_code == 200
    assert any("not sent" in text for text in outcomes(answer.json()))
    assert await gateway.count(referral) == 0


# --- which hub ----------------------------------------------------------------------------------------------------


async def hub_of_the_referral(gateway: Running) -> str:
    async with gateway.store.reading() as connection:
        return str((await connection.execute(select(referral.c.hub_id))).scalar_one())


async def test_an_unknown_hub_is_told(gateway: Running) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest")["performer"][0] = {
        "identifier": {"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "999"}
    }

    answer = await post(gateway, bundle)

    told = "is not registered here: the referral goes by where the person lives"
    assert any(told in text for text in outcomes(answer.json()))


async def test_a_message_goes_where_it_is_addressed(gateway: Running) -> None:
    bundle = message_bundle()
    del resource_of(bundle, "ServiceRequest")["performer"]
    resource_of(bundle, "Patient")["address"][0].update(postalCode="XN1 4QF", city="Northdale")

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4/$process-message", bundle, X_Request_Id=str(uuid4()))

    assert answer.status_code == 200, answer.text
    assert await hub_of_the_referral(gateway) == "eastmere-wellbeing-hub"


# --- rubbish that once broke something ----------------------------------------------------------------------------


async def test_one_overlong_identifier_harms_no_neighbour(gateway: Running) -> None:
    bundles = [referral_bundle() for _ in range(8)]
    resource_of(bundles[3], "Patient")["identifier"][1]["value"] = "9" * 600

    answers = await asyncio.gather(*(post(gateway, bundle) for bundle in bundles))

    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 200, 200, 200, 200]
    assert issues_of(answers[3]) == [("too-long", "Bundle.entry[0].resource.identifier")]


def rank(value: str) -> bytes:
    text = json.dumps(referral_bundle())
    return text.replace('"rank": 1,', f'"rank": {value},').replace('"rank": 1}', f'"rank": {value}}}').encode()


@pytest.mark.parametrize("value", ["1.0", "1e0", "1E2"])
async def test_whole_numbers_written_strangely(gateway: Running, value: str) -> None:
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", rank(value))

    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    ("holder", "element"),
    [
        (lambda bundle: resource_of(bundle, "ServiceRequest"), "status"),
        (lambda bundle: resource_of(bundle, "Task"), "status"),
        (lambda bundle: bundle["entry"][0]["request"], "method"),
        (lambda bundle: bundle["entry"][0]["request"], "url"),
        (lambda bundle: bundle, "type"),
    ],
)
async def test_an_element_that_is_only_an_extension(gateway: Running, holder: Any, element: str) -> None:
    bundle = referral_bundle()
    del holder(bundle)[element]
    reason = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    holder(bundle)[f"_{element}"] = {"extension": [{"url": reason, "valueCode": "unknown"}]}

    answer = await post(gateway, bundle)

    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/FHIR/R4/Task?_id=%00",
        "/FHIR/R4/Task?identifier=a|%00",
        "/FHIR/R4/Task?_after=%00",
        "/FHIR/R4/Task?_count=²",
        "/FHIR/R4/Task?_lastUpdated=ge9999-13-31",
        "/FHIR/R4/Task/%00",
        "/FHIR/R4/Task/%00/_history",
        "/FHIR/R4/Task/1/_history/²",
        "/platform/v1/referrals?cursor=%00",
        "/platform/v1/referrals/%00",
    ],
)
async def test_addresses_of_rubbish(gateway: Running, path: str) -> None:
    client = "demo-platform" if path.startswith("/platform") else "demo-epr"

    answer = await gateway.call(client, "GET", path)

    assert 400 <= answer.status_code < 500, answer.text


async def test_a_bundle_of_thousands_is_refused(gateway: Running) -> None:
    bundle = referral_bundle()
    patient = entry_of(bundle, "Patient")
    bundle["entry"] += [copy.deepcopy(patient) | {"fullUrl": f"urn:uuid:{uuid4()}"} for _ in range(1000)]

    answer = await post(gateway, bundle)

    assert answer.status_code == 422
    assert ("too-costly", "Bundle.entry") in issues_of(answer)


@pytest.mark.parametrize("dressed", ["{{{}}}", "urn:uuid:{}"])
async def test_a_request_id_is_a_plain_uuid(gateway: Running, dressed: str) -> None:
    answer = await gateway.call("demo-epr", "GET", "/FHIR/R4/Task", X_Request_Id=dressed.format(uuid4()))

    assert answer.status_code == 400


async def test_a_request_id_is_echoed_as_it_was_sent(gateway: Running) -> None:
    given = "6B1F0C52-4A3E-4A1E-9F65-0D7C2F1A9E01"
    assert (await gateway.http.get(f"{BASE}/_ping", headers={"X-Request-Id": given})).headers["x-request-id"] == given
