"""Sorted pages show what was found when the first was made, whatever changes meanwhile (R4 http.html#paging)."""

import pytest
from tests.app import Json, Running
from tests.fhir.search.asking import ask, create, create_patient, link, observation, search, shown

from gateway.finding import searching


async def change(gateway: Running, resource: Json, **elements: str | list[Json]) -> None:
    path = f"/FHIR/R4/{resource['resourceType']}/{resource['id']}"
    answer = await gateway.call("demo-epr", "PUT", path, resource | elements)
    assert answer.status_code == 200, answer.text


async def requests(gateway: Running) -> list[Json]:
    subject = {"reference": f"Patient/{(await create_patient(gateway, 'Harrow'))['id']}"}
    draft = {"resourceType": "ServiceRequest", "status": "draft", "intent": "plan", "code": {"text": "Advice"}}
    return [await create(gateway, draft | {"subject": subject, "authoredOn": f"2026-01-0{day}"}) for day in range(1, 7)]


async def rest(gateway: Running, first: Json) -> list[str]:
    """The ids of all pages from this one on."""
    ids, url = shown(first), link(first, "next")
    while url:
        page = await search(gateway, url)
        ids, url = ids + shown(page), link(page, "next")
    return ids


@pytest.mark.parametrize("sort", ["authored", "-authored", "_lastUpdated", "-_lastUpdated"])
async def test_r17_what_no_longer_matches_keeps_its_place(gateway: Running, sort: str) -> None:
    drafts = await requests(gateway)
    ids = [one["id"] for one in drafts]

    first = await search(gateway, f"ServiceRequest?status=draft&_sort={sort}&_count=2")
    await change(gateway, drafts[3], status="entered-in-error")
    await change(gateway, drafts[2], authoredOn="2026-02-01")

    assert await rest(gateway, first) == (ids[::-1] if sort.startswith("-") else ids)


async def test_r17_what_comes_to_match_waits_for_the_next_search(gateway: Running) -> None:
    drafts = await requests(gateway)
    await change(gateway, drafts[5], status="entered-in-error")

    first = await search(gateway, "ServiceRequest?status=draft&_sort=authored&_count=2")
    await change(gateway, drafts[4], status="entered-in-error")
    await requests(gateway)

    assert await rest(gateway, first) == [one["id"] for one in drafts[:5]]


@pytest.mark.parametrize("query", ["Observation?patient.family=harrow", "Observation?subject:Patient.gender=female"])
async def test_r17_what_links_came_to_is_kept_too(gateway: Running, query: str) -> None:
    patient = await create_patient(gateway, "Harrow", gender="female")
    ids = [(await create(gateway, observation(patient, issued=f"2026-01-0{day}T09:00:00Z")))["id"] for day in (1, 2, 3)]

    first = await search(gateway, f"{query}&_sort=_lastUpdated&_count=1")
    await change(gateway, patient, name=[{"family": "Okoro"}], gender="male")

    assert await rest(gateway, first) == ids


async def test_r17_after_too_many_changes_a_search_starts_anew(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = await requests(gateway)
    first = await search(gateway, "ServiceRequest?status=draft&_sort=authored&_count=2")
    for one in drafts[:4]:
        await change(gateway, one, status="entered-in-error")
    monkeypatch.setattr(searching, "READ", 3)

    answer = await ask(gateway, link(first, "next") or "")

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")
    assert "search anew" in answer.json()["issue"][0]["diagnostics"]
