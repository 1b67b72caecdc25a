"""R8, R9, R19: a resource is replaced by its next version, by whoever has seen the last one."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.app import Json, Running, issues_of, reference_in, task_in
from tests.fhir.rest.calls import may, named, observation, patient, read, send, stored

from gateway.store.schema import audit, message, resource


async def put(gateway: Running, content: Json, **headers: str):  # type: ignore[no-untyped-def]
    return await send(gateway, "PUT", f"{content['resourceType']}/{content['id']}", content, **headers)


async def test_r08_an_update_is_the_next_version(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    answer = await put(gateway, kept | {"gender": "female"})

    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"2"'
    assert answer.headers["last-modified"].endswith("GMT")
    assert (answer.json()["gender"], answer.json()["meta"]["versionId"]) == ("female", "2")
    assert await read(gateway, kept) == answer.json()
    assert await read(gateway, kept, 1) == kept


async def test_r08_what_was_left_out_is_gone(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    answer = await put(gateway, {key: value for key, value in kept.items() if key != "birthDate"})

    assert "birthDate" not in answer.json()
    assert await gateway.count(resource) == 2


@pytest.mark.parametrize("id_", [None, "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"])
async def test_r08_the_body_must_have_the_id_of_the_address(gateway: Running, id_: str | None) -> None:
    kept = await stored(gateway, patient())
    sent = patient() | ({"id": id_} if id_ else {})

    answer = await send(gateway, "PUT", f"Patient/{kept['id']}", sent)

    assert answer.status_code == 400
    assert issues_of(answer) == [("invalid", "Patient.id")]


async def test_r08_ids_are_the_gateways_to_give(gateway: Running) -> None:
    theirs = (await gateway.call("demo-epr-2", "POST", "/FHIR/R4/Patient", patient())).json()
    answers = [await put(gateway, patient(id=id_)) for id_ in (theirs["id"], str(uuid4()), "my-own.id")]

    assert [answer.status_code for answer in answers] == [405, 405, 405]
    assert len({answer.content for answer in answers}) == 1  # another's looks like nobody's
    assert "POST" in answers[0].json()["issue"][0]["diagnostics"]
    assert answers[0].headers["allow"] == "GET, HEAD"
    assert await gateway.count(resource) == 1


async def test_r08_an_update_that_changes_nothing_keeps_the_version(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    without_meta = {key: value for key, value in kept.items() if key != "meta"}

    answers = [await put(gateway, kept), await put(gateway, without_meta)]

    assert [(answer.status_code, answer.headers["etag"]) for answer in answers] == [(200, 'W/"1"')] * 2
    assert answers[0].json() == kept
    assert await gateway.count(resource) == 1


async def test_r08_digits_after_the_point_are_a_change(gateway: Running) -> None:
    kept = await stored(gateway, observation(b"1.50"))
    sent = observation(b"1.5").replace(b"{", b'{"id":"%s",' % kept["id"].encode(), 1)

    answer = await send(gateway, "PUT", f"Observation/{kept['id']}", sent)

    assert answer.headers["etag"] == 'W/"2"'
    assert b'"value":1.5}' in answer.content


async def test_r08_an_invalid_update_is_refused_and_nothing_kept(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    answer = await put(gateway, kept | {"gender": "bogus", "birthDate": "1971-02-31"})

    assert answer.status_code == 422
    assert {place for _, place in issues_of(answer)} == {"Patient.gender", "Patient.birthDate"}
    assert await gateway.count(resource) == 1


async def test_r08_the_type_of_the_body_is_that_of_the_address(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    answer = await send(gateway, "PUT", f"Patient/{kept['id']}", {"resourceType": "Organization", "name": "Northdale"})

    assert (answer.status_code, issues_of(answer)) == (422, [("invalid", "resourceType")])


async def test_r08_references_lead_to_what_one_has_sent(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    trust = await stored(gateway, {"resourceType": "Organization", "name": "Northdale"})
    theirs = (await gateway.call("demo-epr-2", "POST", "/FHIR/R4/Organization", {**trust, "id": "x"})).json()

    good, bad = [
        await put(gateway, kept | {"managingOrganization": {"reference": f"Organization/{one['id']}"}})
        for one in (trust, theirs)
    ]

    assert (good.status_code, bad.status_code) == (200, 422)
    assert issues_of(bad) == [("not-found", "Patient.managingOrganization.reference")]


async def test_r08_it_is_found_by_what_it_says_now(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    new = patient(id=kept["id"])
    await put(gateway, new)

    found = [(await send(gateway, "GET", f"Patient?identifier={named(one)}")).json() for one in (kept, new)]

    assert [len(one.get("entry", [])) for one in found] == [0, 1]


@pytest.mark.parametrize(
    ("prefer", "type_"), [("minimal", None), ("representation", "Patient"), ("OperationOutcome", "OperationOutcome")]
)
async def test_r04_an_update_is_answered_as_preferred(gateway: Running, prefer: str, type_: str | None) -> None:
    kept = await stored(gateway, patient())

    answer = await put(gateway, kept | {"active": True}, Prefer=f"return={prefer}")

    assert answer.status_code == 200
    assert (answer.json()["resourceType"] if answer.content else None) == type_
    assert answer.headers["etag"] == 'W/"2"'


async def test_r09_who_has_not_seen_the_last_version_is_told(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    await put(gateway, kept | {"active": True}, If_Match='W/"1"')

    stale = await put(gateway, kept | {"active": False}, If_Match='W/"1"')

    assert stale.status_code == 412
    assert issues_of(stale) == [("conflict", "If-Match")]
    assert "you named" not in stale.text  # the same is said to one who named none and came too late
    assert (await read(gateway, kept))["active"] is True


@pytest.mark.parametrize("wanted", ['W/"1"', '"1"', "*"])
async def test_r09_the_last_version_seen_may_be_changed(gateway: Running, wanted: str) -> None:
    kept = await stored(gateway, patient())

    assert (await put(gateway, kept | {"active": True}, If_Match=wanted)).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ("1", 400),
        ("W/1", 400),
        ("", 400),
        ('W/"1', 400),
        ('W/"1", W/"2"', 400),
        ('W/"abc"', 412),
        ('W/"99999999999999999999999999"', 412),
        ('W/"-1"', 412),
        ('W/"01"', 412),
    ],
)
async def test_r09_other_etags(gateway: Running, wanted: str, status: int) -> None:
    kept = await stored(gateway, patient())

    answer = await put(gateway, kept | {"active": True}, If_Match=wanted)

    assert answer.status_code == status, answer.text
    assert await gateway.count(resource) == 1


async def test_r09_of_updates_at_once_one_wins(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    names = [[{"family": f"Harrow-{number}"}] for number in range(6)]

    answers = await asyncio.gather(*(put(gateway, kept | {"name": one}, If_Match='W/"1"') for one in names))

    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 5]
    won = next(answer for answer in answers if answer.status_code == 200)
    assert await read(gateway, kept) == won.json()
    assert await gateway.count(resource) == 2


async def test_r09_the_same_update_again_gets_the_first_answer(gateway: Running) -> None:
    kept, ids = await stored(gateway, patient()), {"X_Request_Id": str(uuid4())}
    first = await put(gateway, kept | {"active": True}, If_Match='W/"1"', **ids)
    await put(gateway, kept | {"active": False})

    again = await put(gateway, kept | {"active": True}, If_Match='W/"1"', **ids)

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["etag"] == 'W/"2"'
    assert (await read(gateway, kept))["active"] is False


async def test_r09_nor_does_one_that_changed_nothing_undo_a_later_one(gateway: Running) -> None:
    kept, ids = await stored(gateway, patient()), {"X_Request_Id": str(uuid4())}
    first = await put(gateway, kept, **ids)
    await put(gateway, kept | {"active": False})

    again = await put(gateway, kept, **ids)

    assert again.content == first.content
    assert (await read(gateway, kept))["active"] is False


async def test_r09_the_same_update_at_once_is_one(gateway: Running) -> None:
    kept, ids = await stored(gateway, patient()), {"X_Request_Id": str(uuid4())}

    answers = await asyncio.gather(*(put(gateway, kept | {"active": True}, **ids) for _ in range(6)))

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert await gateway.count(resource) == 2


async def test_r19_what_a_search_cut_short_cannot_be_put_back(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}

    answer = await put(gateway, kept | {"meta": {"tag": [tag]}})

    assert (answer.status_code, issues_of(answer)) == (422, [("business-rule", "Patient.meta.tag")])


async def test_r08_an_update_needs_its_scope(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    path = f"/FHIR/R4/Patient/{kept['id']}"

    refused = await gateway.call(may(gateway, "system/Patient.crs"), "PUT", path, kept)
    taken = await gateway.call(may(gateway, "system/Patient.u"), "PUT", path, kept | {"active": True})

    assert (refused.status_code, taken.status_code) == (403, 200)


async def test_r08_an_update_is_audited_and_kept_as_it_came(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    await put(gateway, kept | {"active": True})

    async with gateway.store.reading() as connection:
        rows = (await connection.execute(select(audit.c.action, audit.c.target).order_by(audit.c.id))).all()
        bodies = (await connection.execute(select(message.c.body).order_by(message.c.received_at))).scalars().all()
    assert tuple(rows[-1]) == ("PUT /FHIR/R4/Patient/{id}", f"Patient/{kept['id']}")
    assert '"active": true' in bodies[-1]


async def test_r08_the_reference_of_a_referral_is_the_gateways(gateway: Running) -> None:
    task = await gateway.refer()
    type_, id_ = task["focus"]["reference"].split("/")
    request = await read(gateway, {"resourceType": type_, "id": id_})
    own = [one for one in request["identifier"] if one["value"] != reference_in(request)]
    other = [*own, {"system": request["identifier"][-1]["system"], "value": "SP-0000-0000-0001"}]

    for sent in (own, other):
        answer = await put(gateway, request | {"identifier": sent, "patientInstruction": f"{len(sent)}"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["identifier"] == request["identifier"]


async def test_r09_an_update_races_with_the_link_worker(gateway: Running) -> None:
    task = await gateway.refer()
    move = f"/platform/v1/referrals/{task['id']}/transitions"
    type_, id_ = task["focus"]["reference"].split("/")
    request = await read(gateway, {"resourceType": type_, "id": id_})

    moved, updated = await asyncio.gather(
        gateway.call("demo-platform", "POST", move, {"to": "received"}),
        put(gateway, request | {"patientInstruction": "Ring twice"}),
    )

    assert {moved.status_code, updated.status_code} <= {200, 409, 412}
    assert 200 in {moved.status_code, updated.status_code}
    history = (await send(gateway, "GET", f"Task/{task['id']}/_history")).json()
    versions = [entry["resource"]["meta"]["versionId"] for entry in history["entry"]]
    assert versions == [str(number) for number in range(len(versions), 0, -1)]
    assert task_in(history)["meta"]["versionId"] == versions[0]
