"""A restriction is neither lifted nor passed over without a word, and harms nobody else's record."""

import copy
from typing import Any

import pytest
from tests.app import Running, referral_bundle, resource_of

Json = dict[str, Any]

LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
NAMED = "https://northdale.example/rio/client-id|0012345"


def person(*labels: Json, **elements: Any) -> Json:
    held = copy.deepcopy(resource_of(referral_bundle(), "Patient"))
    return held | ({"meta": {"security": list(labels)}} if labels else {"meta": {}}) | elements


async def send(gateway: Running, method: str, path: str, body: Json, **headers: str) -> Any:
    return await gateway.call("demo-epr", method, f"/FHIR/R4/{path}", body, **headers)


def without_empty_meta(resource: Json) -> Json:
    return {name: value for name, value in resource.items() if value != {}}


async def test_a_put_without_the_label_does_not_lift_it(gateway: Running) -> None:
    created = (await send(gateway, "POST", "Patient", person(LABEL))).json()
    unlabelled = without_empty_meta(person(id=created["id"]))

    answer = await send(gateway, "PUT", f"Patient/{created['id']}", unlabelled)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Patient.meta.security"]

    lifted = person(LABEL | {"code": "N"}, id=created["id"])
    answer = await send(gateway, "PUT", f"Patient/{created['id']}", lifted)
    assert (answer.status_code, "address" in answer.json()) == (200, True)


@pytest.mark.parametrize("door", ["create", "transaction"])
async def test_a_label_is_not_lost_by_a_condition_that_matches(gateway: Running, door: str) -> None:
    assert (await send(gateway, "POST", "Patient", without_empty_meta(person()))).status_code == 201
    condition = f"identifier={NAMED}"
    if door == "create":
        answer = await send(gateway, "POST", "Patient", person(LABEL), If_None_Exist=condition)
    else:
        bundle = referral_bundle()
        entry = next(one for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
        entry["resource"] = person(LABEL)
        entry["request"]["ifNoneExist"] = condition
        answer = await send(gateway, "POST", "", bundle)

    assert answer.status_code == 422
    assert "PUT it with the label first" in answer.text


async def test_the_practice_of_a_restricted_person_stays_whole_for_others(gateway: Running) -> None:
    practice = {
        "resourceType": "Organization",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "X99009"}],
        "name": "Quayside Surgery",
    }
    known = (await send(gateway, "POST", "Organization", practice)).json()
    bundle = referral_bundle()
    entry = next(one for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
    entry["resource"] = person(LABEL, generalPractitioner=[{"reference": f"Organization/{known['id']}"}])
    bundle["entry"].append(
        {
            "fullUrl": f"http://gateway.example/FHIR/R4/Organization/{known['id']}",
            "resource": practice | {"id": known["id"]},
            "request": {"method": "PUT", "url": f"Organization/{known['id']}"},
        }
    )

    answer = await send(gateway, "POST", "", bundle)
    assert answer.status_code == 200, answer.text

    now = (await gateway.call("demo-epr", "GET", f"/FHIR/R4/Organization/{known['id']}")).json()
    assert (now["name"], now["meta"]["versionId"]) == ("Quayside Surgery", "1")


async def test_where_they_are_is_left_out_of_every_corner(gateway: Running) -> None:
    where = [{"url": "urn:place", "valueAddress": {"text": "9 Hidden Lane"}}]
    name = {"family": "Harrow", "given": ["Margaret"], "extension": where}
    sent = person(LABEL, name=[name], _birthDate={"extension": where})

    answer = await send(gateway, "POST", "Patient", sent)
    assert answer.status_code == 201, answer.text
    assert "Hidden Lane" not in answer.text
    assert answer.json()["name"][0]["family"] == "Harrow"
