"""$validate: 200 with the judgement that the door would give, and nothing stored."""

import json
from typing import Any

import pytest
from tests.app import Json, Running, issues_of, message_bundle, referral_bundle, resource_of
from tests.fhir.test_bad_input import BROKEN_BUNDLES

from gateway.security import Caller
from gateway.store.schema import event, message, referral, resource
from gateway.validation import check

REFERRAL = "urn:social-prescribing-gateway:StructureDefinition/referral"
R4 = "http://hl7.org/fhir/StructureDefinition"
PATIENT = {"resourceType": "Patient", "name": [{"family": "Harrow"}], "birthDate": "1971-06-14"}
CLEAR = [("information", "informational", None)]


async def validate(gateway: Running, path: str, body: Any = None, client: str = "demo-epr", **headers: str) -> Any:
    base, _, query = path.partition("?")
    query = f"?{query}" if query else ""
    return await gateway.call(client, "POST", f"/FHIR/R4/{base}/$validate{query}", body, **headers)


def parameters(**given: Any) -> Json:
    kinds = {"resource": "resource", "mode": "valueCode", "profile": "valueUri"}
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, kinds[name]: value} for name, value in given.items()],
    }


def found(answer: Any) -> list[tuple[str, str, str | None]]:
    """(severity, code, expression) of each finding."""
    assert answer.status_code == 200, answer.text
    assert check(answer.json()) == []
    return [(issue["severity"], issue["code"], issue.get("expression", [None])[0]) for issue in answer.json()["issue"]]


async def stored(gateway: Running) -> list[int]:
    return [await gateway.count(table) for table in (referral, resource, event, message)]


@pytest.mark.parametrize("body", [PATIENT, parameters(resource=PATIENT), parameters(resource=PATIENT, mode="create")])
async def test_r25_what_is_valid_is_said_to_be(gateway: Running, body: Json) -> None:
    assert found(await validate(gateway, "Patient", body)) == CLEAR
    assert await stored(gateway) == [0, 0, 0, 0]


@pytest.mark.parametrize("wrap", [lambda sent: sent, lambda sent: parameters(resource=sent)])
async def test_r25_what_is_not_valid_is_told_with_200(gateway: Running, wrap: Any) -> None:
    wrong = PATIENT | {"birthDate": "1971-02-31", "gender": "bogus", "colour": "blue"}

    judged = await validate(gateway, "Patient", wrap(wrong))
    refused = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", wrong)

    assert [(code, place) for _, code, place in found(judged)] == issues_of(refused)
    assert {place for _, _, place in found(judged)} >= {"Patient.birthDate", "Patient.gender"}


@pytest.mark.parametrize("name", BROKEN_BUNDLES)
async def test_r25_a_transaction_gets_the_judgement_of_the_door(gateway: Running, name: str) -> None:
    bundle = referral_bundle()
    BROKEN_BUNDLES[name][0](bundle)

    judged = await validate(gateway, "Bundle", bundle)
    refused = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    if judged.status_code == 400:
        assert refused.status_code == 400  # cannot be read at all
    elif bundle["type"] == "transaction":
        assert [(code, place) for _, code, place in found(judged)] == issues_of(refused)
    assert await stored(gateway) == [0, 0, 0, 0]


async def test_r25_a_good_referral_gets_its_warnings_and_is_not_stored(gateway: Running) -> None:
    bundle = referral_bundle()
    del resource_of(bundle, "Patient")["birthDate"]

    judged = await validate(gateway, "Bundle", bundle)
    assert await stored(gateway) == [0, 0, 0, 0]
    accepted = (await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)).json()

    outcomes = [entry["response"]["outcome"] for entry in accepted["entry"] if "outcome" in entry["response"]]
    assert judged.json()["issue"] == outcomes[0]["issue"]
    assert ("warning", "required", "Bundle.entry[0].resource.birthDate") in found(judged)


async def test_r25_a_referral_that_was_sent_before_is_told(gateway: Running) -> None:
    bundle = referral_bundle()
    await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    assert [code for _, code, _ in found(await validate(gateway, "Bundle", bundle))] == ["duplicate"]
    assert await gateway.count(referral) == 1


@pytest.mark.parametrize(
    ("type_", "wrong"),
    [
        (
            "MessageHeader",
            {"eventCoding": {"system": "https://fhir.nhs.uk/CodeSystem/message-events-bars", "code": "x"}},
        ),
        ("ServiceRequest", {"status": "revoked"}),
        ("ServiceRequest", {"reasonCode": []}),
        ("ServiceRequest", {"subject": {"reference": "Patient/nobody"}}),
        ("Patient", {"name": [{"use": "old", "family": "Harrow"}]}),
    ],
)
async def test_r25_a_message_gets_the_judgement_of_the_door(gateway: Running, type_: str, wrong: Json) -> None:
    bundle = message_bundle()
    resource_of(bundle, type_).update(wrong)
    ids = {"X_Request_Id": "6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01"}

    judged = await validate(gateway, "Bundle", bundle)
    refused = await gateway.call("demo-epr", "POST", "/FHIR/R4/$process-message", bundle, **ids)

    assert 400 <= refused.status_code < 500, refused.text
    assert [(code, place) for _, code, place in found(judged)] == issues_of(refused)
    assert await stored(gateway) == [0, 0, 0, 0]


async def test_r25_a_good_message_is_not_stored(gateway: Running) -> None:
    assert all(severity != "error" for severity, _, _ in found(await validate(gateway, "Bundle", message_bundle())))
    assert await stored(gateway) == [0, 0, 0, 0]


async def test_r25_mode_create_asks_what_create_asks(gateway: Running) -> None:
    request = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/x"},
    }

    assert found(await validate(gateway, "ServiceRequest", request)) == CLEAR
    asked = found(await validate(gateway, "ServiceRequest?mode=create", request))
    assert asked == [("error", "not-found", "ServiceRequest.subject.reference")]


async def test_r25_the_profile_of_a_referral(gateway: Running) -> None:
    """A request by itself is judged as if it were sent."""
    sent = (
        await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", resource_of(referral_bundle(), "Patient"))
    ).json()
    request = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{sent['id']}"},
    }

    judged = found(await validate(gateway, f"ServiceRequest?profile={REFERRAL}", request))

    assert ("error", "required", "ServiceRequest.reasonCode") in judged
    assert found(await validate(gateway, "Patient", parameters(resource=PATIENT, profile=REFERRAL)))[0][:2] == (
        "error",
        "invalid",
    )


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (f"{R4}/Patient", CLEAR),
        (f"{R4}/Patient|4.0.1", CLEAR),
        (f"{R4}/DomainResource", CLEAR),
        (f"{R4}/Task", [("error", "structure", "Patient")]),
        ("https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient", [("warning", "not-supported", None)]),
    ],
)
async def test_r25_profiles(gateway: Running, profile: str, expected: Any) -> None:
    assert found(await validate(gateway, "Patient", parameters(resource=PATIENT, profile=profile))) == expected


async def test_r25_mode_update(gateway: Running) -> None:
    kept = (await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", PATIENT)).json()
    before = await stored(gateway)
    at = f"Patient/{kept['id']}"

    assert found(await validate(gateway, f"{at}?mode=update", kept | {"gender": "female"})) == CLEAR
    assert found(await validate(gateway, f"{at}?mode=update", PATIENT)) == [("error", "not-found", "Patient.id")]
    absent = kept | {"id": "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"}
    for client, sent in (("demo-epr", absent), ("demo-epr-2", kept)):
        answer = await validate(gateway, "Patient?mode=update", sent, client)
        assert found(answer) == [("error", "not-found", "Patient.id")]
    assert await stored(gateway) == before


async def test_r25_what_is_stored_is_checked_by_its_id(gateway: Running) -> None:
    kept = (await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", PATIENT)).json()
    reader = Caller("demo-epr", "XND01", "epr", frozenset({"system/Task.r"}))
    gateway.tokens["reader"] = gateway.app.state.gatekeeper.issue(reader)
    at = f"Patient/{kept['id']}"

    assert found(await validate(gateway, f"{at}?mode=profile&profile={R4}/Patient")) == CLEAR
    assert found(await validate(gateway, at)) == CLEAR
    assert (await validate(gateway, at, client="demo-epr-2")).status_code == 404
    assert (await validate(gateway, at, client="reader")).status_code == 403
    assert found(await validate(gateway, "Patient", PATIENT, "reader")) == CLEAR


async def test_r25_mode_delete_says_that_nothing_is_deleted(gateway: Running) -> None:
    answer = await validate(gateway, "Patient/1?mode=delete")

    assert found(answer) == [("error", "not-supported", None)]
    assert "entered-in-error" in answer.text


async def test_r25_answers_are_judged_by_the_questionnaire_that_is_stored(gateway: Running) -> None:
    asked: Json = {"resourceType": "Questionnaire", "url": "https://epr.example/q/loneliness", "status": "active"}
    asked["item"] = [{"linkId": "1", "type": "integer", "required": True}]
    answered = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": asked["url"]}

    assert found(await validate(gateway, "QuestionnaireResponse", answered)) == CLEAR
    stored = await gateway.call("demo-epr", "POST", "/FHIR/R4/Questionnaire", asked)
    assert stored.status_code == 201, stored.text
    severities = [severity for severity, _, _ in found(await validate(gateway, "QuestionnaireResponse", answered))]
    assert severities == ["error"]
    assert found(await validate(gateway, "QuestionnaireResponse", answered, "demo-epr-2")) == CLEAR


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("Patient?mode=bogus", PATIENT, "code-invalid"),
        ("Patient?mode=profile", PATIENT, "invalid"),
        ("Patient", parameters(mode="create"), "required"),
        ("Patient", {"resourceType": "Task", "status": "draft", "intent": "order"}, "invalid"),
        ("Patient", {"resourceType": "Parameters", "parameter": [{"valueCode": "create"}]}, "required"),
        ("Patient", {"resourceType": "Parameters", "parameter": "create"}, "structure"),
        ("Patient", {"resourceType": "ReferralRequest"}, "not-supported"),
        ("Patient", parameters(resource="Harrow"), "structure"),
    ],
)
async def test_r25_a_question_that_is_not_understood_is_told_too(
    gateway: Running, path: str, body: Json, code: str
) -> None:
    assert found(await validate(gateway, path, body))[0][:2] == ("error", code)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"a": 1, "a": 2}', {}, 400),
        (b"<Patient/>", {"Content_Type": "application/fhir+xml"}, 415),
        (json.dumps(PATIENT).encode(), {"Accept": "application/fhir+xml"}, 406),
    ],
)
async def test_r25_only_what_cannot_be_read_is_refused(
    gateway: Running, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await validate(gateway, "Patient", body, **headers)).status_code == status


async def test_r25_who_may_ask(gateway: Running) -> None:
    assert (await validate(gateway, "Patient", PATIENT, "demo-platform")).status_code == 403
    assert (await gateway.call(None, "POST", "/FHIR/R4/Patient/$validate", PATIENT)).status_code == 401
    assert (await validate(gateway, "Wombat", PATIENT)).status_code == 404
