"""R21: a transaction: writes of every kind and reads, all or nothing, answered in the order asked."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from tests.app import BASE, Json, Running, issues_of, referral_bundle, resource_of, task_in
from tests.fhir.rest.calls import asks, bundle, may, named, patient, read, send, statuses, stored

from gateway.store.schema import audit, message, referral, resource


async def transact(gateway: Running, *entries: Json, **headers: str) -> httpx.Response:
    return await send(gateway, "POST", "", bundle("transaction", *entries), **headers)


def put(content: Json, **request: str) -> Json:
    return asks("PUT", f"{content['resourceType']}/{content['id']}", content, **request)


async def test_r21_writes_and_reads_are_answered_in_their_order(gateway: Running) -> None:
    kept, known = await stored(gateway, patient()), await stored(gateway, patient())
    new, other = patient(), patient()

    answer = await transact(
        gateway,
        asks("GET", f"Patient/{kept['id']}"),
        put(kept | {"active": True}),
        asks("POST", "Patient", new),
        asks("PUT", f"Patient?identifier={named(other)}", other),
        asks("POST", "Patient", patient(known["identifier"][0]["value"]), ifNoneExist=f"identifier={named(known)}"),
        asks("GET", f"Patient/{kept['id']}/_history/1"),
        Prefer="return=representation",
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "transaction-response"
    assert statuses(answer) == ["200", "200", "201", "201", "200", "200"]
    told = answer.json()["entry"]
    assert told[0]["resource"] == told[1]["resource"] == await read(gateway, kept)  # reads come after writes
    assert told[1]["resource"]["active"] is True
    assert told[4]["resource"] == known
    assert told[5]["resource"] == kept
    for entry in told[1:5]:
        shown = entry["resource"]
        assert entry["fullUrl"] == f"{BASE}/FHIR/R4/Patient/{shown['id']}"
        assert entry["response"]["etag"] == f'W/"{shown["meta"]["versionId"]}"'
        assert entry["response"]["lastModified"] == shown["meta"]["lastUpdated"]
        assert entry["response"]["location"] == f"{entry['fullUrl']}/_history/{shown['meta']['versionId']}"


async def test_r21_a_referral_and_a_change_in_one(gateway: Running) -> None:
    first = await gateway.refer()
    person = await read(gateway, {"resourceType": "Patient", "id": first["for"]["reference"].split("/")[1]})
    sent = referral_bundle()
    entry = next(one for one in sent["entry"] if one["resource"]["resourceType"] == "Patient")
    entry |= put(person | {"language": "pl"})

    answer = await send(gateway, "POST", "", sent)

    assert answer.status_code == 200, answer.text
    assert task_in(answer.json())["for"] == first["for"]
    assert (await read(gateway, person))["meta"]["versionId"] == "2"
    assert await gateway.count(referral) == 2


BAD: dict[str, tuple[Callable[[Json], Json], int, tuple[str, str]]] = {
    "an id that is nobody's": (
        lambda kept: put(patient(id=str(uuid4()))),
        422,
        ("not-supported", "Bundle.entry[1].resource.id"),
    ),
    "an old version": (
        lambda kept: put(kept | {"active": True}, ifMatch='W/"7"'),
        412,
        ("conflict", "Bundle.entry[1].request.ifMatch"),
    ),
    "a version that is none": (
        lambda kept: put(kept | {"active": True}, ifMatch="7"),
        400,
        ("value", "Bundle.entry[1].request.ifMatch"),
    ),
    "an invalid resource": (
        lambda kept: put(kept | {"gender": "bogus"}),
        422,
        ("code-invalid", "Bundle.entry[1].resource.gender"),
    ),
    "an address of another id": (
        lambda kept: asks("PUT", f"Patient/{uuid4()}", kept),
        422,
        ("invariant", "Bundle.entry[1].request.url"),
    ),
    "an address of another type": (
        lambda kept: asks("PUT", f"Organization/{kept['id']}", kept),
        422,
        ("invariant", "Bundle.entry[1].request.url"),
    ),
    "a condition that is not met": (
        lambda kept: asks("PUT", f"Patient?identifier={named(patient())}", patient()),
        422,
        ("invariant", "Bundle.entry[1].request.url"),
    ),
    "a condition that matches another id": (
        lambda kept: asks("PUT", f"Patient?identifier={named(kept)}", kept | {"id": "another"}),
        422,
        ("invalid", "Bundle.entry[1].resource.id"),
    ),
    "a reference that leads nowhere": (
        lambda kept: put(kept | {"managingOrganization": {"reference": f"Organization/{uuid4()}"}}),
        422,
        ("not-found", "Bundle.entry[1].resource.managingOrganization.reference"),
    ),
    "a subset": (
        lambda kept: put(
            kept
            | {
                "meta": {
                    "tag": [
                        {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
                    ]
                }
            }
        ),
        422,
        ("business-rule", "Bundle.entry[1].resource.meta.tag"),
    ),
    "a read that finds nothing": (
        lambda kept: asks("GET", f"Patient/{uuid4()}"),
        422,
        ("not-found", "Bundle.entry[1].request.url"),
    ),
    "a read of nothing": (lambda kept: asks("GET", "/"), 422, ("invalid", "Bundle.entry[1].request.url")),
    "a delete": (
        lambda kept: asks("DELETE", f"Patient/{kept['id']}"),
        422,
        ("not-supported", "Bundle.entry[1].request.method"),
    ),
    "a HEAD": (
        lambda kept: asks("HEAD", f"Patient/{kept['id']}"),
        422,
        ("not-supported", "Bundle.entry[1].request.method"),
    ),
    "a patch": (
        lambda kept: asks("PATCH", f"Patient/{kept['id']}", {"resourceType": "Parameters"}),
        422,
        ("not-supported", "Bundle.entry[1].request.method"),
    ),
    "a write of nothing": (
        lambda kept: asks("PUT", f"Patient/{kept['id']}"),
        422,
        ("required", "Bundle.entry[1].resource"),
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_r21_one_bad_entry_and_nothing_is_changed(gateway: Running, name: str) -> None:
    entry, status, issue = BAD[name]
    kept = await stored(gateway, patient())

    answer = await transact(gateway, asks("POST", "Patient", patient()), entry(kept))

    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome"), answer.text
    assert issue in issues_of(answer)
    assert await gateway.count(resource) == 1
    assert await gateway.count(message) == 1


async def test_r21_two_entries_may_not_change_the_same(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    by_id, by_condition = put(kept | {"active": True}), asks("PUT", f"Patient?identifier={named(kept)}", kept)
    encoded = by_condition["request"]["url"].replace("|", "%7C")

    for entries in (
        [by_id, put(kept)],
        [by_id, by_condition],
        [by_condition, by_condition | {"request": {"method": "PUT", "url": encoded}}],
        [asks("POST", "Patient", kept, ifNoneExist=f"identifier={named(kept)}"), by_condition],
    ):
        answer = await transact(gateway, *entries)
        assert (answer.status_code, issues_of(answer)[0][0]) == (422, "duplicate"), answer.text
    assert await gateway.count(resource) == 1


async def test_r21_several_matches_refuse_it(gateway: Running) -> None:
    twins = [await stored(gateway, patient("7")) for _ in range(2)]

    put_one = await transact(gateway, asks("PUT", f"Patient?identifier={named(twins[0])}", patient("7")))
    post_one = await transact(
        gateway, asks("POST", "Patient", patient("7"), ifNoneExist=f"identifier={named(twins[0])}")
    )

    assert (put_one.status_code, issues_of(put_one)) == (412, [("multiple-matches", "Bundle.entry[0].request.url")])
    assert issues_of(post_one) == [("multiple-matches", "Bundle.entry[0].request.ifNoneExist")]


async def test_r21_a_put_that_changes_nothing_keeps_the_version(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    answer = await transact(gateway, put(kept))

    assert answer.json()["entry"][0]["response"]["etag"] == 'W/"1"'
    assert await gateway.count(resource) == 1


async def test_r21_the_same_transaction_again_gets_the_first_answer(gateway: Running) -> None:
    kept, ids = await stored(gateway, patient()), {"X_Request_Id": str(uuid4())}
    entries = [put(kept | {"active": True}, ifMatch='W/"1"'), asks("POST", "Patient", patient())]
    first = await transact(gateway, *entries, **ids)

    again = await transact(gateway, *entries, **ids)

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert await gateway.count(resource) == 3


async def test_r21_transactions_at_once_never_wait_for_each_other(gateway: Running) -> None:
    kept = [await stored(gateway, patient()) for _ in range(4)]

    def turned(number: int) -> list[Json]:
        entries = [put(one | {"name": [{"family": f"Harrow-{number}"}]}) for one in kept]
        return entries[::-1] if number % 2 else entries

    answers = await asyncio.gather(*(transact(gateway, *turned(number)) for number in range(6)))

    assert {answer.status_code for answer in answers} <= {200, 412}
    now = [await read(gateway, one) for one in kept]
    assert len({(one["name"][0]["family"], one["meta"]["versionId"]) for one in now}) == 1  # all of one, or none of it
    assert now[0]["meta"]["versionId"] == str(1 + sum(answer.status_code == 200 for answer in answers))


async def test_r21_each_entry_needs_its_scope(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    entries = {
        "system/Patient.c": asks("POST", "Patient", patient()),
        "system/Patient.u": put(kept | {"active": True}),
        "system/Patient.r": asks("GET", f"Patient/{kept['id']}"),
    }
    for scope, entry in entries.items():
        for held in entries:
            answer = await gateway.call(may(gateway, held), "POST", "/FHIR/R4", bundle("transaction", entry))
            assert (answer.status_code == 200) == (held == scope), answer.text


async def test_r21_reads_are_audited_too(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    await transact(gateway, asks("GET", f"Patient/{kept['id']}"))

    async with gateway.store.reading() as connection:
        rows = (await connection.execute(audit.select().order_by(audit.c.id))).mappings().all()
    assert ("GET /FHIR/R4/{type}/{id}", f"Patient/{kept['id']}") in [(row["action"], row["target"]) for row in rows]


async def test_r21_reads_of_many_are_bounded(gateway: Running) -> None:
    answer = await transact(gateway, *[asks("GET", "Patient/1")] * 51)

    assert (answer.status_code, issues_of(answer)) == (422, [("too-costly", "Bundle.entry")])


async def test_r21_a_search_in_a_transaction(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    answer = await transact(gateway, asks("GET", f"Patient?identifier={named(kept)}"), put(kept | {"active": True}))

    found = answer.json()["entry"][0]["resource"]
    assert found["type"] == "searchset"
    assert resource_of(found, "Patient")["active"] is True
