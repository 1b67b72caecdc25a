"""R2 to R5, R33: what a create takes and answers, once however often it is sent, with who did it."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.app import BASE, Json, Running, issues_of
from tests.fhir.rest.calls import may, named, observation, patient, read, send, stored

from gateway.store.schema import message, resource


async def test_r03_a_create_tells_where_it_is(gateway: Running) -> None:
    answer = await send(gateway, "POST", "Patient", patient(id="mine", meta={"versionId": "7"}))

    kept = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{BASE}/FHIR/R4/Patient/{kept['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"].endswith("GMT")
    assert (kept["id"] != "mine", kept["meta"]["versionId"]) == (True, "1")
    assert await read(gateway, kept) == kept


@pytest.mark.parametrize(
    ("prefer", "type_"),
    [
        ("return=minimal", None),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "OperationOutcome"),
        ("handling=strict, return=minimal", None),
        ("return=rubbish", "Patient"),
        ("return=minimal; foo=bar", None),
        ('return="minimal"', None),
        ("Return = minimal", None),
        ("return=minimal, return=representation", None),
        ("", "Patient"),
    ],
)
async def test_r04_a_create_is_answered_as_preferred(gateway: Running, prefer: str, type_: str | None) -> None:
    answer = await send(gateway, "POST", "Patient", patient(), Prefer=prefer)

    assert answer.status_code == 201
    assert (answer.json()["resourceType"] if answer.content else None) == type_


async def create_unless(gateway: Running, content: Json, **headers: str) -> httpx.Response:
    return await send(gateway, "POST", "Patient", content, If_None_Exist=f"identifier={named(content)}", **headers)


async def test_r05_a_match_is_given_instead(gateway: Running) -> None:
    first = await create_unless(gateway, patient("7"))
    await send(gateway, "PUT", f"Patient/{first.json()['id']}", first.json() | {"active": True})

    answer = await create_unless(gateway, patient("7"))

    assert (first.status_code, answer.status_code) == (201, 200)
    assert answer.json() == await read(gateway, first.json())
    assert answer.headers["location"] == f"{BASE}/FHIR/R4/Patient/{first.json()['id']}/_history/2"


async def test_r05_several_matches_are_refused(gateway: Running) -> None:
    for _ in range(2):
        await stored(gateway, patient("7"))

    answer = await create_unless(gateway, patient("7"))

    assert (answer.status_code, issues_of(answer)) == (412, [("multiple-matches", "If-None-Exist")])


async def test_r05_of_equal_ones_at_once_one_creates(gateway: Running) -> None:
    answers = await asyncio.gather(*(create_unless(gateway, patient("7")) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [*[200] * 5, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await gateway.count(resource) == 1


@pytest.mark.parametrize("matched", [False, True])
async def test_r05_the_same_request_again_gets_the_first_answer(gateway: Running, matched: bool) -> None:
    if matched:
        await stored(gateway, patient("7"))
    ids = {"X_Request_Id": str(uuid4())}
    first = await create_unless(gateway, patient("7"), **ids)
    await send(gateway, "PUT", f"Patient/{first.json()['id']}", first.json() | {"active": True})

    again = await create_unless(gateway, patient("7"), **ids)

    assert (again.status_code, again.content) == (first.status_code, first.content)


# --- R33 ----------------------------------------------------------------------------------------------------------

WHO = {"resourceType": "Provenance", "recorded": "2026-03-02T09:30:00Z", "agent": [{"who": {"display": "Ward clerk"}}]}


def attested(**elements: Any) -> dict[str, str]:
    return {"X_Provenance": json.dumps(WHO | elements)}


async def provenances(gateway: Running) -> list[Json]:
    bundle = (await send(gateway, "GET", "Provenance/_history")).json()
    return [entry["resource"] for entry in bundle.get("entry", [])]


async def test_r33_a_provenance_is_kept_with_what_it_is_about(gateway: Running) -> None:
    kept = (await send(gateway, "POST", "Patient", patient(), **attested())).json()
    sent = kept | {"active": True}
    await send(gateway, "PUT", f"Patient/{kept['id']}", sent, **attested(reason=[{"text": "Asked at reception"}]))

    second, first = await provenances(gateway)

    assert first["target"] == [{"reference": f"Patient/{kept['id']}/_history/1"}]
    assert second["target"] == [{"reference": f"Patient/{kept['id']}/_history/2"}]
    assert first["agent"] == WHO["agent"]
    assert second["reason"] == [{"text": "Asked at reception"}]


async def test_r33_its_references_are_resolved_like_any(gateway: Running) -> None:
    trust = await stored(gateway, {"resourceType": "Organization", "name": "Northdale"})
    good, bad = [
        await send(gateway, "POST", "Patient", patient(), **attested(agent=[{"who": {"reference": reference}}]))
        for reference in (f"Organization/{trust['id']}", f"Organization/{uuid4()}")
    ]

    assert (good.status_code, bad.status_code) == (201, 422)
    assert issues_of(bad) == [("not-found", "X-Provenance.agent[0].who.reference")]
    assert await gateway.count(resource) == 3


@pytest.mark.parametrize(
    "header",
    [
        "rubbish",
        "[]",
        '{"resourceType": "Patient"}',
        json.dumps(WHO | {"target": [{"reference": "Patient/1"}]}),
        json.dumps(WHO | {"recorded": "yesterday"}),
        json.dumps({"resourceType": "Provenance"}),
    ],
)
async def test_r33_what_is_no_provenance_is_refused(gateway: Running, header: str) -> None:
    answer = await send(gateway, "POST", "Patient", patient(), X_Provenance=header)

    assert answer.status_code == 400, answer.text
    assert await gateway.count(resource) == 0


async def test_r33_what_was_here_before_is_not_attested_and_that_is_told(gateway: Running) -> None:
    await create_unless(gateway, patient("7"))

    again = await create_unless(gateway, patient("7"), **attested(), Prefer="return=OperationOutcome")
    rubbish = await create_unless(gateway, patient("7"), X_Provenance="rubbish")
    nowhere = {"reference": f"Organization/{uuid4()}"}
    lost = await create_unless(gateway, patient("7"), **attested(agent=[{"who": nowhere}]))

    assert (again.status_code, rubbish.status_code, lost.status_code) == (200, 400, 422)
    assert [(code, place) for code, place in issues_of(again) if place] == [("informational", "X-Provenance")]
    assert "not recorded" in again.text
    assert await gateway.count(resource) == 1


async def test_r33_a_bundle_carries_its_provenance_itself(gateway: Running) -> None:
    answer = await send(gateway, "POST", "", {"resourceType": "Bundle", "type": "transaction"}, **attested())

    assert answer.status_code == 400


async def test_r33_a_provenance_needs_its_scope(gateway: Running) -> None:
    client = may(gateway, "system/Patient.c")

    answer = await gateway.call(client, "POST", "/FHIR/R4/Patient", patient(), **attested())

    assert answer.status_code == 403
    assert await gateway.count(resource) == 0


async def test_r33_the_ids_of_a_request_are_echoed(gateway: Running) -> None:
    ids = {"X_Request_Id": str(uuid4()), "X_Correlation_Id": str(uuid4())}

    answer = await send(gateway, "POST", "Patient", patient(), **ids)

    assert {answer.headers["x-request-id"], answer.headers["x-correlation-id"]} == set(ids.values())


# --- R2, R30, R31, R32: at the door; each rule is tested where it is checked (tests/validation) --------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/fhir+json; fhirVersion=4.0"},
        {"Accept": "application/fhir+xml, application/fhir+json;q=0.5"},
        {"Accept": "application/fhir+json; fhirVersion=3.0, application/fhir+json; fhirVersion=4.0"},
        {"Accept": "text/html, */*;q=0.1"},
        {"Accept": "text/json"},
        {"Accept": ""},
        {"Content_Type": "application/fhir+json; charset=utf-8"},
        {"Content_Type": "application/json; fhirVersion=4.0"},
        {"Content_Type": "text/json"},
    ],
)
async def test_r02_media_types_that_are_taken(gateway: Running, headers: dict[str, str]) -> None:
    answer = await send(gateway, "POST", "Patient", patient(), **headers)

    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/fhir+json")


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({"Accept": "application/fhir+xml"}, 406, "application/fhir+json"),
        ({"Accept": "application/fhir+json;q=0"}, 406, "application/fhir+json"),
        ({"Accept": "application/fhir+json; fhirVersion=3.0"}, 406, "STU3 (3.0)"),
        ({"Accept": "application/fhir+json; fhirVersion=5.0"}, 406, "R5 (5.0)"),
        ({"Content_Type": "application/fhir+xml"}, 415, "Send application/fhir+json"),
        ({"Content_Type": "application/fhir+json; fhirVersion=3.0"}, 415, "STU3 (3.0)"),
        ({"Content_Type": 'application/fhir+json; fhirVersion="1.0"'}, 415, "DSTU2 (1.0)"),
        ({"Content_Type": "application/fhir+json; fhirVersion=rubbish"}, 415, "fhirVersion=4.0"),
    ],
)
async def test_r02_media_types_that_are_not(gateway: Running, headers: dict[str, str], status: int, text: str) -> None:
    answer = await send(gateway, "POST", "Patient", patient(), **headers)

    assert answer.status_code == status
    assert text in answer.json()["issue"][0]["diagnostics"]
    assert await gateway.count(message) == 0


async def test_r30_what_was_sent_comes_back_as_it_was(gateway: Running) -> None:
    birth = {"extension": [{"url": "https://northdale.example/time", "valueDateTime": "1971-06-14T09:30:00Z"}]}
    kept = await stored(gateway, patient(_birthDate=birth))
    measured = await send(gateway, "POST", "Observation", observation(b"1.50e2"))

    assert (await read(gateway, kept))["_birthDate"] == birth
    assert measured.status_code == 201, measured.text
    again = await send(gateway, "GET", f"Observation/{measured.json()['id']}")
    assert again.content == measured.content


@pytest.mark.parametrize(
    ("elements", "place"),
    [
        ({"gender": None}, "Patient.gender"),
        ({"name": []}, "Patient.name"),
        ({"language": ""}, "Patient.language"),
        ({"colour": "blue"}, "Patient.colour"),
    ],
)
async def test_r30_what_fhir_json_does_not_know_is_refused(gateway: Running, elements: Json, place: str) -> None:
    answer = await send(gateway, "POST", "Patient", patient(**elements))

    assert (answer.status_code, [found for _, found in issues_of(answer)]) == (422, [place])


@pytest.mark.parametrize(
    ("type_", "elements", "place"),
    [
        ("Patient", {"id": "under_score"}, "Patient.id"),
        ("Patient", {"deceasedDateTime": "2026-03-02T09:30:00"}, "Patient.deceased"),
        ("Patient", {"gender": " female"}, "Patient.gender"),
    ],
)
async def test_r31_primitives_out_of_form_are_refused(gateway: Running, type_: str, elements: Json, place: str) -> None:
    answer = await send(gateway, "POST", type_, patient(**elements))

    assert (answer.status_code, [found for _, found in issues_of(answer)]) == (422, [place])


async def test_r32_a_narrative_that_could_run_code_is_refused(gateway: Running) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></div>'

    answer = await send(gateway, "POST", "Patient", patient(text={"status": "generated", "div": div}))

    assert (answer.status_code, [found for _, found in issues_of(answer)]) == (422, ["Patient.text.div"])
