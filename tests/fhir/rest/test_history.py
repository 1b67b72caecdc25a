"""R13: what there was, newest first: of one resource, and of all of a type."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import update
from tests.app import BASE, Json, Running, issues_of
from tests.fhir.rest.calls import may, patient, send, stored

from gateway.ids import instant
from gateway.store.schema import referral, resource

JSON_PATCH = "application/json-patch+json"


async def history(gateway: Running, path: str) -> Json:
    answer = await send(gateway, "GET", path)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert (found["resourceType"], found["type"]) == ("Bundle", "history")
    return found


def versions(found: Json) -> list[tuple[str, str]]:
    entries = found.get("entry", [])
    return [(entry["resource"]["id"], entry["resource"]["meta"]["versionId"]) for entry in entries]


async def three_versions(gateway: Running) -> Json:
    """A Patient created, updated and patched."""
    kept = await stored(gateway, patient())
    path = f"Patient/{kept['id']}"
    await send(gateway, "PUT", path, kept | {"active": True})
    change = [{"op": "replace", "path": "/active", "value": False}]
    assert (await send(gateway, "PATCH", path, change, Content_Type=JSON_PATCH)).status_code == 200
    return kept


async def test_r13_each_version_with_what_made_it(gateway: Running) -> None:
    kept = await three_versions(gateway)
    path = f"Patient/{kept['id']}"

    found = await history(gateway, f"{path}/_history")

    assert found["total"] == 3
    assert [entry["request"] for entry in found["entry"]] == [
        {"method": "PATCH", "url": path},
        {"method": "PUT", "url": path},
        {"method": "POST", "url": "Patient"},
    ]
    assert [entry["response"]["status"] for entry in found["entry"]] == ["200 OK", "200 OK", "201 Created"]
    for entry, version in zip(found["entry"], (3, 2, 1), strict=True):
        assert entry["fullUrl"] == f"{BASE}/FHIR/R4/{path}"
        assert entry["response"]["etag"] == f'W/"{version}"'
        assert entry["response"]["location"] == f"{BASE}/FHIR/R4/{path}/_history/{version}"
        assert entry["response"]["lastModified"] == entry["resource"]["meta"]["lastUpdated"]
    assert [entry["resource"].get("active") for entry in found["entry"]] == [False, True, None]


async def test_r13_the_history_of_a_type(gateway: Running) -> None:
    first, second = await three_versions(gateway), await stored(gateway, patient())
    await stored(gateway, {"resourceType": "Organization", "name": "Northdale"})
    await gateway.call("demo-epr-2", "POST", "/FHIR/R4/Patient", patient())

    found = await history(gateway, "Patient/_history")

    assert set(versions(found)) == {(second["id"], "1"), *((first["id"], version) for version in "321")}
    times = [entry["resource"]["meta"]["lastUpdated"] for entry in found["entry"]]
    assert times == sorted(times, reverse=True)
    assert "total" not in found


@pytest.mark.parametrize("of_type", [True, False])
async def test_r13_pages_stay_as_they_were_while_more_is_written(gateway: Running, of_type: bool) -> None:
    kept = await stored(gateway, patient())
    path = f"Patient/{kept['id']}"
    for number in range(6):
        await send(gateway, "PUT", path, kept | {"multipleBirthInteger": number})
    whole = versions(await history(gateway, f"{path}/_history"))
    seen, url = [], f"{'Patient' if of_type else path}/_history?_count=3"

    while url:
        page = await history(gateway, url)
        seen += versions(page)
        url = next((one["url"] for one in page["link"] if one["relation"] == "next"), "").removeprefix(
            f"{BASE}/FHIR/R4/"
        )
        await send(gateway, "PUT", path, kept | {"multipleBirthInteger": 10 + len(seen)})
        await stored(gateway, patient())

    assert seen == whole


async def test_r13_since_a_moment(gateway: Running) -> None:
    kept = await three_versions(gateway)
    path = f"Patient/{kept['id']}/_history"
    second = (await history(gateway, path))["entry"][1]["resource"]["meta"]["lastUpdated"]
    later = instant(datetime.fromisoformat(second) + timedelta(days=1))

    since = await history(gateway, f"{path}?_since={second}")
    of_type = await history(gateway, f"Patient/_history?_since={quote(second.replace('Z', '+00:00'))}")

    assert [version for _, version in versions(since)] == ["3", "2"]
    assert versions(of_type) == versions(since)
    assert since["link"] == [{"relation": "self", "url": f"{BASE}/FHIR/R4/{path}?_since={quote(second)}"}]
    nothing = await history(gateway, f"{path}?_since={later}")
    assert (nothing["total"], versions(nothing)) == (0, [])


async def test_r13_what_was_current_at_a_moment(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    await asyncio.sleep(0.005)
    path = f"Patient/{kept['id']}"
    changed = (await send(gateway, "PUT", path, kept | {"active": True})).json()["meta"]["lastUpdated"]
    between = instant(datetime.fromisoformat(changed) - timedelta(milliseconds=1))

    for of in (path, "Patient"):
        assert [version for _, version in versions(await history(gateway, f"{of}/_history?_at={between}"))] == ["1"]
        assert [version for _, version in versions(await history(gateway, f"{of}/_history?_at={changed}"))] == ["2"]
        assert versions(await history(gateway, f"{of}/_history?_at=2020-02")) == []
        assert len(versions(await history(gateway, f"{of}/_history?_at={changed[:4]}"))) == 2


async def test_r13_a_count_of_none_tells_how_many(gateway: Running) -> None:
    kept = await three_versions(gateway)

    found = await history(gateway, f"Patient/{kept['id']}/_history?_count=0")

    assert (found["total"], "entry" in found, len(found["link"])) == (3, False, 1)


@pytest.mark.parametrize("path", ["Patient/_history", "Patient/{id}/_history"])
@pytest.mark.parametrize(
    "query",
    [
        "_since=yesterday",
        "_since=2026-02-31",
        "_since=0000",
        "_at=",
        "_count=-1",
        "_count=%C2%B2",
        "_page=rubbish",
    ],
)
async def test_r13_what_is_not_understood_is_told(gateway: Running, path: str, query: str) -> None:
    kept = await stored(gateway, patient())

    answer = await send(gateway, "GET", f"{path.format(id=kept['id'])}?{query}")

    assert answer.status_code == 400, answer.text


async def test_r13_whose_history(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    async def status(client: str, path: str) -> Any:
        answer = await gateway.call(client, "GET", f"/FHIR/R4/{path}")
        return answer.status_code, answer.json().get("entry")

    assert await status("demo-epr-2", f"Patient/{kept['id']}/_history") == (404, None)
    assert await status("demo-epr-2", "Patient/_history") == (200, None)
    assert (await status(may(gateway, "system/Patient.r"), f"Patient/{kept['id']}/_history"))[0] == 200
    assert (await status(may(gateway, "system/Patient.r"), "Patient/_history"))[0] == 403
    assert (await status("demo-epr", "_history"))[0] == 404
    assert (await status("demo-epr", "Wombat/_history"))[0] == 404


async def test_r13_versions_of_one_resource_stand_in_their_order_whatever_the_clock_said(gateway: Running) -> None:
    kept = await three_versions(gateway)
    async with gateway.store.transaction() as connection:
        later = update(resource).where(resource.c.version == 2)
        await connection.execute(later.values(updated_at=datetime(2050, 1, 1, tzinfo=UTC)))
    path = f"Patient/{kept['id']}/_history"

    assert [version for _, version in versions(await history(gateway, path))] == ["3", "2", "1"]
    first = await history(gateway, f"{path}?_count=2")
    second = await history(gateway, first["link"][1]["url"].removeprefix(f"{BASE}/FHIR/R4/"))
    assert [version for _, version in versions(first) + versions(second)] == ["3", "2", "1"]


async def test_r13_no_version_of_a_task_is_older_than_the_one_before_it(gateway: Running) -> None:
    task = await gateway.refer()
    ahead = datetime(2050, 1, 1, tzinfo=UTC)  # as if another process' clock were, or it had come first to the lock
    async with gateway.store.transaction() as connection:
        await connection.execute(update(referral).values(updated_at=ahead))
        await connection.execute(update(resource).where(resource.c.type == "Task").values(updated_at=ahead))

    await gateway.call("demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/transitions", {"to": "received"})

    moved = (await history(gateway, f"Task/{task['id']}/_history"))["entry"][0]["resource"]["meta"]
    assert (moved["versionId"], moved["lastUpdated"]) == ("2", instant(ahead))


async def test_r13_a_parameter_that_is_not_known(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    for path in (f"Patient/{kept['id']}/_history", "Patient/_history"):
        lenient = await history(gateway, f"{path}?colour=blue&_count=1&_format=json")
        assert lenient["link"][0]["url"] == f"{BASE}/FHIR/R4/{path}?_count=1"
        strict = await send(gateway, "GET", f"{path}?colour=blue&_format=json", Prefer="handling=strict")
        assert (strict.status_code, issues_of(strict)) == (400, [("not-supported", None)])
        known = await send(gateway, "GET", f"{path}?_since=2020&_format=json", Prefer="handling=strict")
        assert known.status_code == 200
