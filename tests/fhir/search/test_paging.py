"""Pages: stable while resources are written and changed, opaque, and of bounded cost (R4 http.html#paging)."""

import pytest
from tests.app import BASE, Json, Running
from tests.fhir.search.asking import ask, create_patient, found, link, post_search, search, shown

from gateway.finding import searching


async def pages(gateway: Running, query: str, between: list[Json] | None = None) -> list[str]:
    """The ids of all pages; after each of the first ones, a patient of `between` is changed, and a new one created."""
    ids, url = [], link(await search(gateway, query), "self")
    changes = iter(between or [])
    while url:
        page = await search(gateway, url)
        ids += shown(page)
        url = link(page, "next")
        for patient in [one for one in [next(changes, None)] if one]:
            await change(gateway, patient)
            await create_patient(gateway, "Newcomer")
    return ids


async def change(gateway: Running, patient: Json) -> None:
    moved = patient | {"address": [{"city": "Eastmere"}]}
    answer = await gateway.call("demo-epr", "PUT", f"/FHIR/R4/Patient/{patient['id']}", moved)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "query",
    [
        "Patient?_count=2",
        "Patient?_count=2&_sort=-_id",
        "Patient?_count=2&_sort=_lastUpdated",
        "Patient?_count=2&_sort=-_lastUpdated",
        "Patient?_count=2&_lastUpdated=gt2020",
        "Patient?_count=2&_sort=family,-birthdate",
        "Patient?_count=2&_sort=-family",
        "Patient?_count=2&family=family&_sort=-_lastUpdated",
        "Patient?_count=2&birthdate=1971-06-14",
        "Patient?_count=2&name=family&_sort=-_id",
    ],
)
async def test_r17_nothing_is_lost_or_repeated_while_others_write(gateway: Running, query: str) -> None:
    patients = [await create_patient(gateway, f"Family{number % 3}") for number in range(7)]
    ids = [one["id"] for one in patients]
    before = await found(gateway, query.replace("_count=2", "_count=50"))
    assert sorted(before) == sorted(ids)

    seen = await pages(gateway, query, between=[patients[0], patients[6], patients[3]])

    assert [one for one in seen if one in ids] == before


async def test_r17_a_poll_hears_each_change_once(gateway: Running) -> None:
    patients = [await create_patient(gateway, "Harrow") for _ in range(5)]
    since = patients[-1]["meta"]["lastUpdated"]
    await change(gateway, patients[3])
    await change(gateway, patients[1])

    assert await pages(gateway, f"Patient?_lastUpdated=gt{since}&_count=1") == [patients[3]["id"], patients[1]["id"]]


async def test_r17_order_is_told_and_kept(gateway: Running) -> None:
    births = ["1980", "1971-06-14", None, "1971-06-15"]
    ids = [
        (
            await create_patient(gateway, "X", birthDate=birth)
            if birth
            else await create_patient(gateway, "Y", birthDate="1999")
        )["id"]
        for birth in births
    ]

    assert await found(gateway, "Patient?_sort=birthdate") == [ids[1], ids[3], ids[0], ids[2]]
    assert await found(gateway, "Patient?_sort=-birthdate") == [ids[2], ids[0], ids[3], ids[1]]
    assert await found(gateway, "Patient?_sort=-family,birthdate") == [ids[2], ids[1], ids[3], ids[0]]
    assert await found(gateway, "Patient?_sort=gender,_id") == ids  # what none has orders nothing


async def test_r17_count_and_total(gateway: Running) -> None:
    for family in ("Harrow", "Harrow", "Okoro"):
        await create_patient(gateway, family)

    assert (await search(gateway, "Patient?family=harrow"))["total"] == 2
    assert "total" not in await search(gateway, "Patient?_count=1")  # not known, not asked for
    assert "total" not in await search(gateway, "Patient?_total=none")
    accurate = await search(gateway, "Patient?_count=1&_total=accurate")
    assert accurate["total"] == 3
    assert (await search(gateway, link(accurate, "next") or ""))["total"] == 3
    for query in ("_count=0", "_summary=count"):
        bundle = await search(gateway, f"Patient?birthdate=1971-06-14&family=harrow&{query}")
        assert (bundle["total"], "entry" in bundle) == (2, False)
    assert (await search(gateway, "Patient?_count=0"))["total"] == 3
    assert link(await search(gateway, "Patient?_count=9999"), "self") == "Patient?_count=200"


async def test_r17_next_links_tell_nothing(gateway: Running) -> None:
    for _ in range(3):
        await create_patient(gateway, "Harrow")

    page = (await post_search(gateway, "Patient", {"family": "harrow", "_count": "2"})).json()
    url = link(page, "next")

    assert url
    assert "harrow" not in url.casefold()
    rest = await search(gateway, url)
    assert len(shown(page)) + len(shown(rest)) == 3
    assert link(rest, "next") is None


async def test_r17_a_page_is_good_for_its_own_search_only(gateway: Running) -> None:
    for client in ("demo-epr", "demo-epr-2"):
        for _ in range(2):
            await create_patient(gateway, "Harrow", client)
    url = link(await search(gateway, "Patient?_count=1"), "next") or ""
    word = url.partition("_page=")[2]

    assert (await ask(gateway, url)).status_code == 200
    for query, client in (
        (url, "demo-epr-2"),
        (f"Task?_page={word}", "demo-epr"),
        (f"Patient?_page={word[:-2]}aa", "demo-epr"),
        (f"Patient?_page={word}&family=x", "demo-epr"),
        (f"Patient?_page={word}&_page={word}", "demo-epr"),
        (f"Patient?_page={'a' * 30_000}", "demo-epr"),
        (f"Patient?_page={word.replace('.', '')}", "demo-epr"),
    ):
        answer = await ask(gateway, query, client)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "invalid"), query[:60]


async def test_r17_a_page_ends_where_too_much_was_looked_at(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [await create_patient(gateway, "Harrow", gender=gender) for gender in ("male", *["female"] * 6, "male")]
    monkeypatch.setattr(searching, "READ", 4)

    for query in ("Patient?gender=male&_count=1", "Patient?gender=male&_count=1&_sort=_lastUpdated"):
        assert await pages(gateway, query) == [wanted[0]["id"], wanted[-1]["id"]]
    first = await search(gateway, "Patient?gender=male&_count=5")
    assert (shown(first), "total" in first) == ([wanted[0]["id"]], False)
    assert link(first, "next")


async def test_r17_what_costs_too_much_is_refused_with_a_way_out(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await create_patient(gateway, "Harrow")
    monkeypatch.setattr(searching, "FEW", 3)
    monkeypatch.setattr(searching, "COUNTED", 3)
    monkeypatch.setattr(searching, "COUNTED_BY_INDEX", 3)

    for query in (
        "Patient?_sort=family",
        "Patient?family=harrow&_sort=birthdate",
        "Patient?_summary=count",
        "Patient?gender:missing=true&_total=accurate&_count=1",
        "Observation?patient.family=harrow",
        "RelatedPerson?patient.birthdate=1971-06-14",
    ):
        answer = await ask(gateway, query)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly"), query
    assert len(await found(gateway, "Patient?family=harrow&birthdate=1971-06-14")) == 4
    assert len(await found(gateway, "Patient?family=harrow&_sort=-_lastUpdated")) == 4
    assert BASE not in answer.json()["issue"][0]["diagnostics"]
