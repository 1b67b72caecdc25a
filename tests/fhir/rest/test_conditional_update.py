"""R10: PUT [type]?identifier=...: creates what is not there, replaces what is."""

import asyncio
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from tests.app import Json, Running, issues_of
from tests.fhir.rest.calls import may, named, patient, read, send, stored

from gateway.store.schema import resource


async def put(gateway: Running, content: Json, condition: str | None = None, **headers: str) -> httpx.Response:
    query = quote(condition or f"identifier={named(content)}", safe="=|:/?&")
    return await send(gateway, "PUT", f"Patient?{query}", content, **headers)


async def test_r10_no_match_creates(gateway: Running) -> None:
    answer = await put(gateway, patient())

    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(f"/Patient/{answer.json()['id']}/_history/1")


async def test_r10_no_match_and_an_id_is_refused(gateway: Running) -> None:
    answer = await put(gateway, patient(id="my-own"))

    assert (answer.status_code, issues_of(answer)) == (405, [("not-supported", "Patient.id")])
    assert await gateway.count(resource) == 0


@pytest.mark.parametrize("with_id", [False, True])
async def test_r10_one_match_updates(gateway: Running, with_id: bool) -> None:
    kept = await stored(gateway, patient())
    sent = {key: value for key, value in kept.items() if with_id or key != "id"} | {"active": True}

    answer = await put(gateway, sent)

    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')
    assert answer.json()["id"] == kept["id"]


async def test_r10_one_match_of_another_id_is_refused(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    answer = await put(gateway, kept | {"id": str(uuid4())})

    assert (answer.status_code, issues_of(answer)) == (400, [("invalid", "Patient.id")])


async def test_r10_several_matches_are_refused(gateway: Running) -> None:
    kept = [await stored(gateway, patient("7")) for _ in range(2)]

    answer = await put(gateway, patient("7"))

    assert (answer.status_code, issues_of(answer)) == (412, [("multiple-matches", "address")])
    assert [(await read(gateway, one))["meta"]["versionId"] for one in kept] == ["1", "1"]


async def test_r10_another_trusts_resource_does_not_match(gateway: Running) -> None:
    sent = patient()
    await gateway.call("demo-epr-2", "POST", "/FHIR/R4/Patient", sent)

    assert (await put(gateway, sent)).status_code == 201


@pytest.mark.parametrize(
    "condition",
    ["", "identifier", "identifier=", "identifier=7", "birthdate=1971-06-14", "identifier=a|b&name=c", "_id=1"],
)
async def test_r10_other_conditions_are_refused(gateway: Running, condition: str) -> None:
    answer = await put(gateway, patient(), condition or "_format=json")

    assert (answer.status_code, issues_of(answer)[0][0]) == (422, "not-supported")


async def test_r10_a_condition_that_the_body_does_not_meet_is_refused(gateway: Running) -> None:
    answer = await put(gateway, patient(), f"identifier={named(patient())}")

    assert (answer.status_code, issues_of(answer)) == (422, [("invariant", "address")])


async def test_r10_if_match_holds_here_too(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    new = patient()

    stale = await put(gateway, kept | {"active": True}, If_Match='W/"2"')
    absent = await put(gateway, new, If_Match='W/"1"')

    assert (stale.status_code, absent.status_code) == (412, 412)
    assert await gateway.count(resource) == 1


async def test_r10_creating_needs_its_scope_too(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    updater = may(gateway, "system/Patient.u")

    def call(content: Json):  # type: ignore[no-untyped-def]
        return gateway.call(updater, "PUT", f"/FHIR/R4/Patient?identifier={named(content)}", content)

    assert (await call(kept | {"active": True})).status_code == 200
    assert (await call(patient())).status_code == 403


async def test_r10_of_equal_ones_at_once_one_creates(gateway: Running) -> None:
    sent = patient()

    answers = await asyncio.gather(*(put(gateway, sent) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [*[200] * 5, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await gateway.count(resource) == 1


async def test_r10_the_same_request_again_gets_the_first_answer(gateway: Running) -> None:
    sent, ids = patient(), {"X_Request_Id": str(uuid4())}
    first = await put(gateway, sent, **ids)
    await put(gateway, sent | {"active": True})

    again = await put(gateway, sent, **ids)
    other = await put(gateway, sent, f"identifier={named(sent)}&_format=json", **ids)

    assert (again.status_code, again.content) == (201, first.content)
    assert other.status_code == 409  # another address is another request


async def test_r10_an_identifier_given_up_may_be_created_again(gateway: Running) -> None:
    first = (await put(gateway, patient("7"))).json()
    await send(gateway, "PUT", f"Patient/{first['id']}", patient("8", id=first["id"]))

    answer = await put(gateway, patient("7"))

    assert answer.status_code == 201, answer.text
