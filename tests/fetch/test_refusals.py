"""What is refused: at the POST, what no Task of this kind may be; after the fetch, what no referral may be."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.app import issues_of, referral_bundle, task_in
from tests.fetch.sender import Sender

from gateway.store.schema import audit, awaited, event, metadata, referral, resource

UNREGISTERED = [
    "https://epr.example/FHIR/R4/ServiceRequest/1",
    "http://127.0.0.1/FHIR/R4/ServiceRequest/1",
    "{base}/ServiceRequest/..",
    "{base}/../R4/ServiceRequest/1",
    "{base}/%2e%2e/ServiceRequest/1",
    "{base}/ServiceRequest/1?_format=json",
    "{base}/ServiceRequest/1#x",
    "{base}/Patient/r0",
    "{base}/ServiceRequest",
    "http://user@127.0.0.1:1/FHIR/R4/ServiceRequest/1",
    "file:///etc/passwd",
    "https://",
    "://",
    "http://[::1/ServiceRequest/1",
    "https://\u202eepr/ServiceRequest/1",
]


async def test_a_focus_from_which_nothing_is_fetched(sender: Sender) -> None:
    for focus in UNREGISTERED:
        answer = await sender.post(sender.task | {"focus": {"reference": focus.format(base=sender.base)}})

        assert answer.status_code == 422
        assert issues_of(answer) == [("value", "Task.focus.reference")], focus
        assert "let-me-in" not in answer.text
        assert "127.0.0.1" not in answer.text
    assert await sender.running.count(awaited) == 0


async def test_another_organisation_may_not_fetch_from_that_server(sender: Sender) -> None:
    answer = await sender.post(client="demo-epr-2")

    assert issues_of(answer) == [("value", "Task.focus.reference")]


async def test_g2_an_element_that_gravity_needs_is_missing(sender: Sender) -> None:
    for element in ("focus", "for", "authoredOn", "requester", "code"):
        answer = await sender.post({name: value for name, value in sender.task.items() if name != element})

        assert answer.status_code == 422
        assert issues_of(answer) == [("required", f"Task.{element}")]


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("intent", "proposal"),
        ("code", {"text": "Please help"}),
        ("code", {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]}),
        ("status", "ready"),
        ("status", "received"),
        ("status", "draft"),
    ],
)
async def test_g2_g3_an_element_that_gravity_wants_otherwise(sender: Sender, element: str, value: Any) -> None:
    answer = await sender.post(sender.task | {element: value})

    assert answer.status_code == 422
    assert [place for _, place in issues_of(answer)] == [f"Task.{element}"]


async def test_all_that_is_wrong_is_told_in_one_go(sender: Sender) -> None:
    task = sender.task | {"intent": "plan", "focus": {"reference": "https://epr.example/ServiceRequest/1"}}
    del task["for"]

    assert [place for _, place in issues_of(await sender.post(task))] == [
        "Task.for",
        "Task.intent",
        "Task.focus.reference",
    ]


async def test_in_a_transaction_it_is_refused_with_what_to_do_instead(sender: Sender) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": sender.task, "request": {"method": "POST", "url": "Task"}}],
    }
    answer = await sender.running.call("demo-epr", "POST", "/FHIR/R4", bundle)

    assert answer.status_code == 422
    assert "POST the Task alone" in answer.text


async def test_the_same_request_is_fetched_once_and_a_second_task_is_told_which_has_it(sender: Sender) -> None:
    first = await sender.send()
    again = await sender.post()
    await sender.fetch()
    later = await sender.post()

    assert (again.status_code, later.status_code) == (409, 409)
    assert f"Task/{first}" in again.text
    assert again.headers["Location"] == later.headers["Location"] == f"Task/{first}"


async def test_a_repeat_of_the_post_gets_the_first_answer(sender: Sender) -> None:
    first, again = [await sender.post(X_Request_Id="6f3c0f62-7f0c-4a53-9d0c-2a2d3c3f7a10") for _ in range(2)]

    assert (again.status_code, again.content) == (201, first.content)
    assert await sender.running.count(awaited) == 1


async def test_what_breaks_a_rule_is_rejected_with_the_findings_and_can_be_sent_again(sender: Sender) -> None:
    reasons = sender.of("ServiceRequest").pop("reasonCode")
    task_id = await sender.send()
    await sender.fetch()

    task = await sender.read(task_id)
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("rejected", "details-refused")
    assert task["statusReason"]["text"].startswith("ServiceRequest.reasonCode needs at least one reason")
    assert task["note"][-1]["text"].startswith("NOT SENT - nobody has this referral. ServiceRequest.reasonCode needs")
    assert await sender.running.count(referral) == 0
    async with sender.running.store.reading() as connection:
        types = (await connection.execute(select(resource.c.type).distinct())).scalars().all()
        told = (await connection.execute(select(event.c.type, event.c.actor).order_by(event.c.number))).all()
        audited = (await connection.execute(select(audit.c.outcome).where(audit.c.action.startswith("fetch")))).all()
        state = (await connection.execute(select(awaited.c.state))).scalar_one()
    assert types == ["Task"]  # nothing of what was fetched is kept
    assert [one.type for one in told] == ["details-awaited", "details-refused"]
    assert '"role":"gateway"' in told[1].actor
    assert audited == [(422,)]
    assert state == "done"

    sender.of("ServiceRequest")["reasonCode"] = reasons
    again = await sender.send()
    await sender.fetch()
    assert [one["id"] for one in await sender.referrals()] == [again]


async def test_the_wrong_person_is_rejected(sender: Sender) -> None:
    other = sender.of("Patient") | {"id": "other"}
    sender.held.keep(other)
    sender.of("ServiceRequest")["subject"] = {"reference": "Patient/other"}
    task_id = await sender.send()
    await sender.fetch()

    task = await sender.read(task_id)
    assert task["status"] == "rejected"
    assert "must be the same person" in task["statusReason"]["text"]


async def test_a_request_that_came_another_way_before_is_rejected_naming_it(sender: Sender) -> None:
    bundle = referral_bundle()
    names = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "ServiceRequest")
    names["identifier"] = sender.of("ServiceRequest")["identifier"]
    first = task_in((await sender.running.call("demo-epr", "POST", "/FHIR/R4", bundle)).json())
    task_id = await sender.send()
    await sender.fetch()

    task = await sender.read(task_id)
    assert task["status"] == "rejected"
    assert f"Task/{first['id']}" in task["statusReason"]["text"]
    assert await sender.running.count(referral) == 1


async def test_a_restricted_person_is_nowhere_stored_with_an_address(sender: Sender) -> None:
    sender.of("Patient")["meta"] = {
        "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
    }
    await sender.send()
    await sender.fetch()

    assert len(await sender.referrals()) == 1
    async with sender.running.store.reading() as connection:
        for table in metadata.tables.values():
            rows = (await connection.execute(select(table))).all()
            assert "Quayside Mews" not in str(rows), table.name
