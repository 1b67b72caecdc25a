"""What the app that was launched may read: its patient, its user, and nobody else."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.mock_rio.face.launching import PETROV, SCOPE, Launching
from tests.mock_rio.rio import MAGGIE

from adapters.rio.mock.fhir_reads import conditions, flags, patient_of, practitioner_of, role_of
from adapters.rio.mock.signing_in import USER
from adapters.rio.mock.store import Store
from gateway.validation import check

Json = dict[str, Any]


async def read(launching: Launching, path: str, token: str | None) -> tuple[int, Json]:
    answer = await launching.call("GET", f"/FHIR/R4/{path}", token)
    assert answer.headers["content-type"] == "application/fhir+json"
    told: Json = answer.json()
    if answer.status_code != 200:
        assert told["resourceType"] == "OperationOutcome"
        assert told["issue"][0]["diagnostics"]
    return answer.status_code, told


async def test_the_patient_is_shaped_as_uk_core_has_it(launching: Launching) -> None:
    token = (await launching.token(f"/clients/{MAGGIE}/social-prescribing"))["access_token"]

    _, patient = await read(launching, f"Patient/{MAGGIE}", token)

    assert patient["id"] == MAGGIE
    values = {one["system"]: one["value"] for one in patient["identifier"]}
    assert values == {
        "https://northdale.example/rio/client-id": MAGGIE,
        "https://fhir.nhs.uk/Id/nhs-number": "9992047186",
    }
    [verified] = [one["extension"][0] for one in patient["identifier"] if "extension" in one]
    assert verified["url"].endswith("Extension-UKCore-NHSNumberVerificationStatus")
    assert verified["valueCodeableConcept"]["coding"][0]["code"] == "01"
    assert patient["name"] == [
        {"use": "official", "family": "Harrow", "given": ["Margaret", "Anne"]},
        {"use": "nickname", "given": ["Maggie"]},
    ]
    assert [one["value"] for one in patient["telecom"]] == ["07700 900123", "maggie.harrow@example.net"]
    assert patient["address"][0]["postalCode"] == "XN1 4QF"
    assert patient["birthDate"] == "1971-06-14"
    assert patient["generalPractitioner"][0]["identifier"]["value"] == "X99001"
    assert patient["communication"] == [{"language": {"text": "English"}, "preferred": True}]
    assert patient["extension"][0]["valueBoolean"] is False


async def test_needs_and_the_user_are_read(launching: Launching) -> None:
    token = (await launching.token())["access_token"]

    _, found = await read(launching, f"Condition?patient={PETROV}&_count=100", token)
    [entry] = found["entry"]
    assert entry["fullUrl"] == f"{launching.base}/Condition/{entry['resource']['id']}"
    assert entry["resource"]["code"]["coding"][0]["code"] == "267076002"
    for type_ in ("Flag", "Observation", "Consent"):
        _, found = await read(launching, f"{type_}?patient=Patient/{PETROV}", token)
        assert (found["type"], found["total"]) == ("searchset", 0)

    _, practitioner = await read(launching, "Practitioner/AOSEI", token)
    assert practitioner["name"] == [{"text": "Dr Amara Osei"}]
    assert [one["value"] for one in practitioner["telecom"]] == ["01632 960045", "amara.osei@northdale.example"]
    _, found = await read(launching, "PractitionerRole?practitioner=Practitioner/AOSEI", token)
    role = found["entry"][0]["resource"]
    assert role["organization"]["identifier"]["value"] == "XND01"
    assert role["healthcareService"][0]["display"] == "Recovery Team North"
    assert role["healthcareService"][0]["identifier"]["value"] == "RTN"
    assert role["code"] == [{"text": "Care coordinator"}]


async def test_alerts_are_flags(launching: Launching) -> None:
    launching.user = "tor.lindqvist"
    token = (await launching.token("/clients/0045678/social-prescribing"))["access_token"]

    _, found = await read(launching, "Flag?patient=0045678", token)

    assert found["entry"][0]["resource"]["code"]["text"] == "Do not visit alone at the home address"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"Patient/{MAGGIE}", 403),
        ("Patient/012345", 403),
        ("Patient/nobody", 403),
        (f"Condition?patient={MAGGIE}", 403),
        (f"Condition?patient=Patient/{MAGGIE}", 403),
        (f"Flag?patient={MAGGIE}", 403),
        ("Condition", 403),
        (f"Condition?patient={PETROV}&patient={MAGGIE}", 403),
        (f"Consent?patient={MAGGIE}", 403),
        ("Practitioner/TLINDQ", 404),
        ("Practitioner/nobody", 404),
        ("MedicationRequest?patient=12345", 404),
    ],
)
async def test_nobody_else_is_read(launching: Launching, path: str, status: int) -> None:
    token = (await launching.token())["access_token"]

    assert (await read(launching, path, token))[0] == status
    assert (await read(launching, "PractitionerRole?practitioner=TLINDQ", token))[1]["total"] == 0


@pytest.mark.parametrize(
    "path",
    [
        f"Patient/{PETROV}",
        f"Condition?patient={PETROV}",
        "Practitioner/AOSEI",
        "PractitionerRole?practitioner=AOSEI",
    ],
)
async def test_each_needs_its_scope_and_a_token(launching: Launching, path: str) -> None:
    needed = "user/" + path.partition("/")[0].partition("?")[0] + ".rs" if "Pract" in path else "patient/*.rs"
    kept = [one for one in SCOPE.split() if one != needed]

    assert (await read(launching, path, None))[0] == 401
    assert (await read(launching, path, "made-up"))[0] == 401
    assert (await read(launching, path, (await launching.token())["access_token"]))[0] == 200
    narrower = (await launching.token(scope=" ".join(kept)))["access_token"]
    assert (await read(launching, path, narrower))[0] == 403


def test_all_that_is_told_is_valid_fhir() -> None:
    store = Store()
    try:
        clients = store.all("SELECT * FROM Client")
        users = store.all(f"{USER} 1")
        told = [patient_of(store, client) for client in clients]
        told += [one for client in clients for one in conditions(store, client["ClientID"])]
        told += [one for client in clients for one in flags(store, client["ClientID"])]
        told += [made(user) for user in users for made in (practitioner_of, role_of)]

        assert len(told) > len(clients) + 2 * len(users)
        assert [(one["resourceType"], one["id"], found) for one in told if (found := check(one))] == []
        for one in told:  # a second opinion
            get_fhir_model_class(one["resourceType"]).model_validate(one)
    finally:
        store.close()
