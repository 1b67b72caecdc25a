"""All of one patient: the compartment, and $everything (R4 compartments, patient-operation-everything.html)."""

import pytest
from tests.app import Json, Running
from tests.fhir.search.asking import ask, create, create_patient, found, link, observation, post_search, search, shown


@pytest.fixture
async def patients(gateway: Running) -> list[Json]:
    """One with two observations and a Communication that they sent; and another with one."""
    one, other = await create_patient(gateway, "Harrow"), await create_patient(gateway, "Okoro")
    practitioner = await create(gateway, {"resourceType": "Practitioner", "name": [{"family": "Osei"}]})
    by = {"performer": [{"reference": f"Practitioner/{practitioner['id']}"}]}
    first = await create(gateway, observation(one, effectiveDateTime="2026-01-15", **by))
    second = await create(gateway, observation(one, effectiveDateTime="2026-02-15"))
    sent = {"resourceType": "Communication", "status": "completed", "sender": {"reference": f"Patient/{one['id']}"}}
    await create(gateway, observation(other))
    return [one, first, second, await create(gateway, sent), practitioner]


async def test_r35_a_search_in_the_compartment(gateway: Running, patients: list[Json]) -> None:
    one, first, second, sent, _ = [each["id"] for each in patients]

    assert await found(gateway, f"Patient/{one}/Observation") == [first, second]
    assert await found(gateway, f"Patient/{one}/Observation?date=2026-02") == [second]
    assert await found(gateway, f"Patient/{one}/Communication") == [sent]
    assert await found(gateway, f"Patient/{one}/ServiceRequest") == []
    posted = await post_search(gateway, f"Patient/{one}/Observation", {"date": "2026-01"})
    assert shown(posted.json()) == [first]
    page = await search(gateway, f"Patient/{one}/Observation?_count=1")
    assert shown(await search(gateway, link(page, "next") or "")) == [second]
    assert (link(page, "self") or "").startswith(f"Patient/{one}/Observation?")


async def test_r35_the_tasks_and_requests_of_a_patient(gateway: Running) -> None:
    task, other = await gateway.refer(), await gateway.refer()

    assert await found(gateway, f"{task['for']['reference']}/Task") == [task["id"]]
    assert await found(gateway, f"{other['for']['reference']}/Task?status=requested") == [other["id"]]
    requests = await found(gateway, f"{task['for']['reference']}/ServiceRequest")
    assert [f"ServiceRequest/{one}" for one in requests] == [task["focus"]["reference"]]


async def test_r35_what_has_no_compartment(gateway: Running, patients: list[Json]) -> None:
    for path in (f"Patient/{patients[0]['id']}/Organization", f"Patient/{patients[0]['id']}/Nothing", "Patient/x/Task"):
        assert (await ask(gateway, path)).status_code == 404
    assert (await ask(gateway, f"Practitioner/{patients[0]['id']}/Task")).status_code == 404


async def test_r26_everything(gateway: Running, patients: list[Json]) -> None:
    one, first, second, sent, practitioner = [each["id"] for each in patients]

    bundle = await search(gateway, f"Patient/{one}/$everything")

    assert shown(bundle) == [one, sent, first, second]
    assert shown(bundle, "include") == [practitioner]
    assert (bundle["type"], bundle["total"], link(bundle, "next")) == ("searchset", 4, None)
    assert bundle["entry"][0]["resource"] == patients[0]


async def test_r26_everything_page_by_page(gateway: Running, patients: list[Json]) -> None:
    one, first, second, sent, _ = [each["id"] for each in patients]
    seen, url = [], link(await search(gateway, f"Patient/{one}/$everything?_count=1"), "self")
    while url:
        bundle = await search(gateway, url)
        seen.append(shown(bundle))
        url = link(bundle, "next")

    assert seen == [[one], [sent], [first], [second]]


async def test_r26_part_of_everything(gateway: Running, patients: list[Json]) -> None:
    one, first, second, sent, _ = [each["id"] for each in patients]
    everything = f"Patient/{one}/$everything"

    assert await found(gateway, f"{everything}?_type=Observation") == [first, second]
    assert await found(gateway, f"{everything}?_type=Patient") == [one]
    assert await found(gateway, f"{everything}?start=2026-02-01&_type=Observation") == [second]
    assert await found(gateway, f"{everything}?start=2026-01-01&end=2026-01-15") == [one, sent, first]
    since = patients[2]["meta"]["lastUpdated"]
    assert await found(gateway, f"{everything}?_since={since}") == [sent, second]


@pytest.mark.parametrize("query", ["start=soon", "_type=Account", "_count=all", "_since=now", "_page=x"])
async def test_r26_what_everything_cannot_be_asked(gateway: Running, patients: list[Json], query: str) -> None:
    everything = f"Patient/{patients[0]['id']}/$everything"

    assert (await ask(gateway, f"{everything}?{query}")).status_code == 400
    assert (await ask(gateway, f"{everything}?colour=blue", Prefer="handling=strict")).status_code == 400
    assert (await ask(gateway, f"{everything}?colour=blue")).status_code == 200


async def test_r26_a_whole_referral(gateway: Running) -> None:
    task = await gateway.refer()

    bundle = await search(gateway, f"{task['for']['reference']}/$everything")

    types = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert types == ["Patient", "Consent", "ServiceRequest", "Task", "Organization", "PractitionerRole"]
