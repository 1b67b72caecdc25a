"""The addresses of searching, and what the answer says of what was asked (R4 http.html#search, search.html)."""

from urllib.parse import quote

import pytest
from tests.app import BASE, Running
from tests.fhir.search.asking import ask, create, create_patient, found, link, observation, post_search, search, shown

PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"


async def test_r14_get_answers_a_searchset(gateway: Running) -> None:
    patient = await create_patient(gateway, "Harrow")

    bundle = await search(gateway, "Patient?family=harrow&gender:missing=true")

    assert (bundle["type"], bundle["total"]) == ("searchset", 1)
    entry = bundle["entry"][0]
    assert entry["fullUrl"] == f"{BASE}/FHIR/R4/Patient/{patient['id']}"
    assert (entry["resource"], entry["search"]) == (patient, {"mode": "match"})
    assert link(bundle, "self") == "Patient?family=harrow&gender%3Amissing=true&_count=50"


async def test_r14_post_takes_parameters_from_body_and_address(gateway: Running) -> None:
    patient = await create_patient(gateway, "Harrow", gender="female")
    await create_patient(gateway, "Harrow", gender="male")

    answer = await post_search(gateway, "Patient", {"family": "harrow", "_format": "json"}, "?gender=female")

    assert answer.status_code == 200, answer.text
    assert shown(answer.json()) == [patient["id"]]
    assert link(answer.json(), "self") == "Patient?gender=female&family=harrow&_count=50"


async def test_r14_a_post_that_is_no_form_is_refused(gateway: Running) -> None:
    path = "/FHIR/R4/Patient/_search"
    form = {"Content_Type": "application/x-www-form-urlencoded"}

    assert (await gateway.call("demo-epr", "POST", path, b"{}", Content_Type="application/json")).status_code == 415
    for body in (b"family=%FF", b"family=a%00b", b"&".join([b"family=a"] * 300)):
        assert (await gateway.call("demo-epr", "POST", path, body, **form)).status_code == 400
    assert (await gateway.call("demo-epr", "POST", path, b"_format=xml", **form)).status_code == 406


async def test_r15_what_is_unknown_is_left_out_and_told(gateway: Running) -> None:
    patient = await create_patient(gateway, "Harrow")

    bundle = await search(gateway, "Patient?colour=blue&_sort=colour&_include=Patient:colour&family=harrow")

    assert shown(bundle) == [patient["id"]]
    assert link(bundle, "self") == "Patient?family=harrow&_count=50"
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert [issue["severity"] for issue in outcome["resource"]["issue"]] == ["warning"] * 3
    assert bundle["total"] == 1


@pytest.mark.parametrize(
    "query", ["colour=blue", "_sort=colour", "_include=Patient:x", "_has:Task:x:y=1", "general-practitioner.x=1"]
)
async def test_r15_handling_strict_refuses_what_is_unknown(gateway: Running, query: str) -> None:
    assert (await ask(gateway, f"Patient?{query}")).status_code == 200

    strict = await ask(gateway, f"Patient?{query}", Prefer="handling=strict")

    assert strict.status_code == 400
    assert strict.json()["issue"][0]["code"] == "not-supported"


@pytest.mark.parametrize(
    "query",
    [
        "family",
        "family=",
        "family:phonetic=x",
        "birthdate=14/06/1971",
        "birthdate:exact=1971",
        "_count=many",
        "_count=-1",
        "_summary=short",
        "_total=maybe",
        "_include=*",
        "_include:recurse=Patient:link",
        "_revinclude=*",
        "_lastUpdated=yesterday",
        "_lastUpdated=gt2026-02-31",
        "_page=rubbish",
        "_has:Task:patient=1",
        "_has:Task:patient:status:below=a",
        "link:Patient.organization.name=x",
        "family.name=x",
        "organization:Patient=Group/1",
        "_id=" + ",".join("a" * 201),
        "&".join(["family=a"] * 201),
        "&".join(f"link:Patient.name=a{number}" for number in range(6)),
    ],
)
async def test_r16_what_cannot_be_read_is_refused_and_taught(gateway: Running, query: str) -> None:
    answer = await ask(gateway, f"Patient?{query}")

    assert answer.status_code == 400, answer.text
    assert len(answer.json()["issue"][0]["diagnostics"]) > 20
    assert "1971" not in answer.json()["issue"][0]["diagnostics"].replace("2026", "")


async def test_r16_commas_are_or_and_repeats_are_and(gateway: Running) -> None:
    one = await create_patient(gateway, "Harrow", gender="female")
    two = await create_patient(gateway, "Okoro", gender="male")

    assert await found(gateway, "Patient?family=harrow,okoro") == [one["id"], two["id"]]
    assert await found(gateway, "Patient?family=harrow,okoro&gender=male") == [two["id"]]
    assert await found(gateway, "Patient?family=harrow&family=okoro") == []


async def test_r16_many_alternatives(gateway: Running) -> None:
    numbers = [{"system": "https://northdale.example/rio/client-id", "value": str(number)} for number in range(30)]
    patients = [(await create_patient(gateway, "Harrow", identifier=[one]))["id"] for one in numbers[:3]]
    named = ",".join(f"{one['system']}|{one['value']}" for one in numbers)

    assert await found(gateway, f"Patient?identifier={named}") == patients
    assert await found(gateway, f"Patient?identifier={named}&_sort=-_id&_count=2") == patients[:0:-1]


async def test_r20_what_every_type_is_searched_by(gateway: Running) -> None:
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    tag = {"system": "https://northdale.example/tags", "code": "pilot"}
    patient = await create_patient(gateway, "Harrow", meta={"profile": [PROFILE], "tag": [tag], "security": [label]})
    await create_patient(gateway, "Okoro")
    updated = quote(patient["meta"]["lastUpdated"])

    for query in (
        f"_id={patient['id']}",
        f"_profile={PROFILE}",
        "_tag=https://northdale.example/tags|pilot",
        "_security=R",
        f"_lastUpdated={updated}",
        f"_lastUpdated=lt{updated},eq{updated}&_lastUpdated=ge2020",
    ):
        assert await found(gateway, f"Patient?{query}") == [patient["id"]], query
    assert await found(gateway, f"Patient?_id={patient['id']},nobody&_id=somebody") == []
    assert len(await found(gateway, f"Patient?_id:missing=false&_tag:not=pilot&_lastUpdated=ge{updated}")) == 1


@pytest.mark.parametrize("client", ["demo-epr-2"])
async def test_r15_nobody_finds_what_is_anothers(gateway: Running, client: str) -> None:
    patient = await create_patient(gateway, "Harrow", identifier=[{"system": "https://a.example", "value": "1"}])
    seen = await create(gateway, observation(patient))

    for query in (
        "Patient",
        "Patient?family=harrow",
        "Patient?identifier=https://a.example|1",
        f"Patient?_id={patient['id']}",
        "Patient?_sort=-_lastUpdated",
        "Patient?_lastUpdated=gt2020",
        f"Observation?patient={patient['id']}",
        "Observation?patient.family=harrow",
        "Patient?_has:Observation:patient:status=final",
    ):
        assert await found(gateway, query, client) == [], query
        assert await found(gateway, query) in ([patient["id"]], [seen["id"]]), query
    assert (await search(gateway, "Patient?_summary=count", client))["total"] == 0
    assert (await ask(gateway, f"Patient/{patient['id']}/Observation", client)).status_code == 404
    assert (await ask(gateway, f"Patient/{patient['id']}/$everything", client)).status_code == 404


async def test_what_is_not_stored_is_not_searched(gateway: Running) -> None:
    assert (await ask(gateway, "Account?status=active")).status_code == 404
    assert (await post_search(gateway, "Account", {"status": "active"})).status_code == 404
