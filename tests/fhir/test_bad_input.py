"""Rubbish at the door: each gets its clear 4xx, nothing is half-stored, and nothing is ever a 5xx."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.app import Json, Running, issues_of, referral_bundle, resource_of, without_ids

from gateway.store.schema import message, referral, resource

Change = Callable[[Json], Any]


def entry_of(type_: str) -> int:
    bundle = referral_bundle()
    return next(n for n, entry in enumerate(bundle["entry"]) if entry["resource"]["resourceType"] == type_)


PATIENT, REQUEST, TASK = (
    f"Bundle.entry[{entry_of(type_)}].resource" for type_ in ("Patient", "ServiceRequest", "Task")
)


def of(type_: str, change: Change) -> Change:
    return lambda bundle: change(resource_of(bundle, type_))


def put(**elements: Any) -> Change:
    return lambda resource: resource.update(elements)


def drop(*elements: str) -> Change:
    return lambda resource: [resource.pop(element) for element in elements]


BROKEN_BUNDLES: dict[str, tuple[Change, str, str]] = {
    "bogus status": (of("ServiceRequest", put(status="bogus")), "code-invalid", f"{REQUEST}.status"),
    "missing subject": (of("ServiceRequest", drop("subject")), "required", f"{REQUEST}.subject"),
    "two occurrence[x]": (
        of("ServiceRequest", put(occurrenceDateTime="2026-01-01", occurrencePeriod={"start": "2026-01-01"})),
        "structure",
        REQUEST,
    ),
    "dangling urn:uuid": (
        of("ServiceRequest", put(requester={"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"})),
        "not-found",
        f"{REQUEST}.requester",
    ),
    "NHS number failing its check digit": (
        of("Patient", lambda patient: patient["identifier"][0].update(value="9992047187")),
        "value",
        f"{PATIENT}.identifier",
    ),
    "NHS number of one digit ten times": (
        of("Patient", lambda patient: patient["identifier"][0].update(value="9999999999")),
        "value",
        f"{PATIENT}.identifier",
    ),
    "31 February": (of("Patient", put(birthDate="1971-02-31")), "value", f"{PATIENT}.birthDate"),
    "NUL in a text": (of("Patient", put(name=[{"family": "Har\x00row"}])), "structure", ""),
    "unknown resource": (
        lambda bundle: bundle["entry"].append(
            {"resource": {"resourceType": "Wombat"}, "request": {"method": "POST", "url": "Wombat"}}
        ),
        "structure",
        "Bundle.entry[6].resource",
    ),
    "unknown modifierExtension": (
        of("ServiceRequest", put(modifierExtension=[{"url": "urn:example:not", "valueBoolean": True}])),
        "extension",
        f"{REQUEST}.modifierExtension",
    ),
    "no reason": (of("ServiceRequest", drop("reasonCode")), "required", f"{REQUEST}.reasonCode"),
    "nobody to answer to": (of("ServiceRequest", drop("requester")), "required", f"{REQUEST}.requester"),
    "no name": (of("Patient", drop("name")), "required", f"{PATIENT}.name"),
    "nobody to find": (of("Patient", drop("identifier", "birthDate")), "required", f"{PATIENT}.identifier"),
    "a Task for somebody else": (
        of(
            "Task",
            put(**{"for": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990001235"}}}),
        ),
        "business-rule",
        f"{TASK}.for",
    ),
    "a request not to do it": (
        of("ServiceRequest", put(doNotPerform=True)),
        "business-rule",
        f"{REQUEST}.doNotPerform",
    ),
    "a draft": (of("ServiceRequest", put(status="draft")), "business-rule", f"{REQUEST}.status"),
    "a Task already completed": (of("Task", put(status="completed")), "business-rule", f"{TASK}.status"),
    "a Task without focus": (of("Task", drop("focus")), "required", f"{TASK}.focus"),
    "consent refused": (
        of("Consent", put(provision={"type": "deny"})),
        "business-rule",
        "Bundle.entry[3].resource.provision.type",
    ),
    "a delete": (
        lambda bundle: bundle["entry"].append({"request": {"method": "DELETE", "url": "Patient/1"}}),
        "not-supported",
        "Bundle.entry[6].request.method",
    ),
    "no entries": (lambda bundle: bundle.pop("entry"), "required", "Bundle.entry"),
    "a searchset": (put(type="searchset"), "", ""),
    "a wrong address in an entry": (
        lambda bundle: bundle["entry"][0]["request"].update(url="Observation"),
        "invariant",
        "Bundle.entry[0].request.url",
    ),
}


@pytest.mark.parametrize("name", BROKEN_BUNDLES)
async def test_a_broken_bundle_is_refused_whole(gateway: Running, name: str) -> None:
    change, code, expression = BROKEN_BUNDLES[name]
    bundle = referral_bundle()
    change(bundle)

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    found = issues_of(answer)
    assert (
        any(found_code == code and (place or "").startswith(expression) for found_code, place in found) or not code
    ), found
    assert [await gateway.count(table) for table in (referral, resource, message)] == [0, 0, 0]


BODIES: dict[str, tuple[bytes, str, int]] = {
    "no body": (b"", "application/fhir+json", 400),
    "broken JSON": (b'{"resourceType": "Bundle", ', "application/fhir+json", 400),
    "duplicate keys": (
        b'{"resourceType": "Bundle", "type": "batch", "type": "transaction"}',
        "application/fhir+json",
        400,
    ),
    "null": (b"null", "application/fhir+json", 400),
    "a null element": (b'{"resourceType": "Bundle", "type": null}', "application/fhir+json", 422),
    "a list": (b"[]", "application/fhir+json", 400),
    "a number": (b"12", "application/fhir+json", 400),
    "not UTF-8": (b'{"resourceType": "\xff"}', "application/fhir+json", 400),
    "a lone surrogate": (rb'{"resourceType": "\ud800"}', "application/fhir+json", 400),
    "a NUL": (rb'{"resourceType": "Bundle", "id": "a\u0000b"}', "application/fhir+json", 400),
    "depth 10,000": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "application/fhir+json", 400),
    "XML": (b"<Bundle xmlns='http://hl7.org/fhir'/>", "application/fhir+xml", 415),
    "a form": (b"a=b", "application/x-www-form-urlencoded", 415),
    "no type": (b"{}", "", 415),
    "no resourceType": (b"{}", "application/fhir+json", 422),
    "resourceType of another kind": (b'{"resourceType": {"a": 1}}', "application/fhir+json", 422),
    "STU3 by media type": (b"{}", "application/fhir+json; fhirVersion=3.0", 415),
    "STU3 by type": (b'{"resourceType": "ReferralRequest", "status": "active"}', "application/fhir+json", 422),
    "10 MB": (b'{"resourceType": "Bundle", "id": "' + b"a" * 10_000_000 + b'"}', "application/fhir+json", 413),
}


@pytest.mark.parametrize("path", ["/FHIR/R4", "/FHIR/R4/$process-message", "/FHIR/R4/Patient", "/FHIR/R4/Task"])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_cannot_be_read(gateway: Running, name: str, path: str) -> None:
    body, media_type, status = BODIES[name]

    answer = await gateway.call(
        "demo-epr", "POST", path, body, Content_Type=media_type, X_Request_Id="6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01"
    )

    assert answer.status_code == status, answer.text
    issue = answer.json()["issue"][0]
    assert issue["severity"] == "error"
    assert issue["diagnostics"]
    assert issue["details"]["coding"][0]["system"] == "https://fhir.nhs.uk/CodeSystem/http-error-codes"
    assert await gateway.count(resource) == 0


async def test_stu3_is_told_by_name(gateway: Running) -> None:
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4/Task", {"resourceType": "ReferralRequest"})

    text = answer.json()["issue"][0]["diagnostics"]
    assert "STU3" in text
    assert "R4" in text


async def test_somebody_elses_patient_is_refused_as_if_absent(gateway: Running) -> None:
    bundle = referral_bundle()
    theirs = await gateway.call("demo-epr-2", "POST", "/FHIR/R4/Patient", resource_of(bundle, "Patient"))
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "Patient"]
    before = await gateway.count(resource)

    answers = []
    for id_ in (theirs.json()["id"], "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"):
        text = json.dumps(bundle).replace("urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01", f"Patient/{id_}")
        answers.append(await gateway.call("demo-epr", "POST", "/FHIR/R4", json.loads(text)))

    assert [answer.status_code for answer in answers] == [422, 422]
    assert issues_of(answers[0]) == issues_of(answers[1])
    assert ("not-found", "Bundle.entry[3].resource.subject.reference") in issues_of(answers[0])
    assert await gateway.count(resource) == before


async def test_all_findings_are_told_at_once(gateway: Running) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest").update(status="bogus", intent="bogus")
    resource_of(bundle, "Patient").update(birthDate="1971-02-31")

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    places = {place for _, place in issues_of(answer)}
    assert {f"{REQUEST}.status", f"{REQUEST}.intent", f"{PATIENT}.birthDate"} <= places


async def test_no_value_of_a_patient_is_repeated_in_an_error(gateway: Running) -> None:
    bundle = referral_bundle()
    patient = resource_of(bundle, "Patient")
    patient["name"] = [{"family": "Distinctive", "given": "Unlisted"}]
    patient["identifier"][0]["value"] = "9992047187"
    patient["birthDate"] = "1971-02-31-secret"

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)

    for value in ("Distinctive", "Unlisted", "9992047187", "1971", "secret"):
        assert value not in without_ids(answer.text)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Request_Id": "not-a-uuid"}, 400),
        ({"Accept": "application/fhir+xml"}, 406),
        ({"Accept": "application/fhir+json; fhirVersion=3.0"}, 406),
        ({"If_None_Exist": "birthdate=1971-06-14"}, 422),
    ],
)
async def test_headers_that_do_not_fit(gateway: Running, headers: dict[str, str], status: int) -> None:
    patient = resource_of(referral_bundle(), "Patient")

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, **headers)

    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["/FHIR/R4/Wombat", "/nowhere", "/FHIR/R4/Patient/1/2/3", "/platform/v1/nowhere"])
async def test_unknown_addresses_are_told_in_fhir(gateway: Running, path: str) -> None:
    answer = await gateway.call("demo-epr", "GET", path)

    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_wrong_method_is_told_what_is_right(gateway: Running) -> None:
    assert (await gateway.call("demo-epr", "DELETE", "/FHIR/R4/Patient/1")).status_code == 405
