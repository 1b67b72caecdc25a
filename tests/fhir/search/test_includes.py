"""What is shown beside the matches (R4 search.html#revinclude)."""

import pytest
from tests.app import Json, Running
from tests.fhir.search.asking import ask, create, create_patient, link, observation, search, shown

from gateway.finding import includes
from gateway.search import includes_of, revincludes_of


async def test_r18_include_what_a_task_refers_to(gateway: Running) -> None:
    task = await gateway.refer()

    bundle = await search(gateway, "Task?_include=Task:focus&_include=Task:patient&_include=Task:output&_count=5")

    assert shown(bundle) == [task["id"]]
    included = {entry["fullUrl"].split("/R4/")[1] for entry in bundle["entry"] if entry["search"]["mode"] == "include"}
    assert included == {task["focus"]["reference"], task["for"]["reference"]}
    assert bundle["total"] == 1
    assert "_include=Task%3Afocus" in (link(bundle, "self") or "")


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("_include=ServiceRequest:requester", {"PractitionerRole"}),
        ("_include=ServiceRequest:requester&_include:iterate=PractitionerRole:organization",
         {"PractitionerRole", "Organization"}),
        ("_include=PractitionerRole:organization", set()),  # of matches only, and these are requests
        ("_include=ServiceRequest:subject:Patient", {"Patient"}),
        ("_include=ServiceRequest:subject:Group", set()),
        ("_include=ServiceRequest:supporting-info&_include=ServiceRequest:patient", {"Consent", "Patient"}),
        ("_revinclude=Task:focus", {"Task"}),
        ("_revinclude=Task:focus&_include:iterate=Task:patient&_revinclude:iterate=Consent:patient",
         {"Task", "Patient", "Consent"}),
    ],
)  # fmt: skip
async def test_r18_which_types_come_along(gateway: Running, query: str, types: set[str]) -> None:
    await gateway.refer()

    bundle = await search(gateway, f"ServiceRequest?status=active&{query}")

    entries = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "include"]
    assert {one["resourceType"] for one in entries} == types
    assert len({one["id"] for one in entries}) == len(entries)


async def test_r18_each_once_and_a_match_is_no_include(gateway: Running) -> None:
    patient = await create_patient(gateway, "Harrow")
    first = await create(gateway, observation(patient))
    second = await create(gateway, observation(patient, derivedFrom=[{"reference": f"Observation/{first['id']}"}]))

    bundle = await search(gateway, "Observation?_include=Observation:subject&_include=Observation:derived-from")

    assert shown(bundle) == [first["id"], second["id"]]
    assert shown(bundle, "include") == [patient["id"]]


async def test_r18_ten_at_most_and_each_once(gateway: Running) -> None:
    patient = await create_patient(gateway, "Harrow")
    seen = await create(gateway, observation(patient))

    repeated = await search(gateway, "Patient?" + "&".join(["_revinclude=Observation:subject"] * 150))
    assert shown(repeated, "include") == [seen["id"]]
    assert link(repeated, "self") == "Patient?_revinclude=Observation%3Asubject&_count=50"

    wanted = [f"_revinclude={one}" for one in revincludes_of("Patient")]
    assert (await ask(gateway, f"Patient?{'&'.join(wanted[:10])}")).status_code == 200
    answer = await ask(gateway, f"Patient?_include=Patient:link&{'&'.join(wanted[:10])}")
    assert answer.status_code == 400
    assert "10 _include and _revinclude at most" in answer.json()["issue"][0]["diagnostics"]


async def test_r18_iterate_follows_a_line_to_its_end(gateway: Running) -> None:
    line: list[Json] = []
    for _ in range(4):
        part: Json = {"derivedFrom": [{"reference": f"Observation/{line[-1]['id']}"}]} if line else {}
        line.append(await create(gateway, observation(**part)))

    once = await search(gateway, f"Observation?_id={line[3]['id']}&_include=Observation:derived-from")
    whole = await search(gateway, f"Observation?_id={line[3]['id']}&_include:iterate=Observation:derived-from")

    assert shown(once, "include") == [line[2]["id"]]
    assert shown(whole, "include") == [line[2]["id"], line[1]["id"], line[0]["id"]]


async def test_r18_too_much_beside_is_cut_and_told(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = await create_patient(gateway, "Harrow")
    for _ in range(3):
        await create(gateway, observation(patient))
    monkeypatch.setattr(includes, "MOST", 2)

    bundle = await search(gateway, "Patient?_revinclude=Observation:patient")

    assert len(shown(bundle, "include")) == 2
    assert bundle["entry"][-1]["resource"]["issue"][0]["code"] == "incomplete"


async def test_r18_what_is_declared_is_served(gateway: Running) -> None:
    declared = [("_include", one) for one in includes_of("Task")] + [
        ("_revinclude", one) for one in revincludes_of("Task")
    ]
    assert ("_include", "Task:output") in declared
    assert ("_revinclude", "Provenance:target") in declared
    for name, value in declared:
        answer = await ask(gateway, f"Task?{name}={value}", Prefer="handling=strict")
        assert answer.status_code == 200, value
