"""Parts of what is found (R4 search.html#summary, #elements)."""

import pytest
from tests.app import Json, Running
from tests.fhir.search.asking import ask, create, create_patient, search

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "Subsetted",
}
TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Jo</div>'}
ALWAYS = {"resourceType", "id", "meta"}


async def one(gateway: Running, query: str) -> Json:
    resource: Json = (await search(gateway, query))["entry"][0]["resource"]
    return resource


@pytest.mark.parametrize(
    ("query", "elements"),
    [
        ("_summary=true", {"name", "birthDate", "active", "telecom"}),
        ("_summary=text", {"text", "active"}),  # active modifies what the rest means
        ("_summary=data", {"name", "birthDate", "active", "telecom", "maritalStatus"}),
        ("_elements=birthDate", {"birthDate", "active"}),
        ("_elements=Patient.birthDate,maritalStatus", {"birthDate", "maritalStatus", "active"}),
        ("_elements=birthDate&_summary=text", {"birthDate", "active"}),
    ],
)
async def test_r19_the_elements_that_are_left(gateway: Running, query: str, elements: set[str]) -> None:
    tag = {"system": "https://northdale.example/tags", "code": "pilot"}
    phone = [{"system": "phone", "value": "01632 960000"}]
    extra: Json = {
        "active": True,
        "telecom": phone,
        "maritalStatus": {"text": "Single"},
        "text": TEXT,
        "meta": {"tag": [tag]},
    }
    whole = await create_patient(gateway, "Harrow", **extra)

    part = await one(gateway, f"Patient?{query}")

    assert part.keys() == ALWAYS | elements
    assert part["meta"] == whole["meta"] | {"tag": [tag, SUBSETTED]}
    assert all(part[name] == whole[name] for name in elements)
    assert await one(gateway, "Patient?_summary=false") == whole


async def test_r19_elements_that_are_none_are_named(gateway: Running) -> None:
    whole = await create_patient(gateway, "Harrow")

    for names in ("nonsense", "name,nonsense", "Task.status", "name.nonsense,family"):
        bundle = await search(gateway, f"Patient?_elements={names}")
        patient, outcome = (entry["resource"] for entry in bundle["entry"])
        assert patient == whole
        assert f"'_elements={names}' " in outcome["issue"][0]["diagnostics"]
        strict = await ask(gateway, f"Patient?_elements={names}", Prefer="handling=strict")
        assert (strict.status_code, strict.json()["issue"][0]["code"]) == (400, "not-supported")
    for names in ("name.family", "Patient.name.family", "name,deceased,deceasedBoolean"):
        assert (await one(gateway, f"Patient?_elements={names}")).keys() == ALWAYS | {"name"}


async def test_r19_required_elements_and_typed_names_stay(gateway: Running) -> None:
    await gateway.refer()

    request = await one(gateway, "ServiceRequest?_elements=supportingInfo,note,occurrence")
    assert request.keys() == ALWAYS | {"status", "intent", "subject", "supportingInfo", "note", "contained"}

    effective = {"effectiveDateTime": "2026-01-15", "_effectiveDateTime": {"id": "a"}, "status": "final"}
    await create(gateway, {"resourceType": "Observation", "code": {"text": "x"}} | effective)
    assert (await one(gateway, "Observation?_elements=effective")).items() >= effective.items()


async def test_r19_what_is_included_is_summed_up_too_but_not_cut_to_elements(gateway: Running) -> None:
    await gateway.refer()

    for query, cut in (("_summary=true", True), ("_elements=status", False)):
        bundle = await search(gateway, f"Task?_include=Task:patient&{query}")
        tags = [entry["resource"]["meta"].get("tag", []) for entry in bundle["entry"]]
        assert [SUBSETTED in each for each in tags] == [True, cut]


async def test_r19_a_text_alone_includes_nothing(gateway: Running) -> None:
    assert (await ask(gateway, "Task?_summary=text&_include=Task:patient")).status_code == 400


async def test_r19_a_part_of_one_resource_that_is_read(gateway: Running) -> None:
    patient = await create_patient(gateway, "Harrow")
    address = f"Patient/{patient['id']}"

    part = (await ask(gateway, f"{address}?_elements=birthDate")).json()

    assert part.keys() == ALWAYS | {"birthDate"}
    assert part["meta"]["tag"] == [SUBSETTED]
    assert (await ask(gateway, f"{address}?_summary=false&colour=blue")).json() == patient
    assert (await ask(gateway, f"{address}?_summary=short")).status_code == 400
