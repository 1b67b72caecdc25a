"""R23: a batch: each entry is a request of its own, and has its own answer."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.app import BASE, Json, Running, issues_of
from tests.fhir.rest.calls import asks, bundle, may, named, patient, read, send, statuses, stored

from gateway.store.schema import audit, message, resource


async def batch(gateway: Running, *entries: Json, **headers: str) -> httpx.Response:
    answer = await send(gateway, "POST", "", bundle("batch", *entries), **headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "batch-response"
    return answer


async def test_r23_each_entry_has_its_own_answer(gateway: Running) -> None:
    kept, known, other = await stored(gateway, patient()), await stored(gateway, patient()), patient()

    answer = await batch(
        gateway,
        asks("POST", "Patient", patient()),
        asks("POST", "Patient", patient(gender="bogus")),
        asks("PUT", f"Patient/{kept['id']}", kept | {"active": True}, ifMatch='W/"1"'),
        asks("PUT", f"Patient/{known['id']}", known | {"active": True}, ifMatch='W/"7"'),
        asks("PUT", f"Patient?identifier={named(other)}", other),
        asks("GET", f"Patient/{known['id']}"),
        asks("GET", f"Patient/{known['id']}", ifNoneMatch='W/"1"'),
        asks("GET", f"Patient?identifier={named(known)}"),
        asks("GET", f"Patient/{uuid4()}"),
        asks("DELETE", f"Patient/{kept['id']}"),
        asks("POST", "Patient", patient(), ifNoneExist="birthdate=1971-06-14"),
        asks("PATCH", f"Patient/{kept['id']}", {"resourceType": "Parameters"}),
    )

    assert statuses(answer) == ["201", "422", "200", "412", "201", "200", "304", "200", "404", "405", "422", "415"]
    told = answer.json()["entry"]
    assert told[1]["response"]["outcome"]["issue"][0]["expression"] == ["Patient.gender"]
    assert told[0]["response"]["location"] == f"{told[0]['fullUrl']}/_history/1"
    assert told[2]["response"]["lastModified"] == told[2]["resource"]["meta"]["lastUpdated"]
    assert told[5]["resource"] == known
    assert (told[6]["response"]["etag"], "resource" in told[6]) == ('W/"1"', False)
    assert told[7]["resource"]["type"] == "searchset"
    assert "entered-in-error" in told[9]["response"]["outcome"]["issue"][0]["diagnostics"]
    assert await gateway.count(resource) == 5


async def test_r23_entries_know_nothing_of_each_other(gateway: Running) -> None:
    name = f"urn:uuid:{uuid4()}"

    answer = await batch(
        gateway,
        asks("POST", "Organization", {"resourceType": "Organization", "name": "Northdale"}, name),
        asks("POST", "Patient", patient(managingOrganization={"reference": name})),
    )

    assert statuses(answer) == ["201", "422"]
    issue = answer.json()["entry"][1]["response"]["outcome"]["issue"][0]
    assert (issue["code"], issue["expression"]) == ("not-found", ["Patient.managingOrganization.reference"])


async def test_r23_the_same_batch_again_gets_the_first_answers(gateway: Running) -> None:
    kept, ids = await stored(gateway, patient()), {"X_Request_Id": str(uuid4())}
    entries = [
        asks("POST", "Patient", patient()),
        asks("POST", "Patient", patient()),
        asks("PUT", f"Patient/{kept['id']}", kept | {"active": True}),
        asks("POST", "Patient", patient(gender="bogus")),
    ]

    first, again = [await batch(gateway, *entries, **ids) for _ in range(2)]

    assert again.content == first.content
    assert await gateway.count(resource) == 4
    changed = [*entries[:3], asks("POST", "Patient", patient())]
    assert statuses(await batch(gateway, *changed, **ids)) == ["201", "201", "200", "201"]
    changed[0] = asks("POST", "Patient", patient())
    assert statuses(await batch(gateway, *changed, **ids))[0] == "409"


async def test_r23_prefer_holds_for_each_entry(gateway: Running) -> None:
    answer = await batch(gateway, asks("POST", "Patient", patient()), Prefer="return=minimal")

    entry = answer.json()["entry"][0]
    assert "resource" not in entry
    assert entry["response"].keys() == {"status", "location", "etag", "lastModified"}


async def test_r23_each_entry_needs_its_scope_and_is_audited(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    sent = bundle("batch", asks("POST", "Patient", patient()), asks("GET", f"Patient/{kept['id']}"))

    answer = await gateway.call(may(gateway, "system/Patient.r"), "POST", "/FHIR/R4", sent)

    assert statuses(answer) == ["403", "200"]
    async with gateway.store.reading() as connection:
        rows = (await connection.execute(audit.select().order_by(audit.c.id))).mappings().all()
    assert [(row["action"], row["outcome"]) for row in rows[1:]] == [
        ("POST /FHIR/R4/{type}", 403),
        ("GET /FHIR/R4/{type}/{id}", 200),
        ("POST /FHIR/R4", 200),
    ]
    assert len({row["request_id"] for row in rows[1:]}) == 3
    assert len({row["correlation_id"] for row in rows[1:]}) == 1


async def test_r23_conditions_may_hold_any_letter(gateway: Running) -> None:
    kept = await stored(gateway, patient("Zoë 7/8"))
    condition = f"identifier={named(kept)}"

    answer = await batch(
        gateway,
        asks("POST", "Patient", patient("Zoë 7/8"), ifNoneExist=condition),
        asks("PUT", f"Patient?{condition.replace(' ', '%20')}", patient("Zoë 7/8")),
        asks("GET", f"Patient?{condition.replace(' ', '+')}"),
    )

    assert statuses(answer) == ["200", "200", "200"]
    assert answer.json()["entry"][2]["resource"]["total"] == 1


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("HEAD", "Patient/1", "400"),
        ("GET", "/", "400"),
        ("POST", "?x=1", "400"),
        ("POST", "%2F", "404"),
        ("POST", "/FHIR/R4", "405"),
        ("GET", "../../platform/v1/referrals", "404"),
        ("GET", "https://elsewhere.example/Patient/1", "404"),
        ("GET", f"{BASE}/FHIR/R4/metadata", "200"),
        ("GET", ".well-known/smart-configuration", "404"),
        ("GET", "Patient/%00", "400"),
        ("GET", "Patient/é", "404"),
        ("GET", "Patient?identifier=a|é%ff", "200"),
        ("GET", "Wombat/1", "404"),
        ("GET", "Patient/1/_history/²", "404"),
        ("POST", "$process-message", "4"),
    ],
)
async def test_r23_addresses_of_rubbish(gateway: Running, method: str, url: str, status: str) -> None:
    resource_ = patient() if method == "POST" else None

    answer = await batch(gateway, asks(method, url, resource_))

    assert statuses(answer)[0].startswith(status), answer.text
    assert all("resourceType" in entry["resource"] for entry in answer.json()["entry"] if "resource" in entry)


NO_BATCHES: dict[str, Any] = {
    "no entries": {"resourceType": "Bundle", "type": "batch"},
    "entries that are none": {"resourceType": "Bundle", "type": "batch", "entry": "many"},
    "entries of another kind": {"resourceType": "Bundle", "type": "batch", "entry": ["one", {}]},
    "no request": {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": patient()}]},
    "a method that is none": bundle("batch", asks("LOOK", "Patient")),
    "too many": bundle("batch", *[asks("GET", "Patient/1")] * 51),
}


@pytest.mark.parametrize("name", NO_BATCHES)
async def test_r23_what_is_no_batch_is_refused_whole(gateway: Running, name: str) -> None:
    answer = await send(gateway, "POST", "", NO_BATCHES[name])

    assert answer.status_code == 422, answer.text
    assert all(place and place.startswith("Bundle") for _, place in issues_of(answer))
    assert await gateway.count(message) == 0


async def test_r23_a_resource_that_is_none_spoils_its_own_entry(gateway: Running) -> None:
    bad = asks("POST", "Patient") | {"resource": "rubbish"}
    old = asks("POST", "ReferralRequest", {"resourceType": "ReferralRequest"})

    answer = await batch(gateway, bad, old, asks("POST", "Patient", patient()))

    assert statuses(answer) == ["400", "404", "201"]


async def test_r23_a_platform_has_no_way_in_by_a_batch(gateway: Running) -> None:
    sent = bundle("batch", asks("GET", "Patient/1"))

    assert (await gateway.call("demo-platform", "POST", "/FHIR/R4", sent)).status_code == 403
    assert (await gateway.call(None, "POST", "/FHIR/R4", sent)).status_code == 401


async def test_r23_a_referral_in_a_batch(gateway: Running) -> None:
    task = await gateway.refer()
    person = await read(gateway, {"resourceType": "Patient", "id": task["for"]["reference"].split("/")[1]})
    again = {"resourceType": "Task", "status": "requested", "intent": "order", "focus": task["focus"]}

    answer = await batch(gateway, asks("POST", "Task", again), asks("GET", f"Patient/{person['id']}"))

    assert statuses(answer) == ["409", "200"]
