"""$validate and the door say the same: of reads in a transaction, of batches, of answers, and of what is misasked."""

from typing import Any
from uuid import uuid4

import pytest
from tests.app import Json, Running, issues_of, message_bundle
from tests.fhir.rest.calls import FHIR, asks, bundle, may, named, patient, send, stored
from tests.fhir.test_validate import CLEAR, PATIENT, found, parameters, validate

from gateway.store.schema import audit, message, resource

LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
ABSENT = "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"


async def test_r25_a_transaction_with_reads(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    good, bad = asks("GET", f"Patient/{kept['id']}"), asks("GET", f"Patient/{ABSENT}")

    for entries, expected in (
        ([good], CLEAR),
        ([asks("POST", "Patient", patient()), good], CLEAR),
        ([good, bad], [("error", "not-found", "Bundle.entry[1].request.url")]),
    ):
        assert found(await validate(gateway, "Bundle", bundle("transaction", *entries))) == expected
    assert await gateway.count(resource) == 1


async def test_r25_each_entry_of_a_batch_gets_the_judgement_of_its_door(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    sent = bundle(
        "batch",
        asks("POST", "Patient", patient()),
        asks("POST", "Patient", patient(gender="bogus")),
        asks("GET", f"Patient/{ABSENT}"),
        asks("PUT", f"Patient/{kept['id']}", kept | {"active": True}, ifMatch='W/"7"'),
        asks("PUT", f"Patient?identifier={named(kept)}", kept | {"active": True}),
        asks("DELETE", f"Patient/{kept['id']}"),
        asks("POST", "ServiceRequest", {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}),
    )
    before = [await gateway.count(table) for table in (resource, message)]

    judged = found(await validate(gateway, "Bundle", sent))

    assert [await gateway.count(table) for table in (resource, message)] == before
    assert judged == [
        ("error", "code-invalid", "Bundle.entry[1].resource.gender"),
        ("error", "not-found", "Bundle.entry[2].request"),
        ("error", "conflict", "Bundle.entry[3].request"),
        ("error", "not-supported", "Bundle.entry[5].request"),
        ("error", "required", "Bundle.entry[6].resource.subject"),
    ]
    door = await send(gateway, "POST", "", sent)
    refused = [index for index, entry in enumerate(door.json()["entry"]) if entry["response"]["status"][0] == "4"]
    assert refused == [1, 2, 3, 5, 6]


async def test_r25_a_batch_that_asks_for_nothing_wrong(gateway: Running) -> None:
    sent = bundle("batch", asks("POST", "Patient", patient()), asks("GET", "Patient?name=Harrow"))

    assert found(await validate(gateway, "Bundle", sent)) == CLEAR
    judged = await validate(gateway, "Bundle", {"resourceType": "Bundle", "type": "batch"})
    assert found(judged) == [("error", "required", "Bundle.entry")]
    judged = await validate(gateway, "Bundle", sent, may(gateway, "system/Patient.s"))
    assert found(judged) == [("error", "forbidden", "Bundle.entry[0].request")]
    async with gateway.store.reading() as connection:
        rows = (await connection.execute(audit.select())).mappings().all()
    assert "POST /FHIR/R4/{type}" not in {row["action"] for row in rows}  # asked about, not done


async def test_r25_what_privacy_leaves_out_is_not_judged(gateway: Running) -> None:
    practice = {"reference": f"Organization/{ABSENT}"}
    sent = patient(meta=LABEL, generalPractitioner=[practice])

    assert found(await validate(gateway, "Patient?mode=create", sent)) == CLEAR
    assert (await send(gateway, "POST", "Patient", sent)).status_code == 201
    told = found(await validate(gateway, "Patient?mode=create", patient(generalPractitioner=[practice])))
    assert told == [("error", "not-found", "Patient.generalPractitioner[0].reference")]


async def test_r25_a_message_may_bring_what_has_no_place(gateway: Running) -> None:
    sent = message_bundle()
    basic = {"resourceType": "Basic", "id": "1", "code": {"text": "Something"}}
    sent["entry"].append({"fullUrl": f"urn:uuid:{uuid4()}", "resource": basic})

    judged = found(await validate(gateway, "Bundle", sent))

    assert {severity for severity, _, _ in judged} <= {"information", "warning"}
    door = await send(gateway, "POST", "$process-message", sent, X_Request_Id=str(uuid4()))
    assert door.status_code == 200, door.text


def twice(name: str) -> Json:
    asked = parameters(resource=PATIENT, mode="create")
    asked["parameter"].append(next(part for part in asked["parameter"] if part["name"] == name))
    return asked


MISASKED: dict[str, tuple[str, Any, tuple[str, str]]] = {
    "two resources": ("Patient", twice("resource"), ("invalid", "Parameters.parameter[2]")),
    "two modes": ("Patient", twice("mode"), ("invalid", "Parameters.parameter[2]")),
    "a mode here and there": (
        "Patient?mode=update",
        parameters(resource=PATIENT, mode="create"),
        ("invalid", "Parameters.parameter[1]"),
    ),
    "a name that is none": (
        "Patient",
        {"resourceType": "Parameters", "parameter": [{"name": "ressource", "resource": PATIENT}]},
        ("not-supported", "Parameters.parameter[0]"),
    ),
    "a mode without a value": (
        "Patient",
        {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueBoolean": True}]},
        ("required", "Parameters.parameter[0]"),
    ),
}


@pytest.mark.parametrize("name", MISASKED)
async def test_r25_parameters_that_are_misasked_are_told(gateway: Running, name: str) -> None:
    path, body, issue = MISASKED[name]

    assert found(await validate(gateway, path, body)) == [("error", *issue)]


async def test_r25_a_name_in_the_address_that_is_none(gateway: Running) -> None:
    assert found(await validate(gateway, "Patient?moed=create", PATIENT)) == [("error", "not-supported", None)]
    assert found(await validate(gateway, "Patient?_format=json", PATIENT)) == CLEAR


@pytest.mark.parametrize("id_", [None, ABSENT])
async def test_r25_the_body_has_the_id_of_the_address(gateway: Running, id_: str | None) -> None:
    kept = await stored(gateway, patient())
    sent = patient() | ({"id": id_} if id_ else {})

    assert found(await validate(gateway, f"Patient/{kept['id']}", sent)) == [("error", "invalid", "Patient.id")]
    assert (await send(gateway, "PUT", f"Patient/{kept['id']}", sent)).status_code == 400
    assert found(await validate(gateway, f"Patient/{kept['id']}", kept)) == CLEAR


# --- answers, and the Questionnaire that they are judged by -------------------------------------------------------

URL = "https://epr.example/q/loneliness"


def questionnaire(version: str, **item: Any) -> Json:
    asked = {"linkId": "1", "text": "How often?", "type": "integer"} | item
    return {"resourceType": "Questionnaire", "url": URL, "version": version, "status": "active", "item": [asked]}


def answers(canonical: str) -> Json:
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": canonical}


async def verdicts(gateway: Running, client: str, sent: Json) -> list[list[tuple[str, str | None]]]:
    """The findings of $validate, of a create, and of a transaction, with places in the resource."""
    judged = await validate(gateway, sent["resourceType"], sent, client)
    one = await gateway.call(client, "POST", f"{FHIR}/{sent['resourceType']}", sent)
    whole = bundle("transaction", asks("POST", sent["resourceType"], sent))
    inside = await gateway.call(client, "POST", FHIR, whole)
    told = [[(code, place) for severity, code, place in found(judged) if severity == "error"]]
    for answer in (one, inside):
        issues = issues_of(answer) if answer.status_code == 422 else []
        place = "Bundle.entry[0].resource"
        told.append([(code, (at or "").replace(place, sent["resourceType"])) for code, at in issues])
    return told


async def test_r25_answers_are_judged_alike_whatever_the_sender_may_read(gateway: Running) -> None:
    await stored(gateway, questionnaire("1", required=True))
    writer = may(gateway, "system/QuestionnaireResponse.c")

    for client in ("demo-epr", writer):
        first, *others = await verdicts(gateway, client, answers(URL))
        assert first
        assert others == [first, first]
    assert await verdicts(gateway, "demo-epr-2", answers(URL)) == [[], [], []]


async def test_r25_the_version_that_the_answers_name_else_the_newest(gateway: Running) -> None:
    old = await stored(gateway, questionnaire("1", required=True))
    assert (await verdicts(gateway, "demo-epr", answers(URL)))[0]
    await stored(gateway, questionnaire("2"))

    for canonical, refused in ((URL, False), (f"{URL}|1", True), (f"{URL}|2", False), (f"{URL}|3", False)):
        assert [bool(one) for one in await verdicts(gateway, "demo-epr", answers(canonical))] == [refused] * 3
    moved = old | {"url": f"{URL}/old"}
    assert (await send(gateway, "PUT", f"Questionnaire/{old['id']}", moved)).status_code == 200
    assert not any(await verdicts(gateway, "demo-epr", answers(f"{URL}|1")))
    assert all(await verdicts(gateway, "demo-epr", answers(f"{URL}/old")))


async def test_r25_answers_that_are_patched_are_judged_too(gateway: Running) -> None:
    kept = await stored(gateway, answers(f"{URL}|1") | {"status": "in-progress"})
    await stored(gateway, questionnaire("1", required=True))
    change = [{"op": "replace", "path": "/status", "value": "completed"}]

    path = f"QuestionnaireResponse/{kept['id']}"
    answer = await send(gateway, "PATCH", path, change, Content_Type="application/json-patch+json")

    assert (answer.status_code, await gateway.count(resource)) == (422, 2)
