"""Where a restricted person is: left out of whatever comes in, and found in no table."""

import copy
from typing import Any

import pytest
from sqlalchemy import Table, select
from tests.app import Running, message_bundle, referral_bundle, resource_of, task_in
from tests.identity.conftest import nhs, patient

from gateway.privacy import withhold
from gateway.store.schema import metadata

Json = dict[str, Any]

SECRETS = ("01632960999", "9 Hidden Lane", "Hidden Surgery", "X99009", "01632960888", "01632960777")
PHONE = {"system": "phone", "value": "01632960999"}
REACH: Json = {
    "telecom": [PHONE],
    "address": [{"line": ["9 Hidden Lane"], "postalCode": "XN1 9ZZ"}],
    "generalPractitioner": [
        {"reference": "Organization/gp", "display": "Hidden Surgery"},
        {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "X99009"}},
    ],
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">9 Hidden Lane</div>'},
    "contact": [
        {"name": {"text": "Her sister"}, "telecom": [PHONE | {"value": "01632960888"}]},
        {"address": {"text": "9 Hidden Lane"}},
    ],
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
            "valueAddress": {"text": "9 Hidden Lane"},
        },
        {"url": "urn:kept", "valueString": "kept"},
    ],
}
GP: Json = {
    "resourceType": "Organization",
    "id": "gp",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "X99009"}],
    "name": "Hidden Surgery",
}
KIN: Json = {
    "resourceType": "RelatedPerson",
    "patient": {"reference": "Patient/p"},
    "name": [{"text": "Her sister"}],
    "telecom": [PHONE | {"value": "01632960777"}],
}


LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


def restricted(code: str = "R", **elements: Any) -> Json:
    return patient(
        nhs(), **{"id": "p", "meta": {"security": [LABEL | {"code": code}]}} | copy.deepcopy(REACH) | elements
    )


def bundle_of(*resources: Json, type_: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": type_, "entry": [{"resource": one} for one in resources]}


@pytest.mark.parametrize("code", ["R", "V", "REDACTED"])
def test_who_the_person_is_stays_and_where_is_left_out(code: str) -> None:
    sent = restricted(code)
    before = copy.deepcopy(sent)
    kept = withhold(sent)
    assert sent == before
    assert kept == patient(
        nhs(),
        id="p",
        meta=sent["meta"],
        contact=[{"name": {"text": "Her sister"}}],
        extension=[{"url": "urn:kept", "valueString": "kept"}],
    )


@pytest.mark.parametrize(
    "sent",
    [
        patient(nhs(), **REACH),
        patient(nhs(), meta={"security": [{"code": "U"}]}, **REACH),
        bundle_of(patient(nhs(), **REACH), GP, KIN),
        {"resourceType": "ServiceRequest", "contained": [patient(nhs(), id="p", **REACH)]},
        {"resourceType": "Bundle", "type": "transaction"},
        patient(nhs(), id="p", meta={"security": [{"code": "R"}]}),
    ],
)
def test_what_holds_nothing_of_it_is_the_same_object(sent: Json) -> None:
    assert withhold(sent) is sent


@pytest.mark.parametrize(
    "around",
    [
        lambda who: bundle_of(who, GP, KIN),
        lambda who: bundle_of({"resourceType": "MessageHeader"}, bundle_of(who, GP, KIN, type_="document")),
        lambda who: {"resourceType": "Flag", "contained": [who, GP, KIN | {"patient": {"reference": "#p"}}]},
        lambda who: who | {"contained": [GP], "generalPractitioner": [{"reference": "#gp"}]},
    ],
    ids=["bundle", "bundle in a bundle", "contained", "contained in the patient"],
)
def test_it_is_found_wherever_the_person_stands(around: Any) -> None:
    sent = around(restricted())
    if sent["resourceType"] == "Flag":
        sent["contained"][0]["generalPractitioner"][0]["reference"] = "#gp"
    kept = withhold(sent)
    assert [secret for secret in SECRETS if secret in str(kept)] == []
    assert "Her sister" in str(kept)


def test_a_practice_that_refers_is_no_secret() -> None:
    request = {"resourceType": "ServiceRequest", "requester": {"reference": "Organization/gp"}}
    kept = withhold(bundle_of(restricted(), GP, request))
    assert kept["entry"][1]["resource"] == GP


def test_the_way_to_a_practice_is_left_out_too() -> None:
    role = {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "Organization/gp"}}
    sent = bundle_of(restricted(generalPractitioner=[{"reference": "PractitionerRole/r"}]), role, GP)
    sent["entry"][2]["request"] = {"method": "POST", "ifNoneExist": "identifier=x|X99009"}
    kept = withhold(sent)
    assert [entry["resource"] for entry in kept["entry"][1:]] == [
        {"resourceType": "PractitionerRole", "id": "r"},
        {"resourceType": "Organization", "id": "gp"},
    ]
    assert kept["entry"][2]["request"] == {"method": "POST", "url": "Organization"}


@pytest.mark.parametrize("rubbish", [1, "x", None, [], {}, [1, None, "x"], {"resourceType": 1}, [{"resourceType": []}]])
def test_what_came_unchecked_does_no_harm(rubbish: Any) -> None:
    names = ("contained", "meta", "contact", "extension", "patient", "identifier", "generalPractitioner")
    around = bundle_of(restricted(), *({"resourceType": "Patient", name: rubbish} for name in names))
    around["entry"].append({"resource": {"resourceType": "RelatedPerson", "patient": rubbish, "contained": [rubbish]}})
    withhold(around)


async def texts(gateway: Running) -> dict[Table, str]:
    """All that stands in each table."""
    async with gateway.store.reading() as connection:
        # Tuples, because a Row shows no more than the ends of a long text.
        return {
            table: str([tuple(row) for row in await connection.execute(select(table))])
            for table in metadata.sorted_tables
        }


async def assert_nowhere(gateway: Running, told: str) -> None:
    for table, text in (await texts(gateway)).items():
        assert [secret for secret in SECRETS if secret in text] == [], table.name
    assert [secret for secret in SECRETS if secret in told] == []


def hide(bundle: Json) -> Json:
    """The Bundle with its Patient restricted, and their practice and sister."""
    held = resource_of(bundle, "Patient")
    held.update(restricted() | {"identifier": held["identifier"]})
    del held["id"]
    at = next(entry["fullUrl"] for entry in bundle["entry"] if entry["resource"] is held)
    held["generalPractitioner"][0]["reference"] = "urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9eff"
    for resource, name in ((GP, "ff"), (KIN | {"patient": {"reference": at}}, "fe")):
        entry = {"fullUrl": f"urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e{name}", "resource": resource}
        if bundle["type"] == "transaction":
            entry["request"] = {"method": "POST", "url": resource["resourceType"]}
        bundle["entry"].append(entry)
    return bundle


async def test_in_a_transaction(gateway: Running) -> None:
    bundle = hide(referral_bundle())
    answer = await gateway.call(
        "demo-epr", "POST", "/FHIR/R4", bundle, X_Request_Id="0b0d7f8e-6f0e-4b7e-9d5c-2f6d0a1c3e55"
    )
    assert answer.status_code == 200, answer.text
    await assert_nowhere(gateway, answer.text)
    shown = (
        await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{task_in(answer.json())['id']}")
    ).json()
    assert [text for text in shown["warnings"] if text.startswith("The record is restricted")]
    again = await gateway.call(
        "demo-epr", "POST", "/FHIR/R4", bundle, X_Request_Id="0b0d7f8e-6f0e-4b7e-9d5c-2f6d0a1c3e55"
    )
    assert again.content == answer.content


async def test_in_a_message(gateway: Running) -> None:
    bundle = hide(message_bundle())
    headers = {"X_Request_Id": "0b0d7f8e-6f0e-4b7e-9d5c-2f6d0a1c3e56"}
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4/$process-message", bundle, **headers)
    assert answer.status_code == 200, answer.text
    await assert_nowhere(gateway, answer.text)


async def test_alone_and_changed_later(gateway: Running) -> None:
    created = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient(nhs()))
    at = f"/FHIR/R4/Patient/{created.json()['id']}"
    replaced = await gateway.call("demo-epr", "PUT", at, restricted() | {"id": created.json()["id"]})
    assert replaced.status_code == 200, replaced.text
    operations = [
        {"op": "add", "path": "/telecom", "value": [PHONE]},
        {"op": "test", "path": "/telecom/0/value", "value": "01632960999"},
        {"op": "replace", "path": "/telecom", "value": [PHONE | {"value": "01632960888"}]},
        {"op": "add", "path": "/gender", "value": "female"},
    ]
    media = {"Content_Type": "application/json-patch+json"}
    patched = await gateway.call("demo-epr", "PATCH", at, operations, **media)
    assert (patched.status_code, patched.json().get("gender")) == (200, "female")
    await assert_nowhere(gateway, created.text + replaced.text + patched.text)
