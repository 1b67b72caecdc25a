"""Reading back: by id, version, history and search; each trust sees its own and nothing else."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.app import BASE, Json, Running, reference_in, referral_bundle, resource_of

from gateway.store.schema import audit


async def read(gateway: Running, path: str, client: str = "demo-epr") -> Json:
    answer = await gateway.call(client, "GET", f"/FHIR/R4/{path}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def found(gateway: Running, query: str, client: str = "demo-epr") -> list[str]:
    bundle = await read(gateway, query, client)
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


async def move(gateway: Running, task: Json, **change: Any) -> None:
    answer = await gateway.call("demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/transitions", change)
    assert answer.status_code == 200, answer.text


async def test_what_is_read_is_what_was_answered(gateway: Running) -> None:
    task = await gateway.refer()

    answer = await gateway.call("demo-epr", "GET", f"/FHIR/R4/Task/{task['id']}")

    assert answer.json() == task
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"].endswith("GMT")


async def test_each_change_is_a_version(gateway: Running) -> None:
    task = await gateway.refer()
    await move(gateway, task, to="received")
    await move(gateway, task, to="accepted")

    statuses = [(await read(gateway, f"Task/{task['id']}/_history/{version}"))["status"] for version in (1, 2, 3)]
    history = await read(gateway, f"Task/{task['id']}/_history")

    assert statuses == ["requested", "received", "accepted"]
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["3", "2", "1"]
    assert [entry["request"]["method"] for entry in history["entry"]] == ["PUT", "PUT", "POST"]
    assert (await read(gateway, f"Task/{task['id']}"))["status"] == "accepted"


async def test_an_unchanged_version_is_not_sent_again(gateway: Running) -> None:
    task = await gateway.refer()

    answer = await gateway.call("demo-epr", "GET", f"/FHIR/R4/Task/{task['id']}", If_None_Match='W/"1"')

    assert (answer.status_code, answer.content) == (304, b"")


async def test_task_search(gateway: Running) -> None:
    first, second = await gateway.refer(), await gateway.refer()
    await move(gateway, first, to="received")
    own = resource_of(referral_bundle(), "ServiceRequest")["identifier"][0]["system"]
    assert own

    assert await found(gateway, "Task") == [first["id"], second["id"]]
    assert await found(gateway, "Task?status=received") == [first["id"]]
    assert await found(gateway, "Task?status=received,requested") == [first["id"], second["id"]]
    assert await found(gateway, f"Task?_id={second['id']}") == [second["id"]]
    assert await found(gateway, f"Task?focus={first['focus']['reference']}") == [first["id"]]
    assert await found(gateway, f"Task?patient={second['for']['reference']}") == [second["id"]]
    reference = f"{first['identifier'][-1]['system']}|{reference_in(first)}"
    assert await found(gateway, f"Task?identifier={quote(reference)}") == [first["id"]]


async def test_polling_by_last_updated(gateway: Running) -> None:
    first, second = await gateway.refer(), await gateway.refer()
    seen = second["meta"]["lastUpdated"]
    assert await found(gateway, f"Task?_lastUpdated=gt{seen}") == []

    await move(gateway, first, to="received")

    assert await found(gateway, f"Task?_lastUpdated=gt{seen}") == [first["id"]]
    assert await found(gateway, f"Task?_lastUpdated=le{seen}") == [second["id"]]
    assert await found(gateway, "Task?_lastUpdated=lt2020-01-01") == []


async def test_pages_follow_on_from_one_another(gateway: Running) -> None:
    ids = [(await gateway.refer())["id"] for _ in range(5)]
    seen, url = [], f"{BASE}/FHIR/R4/Task?_count=2"
    while url:
        page = (await gateway.call("demo-epr", "GET", url.removeprefix(BASE))).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert seen == ids


async def test_other_types_by_identifier(gateway: Running) -> None:
    task = await gateway.refer()

    rio = quote("https://northdale.example/rio/client-id|0012345")
    assert [f"Patient/{id_}" for id_ in await found(gateway, f"Patient?identifier={rio}")] == [task["for"]["reference"]]


async def test_the_self_link_tells_what_was_understood(gateway: Running) -> None:
    bundle = await read(gateway, "Task?status=received&colour=blue")
    assert bundle["link"][0]["url"] == f"{BASE}/FHIR/R4/Task?status=received&_count=50"

    strict = await gateway.call("demo-epr", "GET", "/FHIR/R4/Task?colour=blue", Prefer="handling=strict")
    assert strict.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "Task?_lastUpdated=yesterday",
        "Task?_lastUpdated=gt2026-02-31",
        "Task?_count=many",
        "Task?_page=rubbish",
    ],
)
async def test_a_search_that_cannot_be_answered_says_why(gateway: Running, query: str) -> None:
    answer = await gateway.call("demo-epr", "GET", f"/FHIR/R4/{query}")

    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["diagnostics"]


async def test_another_trust_sees_nothing_and_learns_nothing(gateway: Running) -> None:
    task = await gateway.refer()
    absent = "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"

    for path in ("Task/{}", "Task/{}/_history", "Task/{}/_history/1"):
        theirs = await gateway.call("demo-epr-2", "GET", f"/FHIR/R4/{path.format(task['id'])}")
        nobodys = await gateway.call("demo-epr-2", "GET", f"/FHIR/R4/{path.format(absent)}")
        assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content) == (404, theirs.content)
    assert await found(gateway, "Task", "demo-epr-2") == []
    assert await found(gateway, f"Task?_id={task['id']}", "demo-epr-2") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/FHIR/R4"),
        ("POST", "/FHIR/R4/$process-message"),
        ("POST", "/FHIR/R4/Task"),
        ("GET", "/FHIR/R4/Task"),
        ("GET", "/FHIR/R4/Task/1"),
        ("GET", "/platform/v1/referrals"),
        ("GET", "/_status"),
    ],
)
async def test_without_a_token_nothing(gateway: Running, method: str, path: str) -> None:
    answer = await gateway.call(None, method, path)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["issue"][0]["code"] == "login"


async def test_each_door_has_its_own_clients(gateway: Running) -> None:
    assert (await gateway.call("demo-platform", "GET", "/FHIR/R4/Task")).status_code == 403
    assert (await gateway.call("demo-epr", "GET", "/platform/v1/referrals")).status_code == 403


@pytest.mark.parametrize("path", ["/_ping", "/FHIR/R4/metadata", "/FHIR/R4/.well-known/smart-configuration"])
async def test_what_needs_no_token(gateway: Running, path: str) -> None:
    answer = await gateway.call(None, "GET", path)

    assert answer.status_code == 200


async def test_every_access_leaves_an_audit_row(gateway: Running) -> None:
    task = await gateway.refer(X_Request_Id="6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01")
    await gateway.call("demo-epr", "GET", f"/FHIR/R4/Task/{task['id']}")
    await gateway.call("demo-epr-2", "GET", f"/FHIR/R4/Task/{task['id']}")
    await gateway.call("demo-epr", "GET", "/FHIR/R4/Task?status=received")
    await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", {"resourceType": "Patient", "gender": "bogus"})
    await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{task['id']}")
    await move(gateway, task, to="received")

    async with gateway.store.reading() as connection:
        rows = (await connection.execute(audit.select().order_by(audit.c.id))).mappings().all()
    assert [(row["client_id"], row["action"], row["target"], row["outcome"]) for row in rows] == [
        ("demo-epr", "POST /FHIR/R4", f"Task/{task['id']}", 200),
        ("demo-epr", "GET /FHIR/R4/{type}/{id}", f"Task/{task['id']}", 200),
        ("demo-epr-2", "GET /FHIR/R4/{type}/{id}", f"Task/{task['id']}", 404),
        ("demo-epr", "GET /FHIR/R4/{type}", "Task", 200),
        ("demo-epr", "POST /FHIR/R4/{type}", "Patient", 422),
        ("demo-platform", "GET /platform/v1/referrals/{referral_id}", task["id"], 200),
        ("demo-platform", "POST /platform/v1/referrals/{referral_id}/transitions", f"Task/{task['id']}", 200),
    ]
    assert rows[0]["request_id"] == "6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01"
    assert all(row["organisation"] and row["role"] and row["correlation_id"] for row in rows)


async def test_the_ids_of_a_request_are_echoed(gateway: Running) -> None:
    ids = {
        "X_Request_Id": "6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01",
        "X_Correlation_Id": "6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e02",
    }

    for client, path in (("demo-epr", "/FHIR/R4/Task"), (None, "/nowhere"), (None, "/FHIR/R4/Task")):
        answer = await gateway.call(client, "GET", path, **ids)
        assert answer.headers["x-request-id"] == ids["X_Request_Id"]
        assert answer.headers["x-correlation-id"] == ids["X_Correlation_Id"]
    made = await gateway.call(None, "GET", "/_ping")
    assert made.headers["x-request-id"] != made.headers["x-correlation-id"]


async def test_status_shows_database_worker_and_each_destination(gateway: Running) -> None:
    await gateway.refer()

    status = (await gateway.call("demo-epr", "GET", "/_status")).json()

    assert (status["database"], status["worker"]) == ("pass", "elsewhere")
    assert status["due"] == 1


async def test_the_capability_statement_declares_what_is_served(gateway: Running) -> None:
    statement = (await gateway.call(None, "GET", "/FHIR/R4/metadata")).json()

    assert statement["fhirVersion"] == "4.0.1"
    declared = {resource["type"]: resource for resource in statement["rest"][0]["resource"]}
    assert {"ServiceRequest", "Task", "Patient", "Consent"} <= declared.keys()
    for parameter in declared["Task"]["searchParam"]:
        value = {"date": "ge2020-01-01", "reference": "x"}.get(parameter["type"], "a|b")
        answer = await gateway.call("demo-epr", "GET", f"/FHIR/R4/Task?{parameter['name']}={value}")
        assert parameter["name"] in answer.json()["link"][0]["url"]
