"""Chains and _has: what a resource refers to, and what refers to it (R4 search.html#chaining, #has)."""

import pytest
from tests.app import Json, Running
from tests.fhir.search.asking import ask, create, create_patient, found, link, observation, search

from gateway.security import Caller

NHS = "https://fhir.nhs.uk/Id/nhs-number"
MARGARET: Json = {"identifier": [{"system": NHS, "value": "9992047186"}], "address": [{"postalCode": "XN1 4QF"}]}


@pytest.fixture
async def people(gateway: Running) -> list[Json]:
    """Margaret Harrow and Sam Okoro, an Observation of each, in this order."""
    margaret = await create_patient(gateway, "Harrow", gender="female", **MARGARET)
    sam = await create_patient(gateway, "Okoro", birthDate="1990-01-01")
    return [margaret, sam, *[await create(gateway, observation(one)) for one in (margaret, sam)]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("subject:Patient.name=harrow", [2]),
        ("subject:Patient.identifier=9992047186", [2]),
        ("patient.family:exact=Okoro", [3]),
        ("patient.family=harrow,okoro", [2, 3]),
        ("patient.family=harrow&patient.gender=male", []),
        ("patient.family=nobody", []),
        ("patient.gender:missing=true", [3]),
        ("subject:Group.identifier=9992047186", []),
        ("patient:birthdate=1990-01-01", [3]),  # as BaRS spells it
        ("patient:name=harr", [2]),
        ("patient:address-postalcode=XN14QF", [2]),
        (f"patient:identifier={NHS}|9992047186", [2]),
        (f"patient:identifier={NHS}|9990000000", []),
    ],
)
async def test_r16_chains_of_one_step(gateway: Running, people: list[Json], query: str, expected: list[int]) -> None:
    bundle = await search(gateway, f"Observation?{query}")

    assert [entry["resource"]["id"] for entry in bundle.get("entry", [])] == [people[at]["id"] for at in expected]
    assert "Observation?" in (link(bundle, "self") or "")


async def test_r16_an_identifier_in_place_of_a_reference(gateway: Running, people: list[Json]) -> None:
    logical = {"type": "Patient", "identifier": {"system": NHS, "value": "9992047186"}}
    seen = await create(gateway, observation(subject=logical))

    assert await found(gateway, f"Observation?subject:identifier={NHS}|9992047186") == [seen["id"]]
    assert await found(gateway, f"Observation?patient:identifier={NHS}|9992047186") == [people[2]["id"], seen["id"]]


async def test_r16_a_chain_must_say_which_type_of_many(gateway: Running) -> None:
    answer = await ask(gateway, "Task?focus.status=active")

    assert answer.status_code == 400
    assert "focus:" in answer.json()["issue"][0]["diagnostics"]


async def test_r16_the_chain_of_a_task_to_its_request(gateway: Running) -> None:
    task = await gateway.refer()

    assert await found(gateway, "Task?focus:ServiceRequest.code=871731000000106") == [task["id"]]
    assert await found(gateway, "Task?focus:ServiceRequest.priority=urgent") == []
    assert await found(gateway, "Task?patient.family=harrow") == [task["id"]]


async def test_r16_has_finds_what_is_referred_to(gateway: Running, people: list[Json]) -> None:
    task = await gateway.refer()
    request = task["focus"]["reference"].removeprefix("ServiceRequest/")

    assert await found(gateway, "ServiceRequest?_has:Task:focus:status=requested") == [request]
    assert await found(gateway, "ServiceRequest?_has:Task:focus:status=completed") == []
    assert await found(gateway, "ServiceRequest?_has:Task:focus:status:not=completed&status=active") == [request]
    assert await found(gateway, "Patient?_has:Observation:patient:status=final&family=okoro") == [people[1]["id"]]


@pytest.mark.parametrize(
    ("scope", "query", "status"),
    [
        ("system/Observation.s", "Observation?patient.family=harrow", 403),
        ("system/Observation.s system/Patient.s", "Observation?patient.family=harrow", 200),
        ("system/Patient.s", "Patient?_has:Observation:patient:status=final", 403),
        ("system/Patient.s", "Patient?_revinclude=Observation:patient", 403),
        ("system/Patient.rs", "Patient/{}/Observation", 403),
    ],
)
async def test_r15_a_search_tells_nothing_of_types_that_the_token_does_not_allow(
    gateway: Running, people: list[Json], scope: str, query: str, status: int
) -> None:
    narrow(gateway, scope)

    assert (await ask(gateway, query.format(people[0]["id"]), "narrow")).status_code == status


async def test_r18_nothing_is_included_that_the_token_may_not_read(gateway: Running, people: list[Json]) -> None:
    for scope, types in (("system/Observation.s", set()), ("system/Observation.s system/Patient.r", {"Patient"})):
        narrow(gateway, scope)
        bundle = await search(gateway, "Observation?_include=Observation:subject", "narrow")
        entries = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "include"]
        assert {one["resourceType"] for one in entries} == types


def narrow(gateway: Running, scope: str) -> None:
    """Gives the client `narrow` a token of the first trust with these scopes."""
    caller = Caller("demo-epr", "XND01", "epr", frozenset(scope.split()))
    gateway.tokens["narrow"] = gateway.app.state.gatekeeper.issue(caller)


async def test_r16_many_types_are_told_by_the_one_often_meant(gateway: Running) -> None:
    answer = await ask(gateway, "Task?focus.status=active")

    assert answer.status_code == 400
    assert "focus:ServiceRequest.status" in answer.json()["issue"][0]["diagnostics"]
