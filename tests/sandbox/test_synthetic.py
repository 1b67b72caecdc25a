"""Real people stay outside: an NHS number that does not start with 999 is refused, and nothing is kept."""

import sqlite3
from typing import Any

import pytest
from tests.sandbox.engineer import NOTHING, Engineer

REAL = "9434765919"  # of NHS Digital's own examples; the check digit is right
SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"


def _patient(number: str = REAL) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": number}]}


def _bundle(own: Engineer) -> dict[str, Any]:
    bundle = own.bundle(NOTHING)
    bundle["entry"][0]["resource"]["identifier"][0]["value"] = REAL
    return bundle


def _asked(own: Engineer) -> list[tuple[str, str, Any]]:
    return [
        ("POST", "/FHIR/R4", _bundle(own)),
        ("POST", "/FHIR/R4/$process-message", {"resourceType": "Bundle", "type": "message", "entry": [_patient()]}),
        ("POST", "/FHIR/R4/Patient", _patient()),
        ("POST", "/FHIR/R4/Patient", _patient("943 476 5919")),
        ("PUT", "/FHIR/R4/Patient/1", _patient()),
        ("PUT", "/FHIR/R4/Patient/1", _patient("9990100004 9434765919")),
        ("POST", "/FHIR/R4", {"resourceType": "Bundle", "filler": "x" * 20_000, "url": f"Patient?a={SYSTEM}|{REAL}"}),
        ("POST", "/FHIR/R4/Patient/$validate", _patient()),
        ("POST", "/cds-services/x", {"prefetch": {"patient": _patient()}}),
        ("GET", f"/FHIR/R4/Patient?identifier={SYSTEM}|{REAL}", None),
        ("GET", f"/FHIR/R4/Task?patient:identifier={SYSTEM}%7C{REAL}", None),
        ("GET", f"/FHIR/R4/Patient?identifier=urn:oid:2.16.840.1.113883.2.1.4.1|{REAL}", None),
    ]


@pytest.mark.parametrize("number", range(12))
def test_a_number_outside_999_is_refused(ann: Engineer, number: int) -> None:
    method, path, body = _asked(ann)[number]
    answer = ann.call("sandbox-epr", method, path, body)
    assert answer.status_code == 422, answer.text
    assert "synthetic people only" in answer.json()["issue"][0]["diagnostics"]
    assert REAL not in answer.text


MRN = {"system": "https://sandbox.example/mrn", "value": REAL}
NEW = {"op": "add", "path": "/identifier/-"}
VALUE, OTHER_VALUE = "/identifier/0/value", "/identifier/1/value"


@pytest.mark.parametrize(
    "steps",
    [
        [[{"op": "replace", "path": VALUE, "value": REAL}]],
        [[{"op": "replace", "path": VALUE, "value": "943 476 5919"}]],
        [[{**NEW, "value": {"system": SYSTEM, "value": "943-476-5919"}}]],
        [[{**NEW, "value": MRN}], [{"op": "replace", "path": "/identifier/1/system", "value": SYSTEM}]],
        [[{**NEW, "value": MRN}], [{"op": "copy", "from": OTHER_VALUE, "path": VALUE}]],
        [[{**NEW, "value": {"system": SYSTEM}}], [{"op": "add", "path": OTHER_VALUE, "value": REAL}]],
        [[{**NEW, "value": MRN}, {"op": "add", "path": "/identifier/1/system", "value": SYSTEM.upper()}]],
    ],
)
def test_no_patch_makes_one_of_its_parts(ann: Engineer, steps: list[list[dict[str, Any]]]) -> None:
    person = {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": NOTHING}]}
    at = f"/FHIR/R4/Patient/{ann.call('sandbox-epr', 'POST', '/FHIR/R4/Patient', person).json()['id']}"
    *first, last = [
        ann.call("sandbox-epr", "PATCH", at, one, Content_Type="application/json-patch+json") for one in steps
    ]
    assert [one.status_code for one in first] == [200] * len(first)
    assert last.status_code == 422, last.text
    assert "synthetic people only" in last.json()["issue"][0]["diagnostics"]
    kept = ann.call("sandbox-epr", "GET", at).json()
    assert int(kept["meta"]["versionId"]) == len(steps)
    assert kept["identifier"][0] == person["identifier"][0]


def test_no_condition_names_one(ann: Engineer) -> None:
    asked = f"identifier={SYSTEM}|{REAL}"
    answer = ann.call("sandbox-epr", "POST", "/FHIR/R4/Patient", _patient(NOTHING), If_None_Exist=asked)
    assert answer.status_code == 422, answer.text


def test_a_search_by_form_is_refused_too(ann: Engineer) -> None:
    answer = ann.sandbox.http.post(
        f"{ann.told['base_url']}/FHIR/R4/Patient/_search",
        data={"identifier": f"{SYSTEM}|{REAL}"},
        headers={"Authorization": f"Bearer {ann.token('sandbox-epr')}"},
    )
    assert answer.status_code == 422


def test_nothing_of_it_is_kept(own: Engineer) -> None:
    own.call("sandbox-epr", "POST", "/FHIR/R4", _bundle(own))
    folder = own.sandbox.tenants.folder / own.tenant
    with sqlite3.connect(folder / "gateway.db") as database:
        dumped = "\n".join(database.iterdump())
    database.close()
    assert "9990100071" in dumped  # who is in the sandbox
    assert REAL not in dumped


def test_who_has_no_nhs_number_and_other_identifiers_may_come(ann: Engineer) -> None:
    bundle = ann.bundle(NOTHING)
    patient = bundle["entry"][0]["resource"]
    patient["identifier"] = [{"system": "https://sandbox.example/mrn", "value": REAL}]
    assert ann.call("sandbox-epr", "POST", "/FHIR/R4", bundle).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 100_000, b'{"a":' * 50_000])
def test_rubbish_goes_to_the_gateway_which_refuses_it(ann: Engineer, body: bytes) -> None:
    answer = ann.sandbox.http.post(
        f"{ann.told['base_url']}/FHIR/R4",
        content=body,
        headers={"Authorization": f"Bearer {ann.token('sandbox-epr')}", "Content-Type": "application/fhir+json"},
    )
    assert 400 <= answer.status_code < 500, answer.text
