"""Who sets what in the Task of a referral: the EPR is told of each element that is not its own."""

from typing import Any

import pytest
from tests.app import issues_of
from tests.later.conftest import WORK, Sent, line, texts

STATUSES = [
    "draft",
    "requested",
    "received",
    "accepted",
    "rejected",
    "ready",
    "cancelled",
    "in-progress",
    "on-hold",
    "failed",
    "completed",
    "entered-in-error",
]


@pytest.mark.parametrize("status", sorted(set(WORK) - {"info-requested", "accepted"}))
async def test_every_status_that_an_epr_may_ask_for(sent: Sent, status: str) -> None:
    """Each pair of Task.status, over HTTP: what is the hub's is refused and changes nothing."""
    await sent.work(status)
    task = await sent.task()
    events = await sent.events()
    own = {"entered-in-error"} | ({"cancelled"} if task["status"] in {"requested", "received", "accepted"} else set())

    for wanted in STATUSES:
        if wanted in own:
            continue
        answer = await sent.put(task, status=wanted)
        if wanted == task["status"]:
            assert (answer.status_code, answer.headers["etag"]) == (200, f'W/"{task["meta"]["versionId"]}"')
        else:
            assert (answer.status_code, issues_of(answer)) == (422, [("business-rule", "Task.status")]), wanted

    assert await sent.events() == events
    assert await sent.task() == task


@pytest.mark.parametrize(
    ("element", "value", "whose"),
    [
        ("owner", {"display": "Another hub"}, "is the hub's to set"),
        ("businessStatus", {"text": "Done"}, "is the hub's to set"),
        ("output", [{"type": {"text": "Result"}, "valueString": "All well"}], "is the hub's to set"),
        ("executionPeriod", {"start": "2026-03-01"}, "is the hub's to set"),
        ("statusReason", {"text": "Because"}, "is the hub's to give"),
        ("focus", {"display": "Another request"}, "stays as it was sent"),
        ("for", {"display": "Another person"}, "stays as it was sent"),
        ("basedOn", [{"display": "A plan"}], "stays as it was sent"),
        ("partOf", [{"display": "A Task"}], "stays as it was sent"),
        ("requester", {"display": "Another referrer"}, "stays as it was sent"),
        ("priority", "stat", "stays as it was sent"),
        ("description", "Something else", "stays as it was sent"),
        ("note", [{"text": "Only this."}], "what was said stays"),
    ],
)
async def test_what_is_not_the_referrers_is_refused_by_name(sent: Sent, element: str, value: Any, whose: str) -> None:
    task = await sent.task()
    if element == "note":
        task = await sent.change(task, note=[{"text": "Please ring after 5 pm."}])

    refused = await sent.put(task, **{element: value})

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", f"Task.{element}")])
    assert whose in texts(refused)
    assert await sent.task() == task


async def test_all_that_is_wrong_is_told_at_once(sent: Sent) -> None:
    refused = await sent.put(await sent.task(), status="completed", owner={"display": "Us"}, priority="stat")

    assert {place for _, place in issues_of(refused)} == {"Task.status", "Task.owner", "Task.priority"}


async def test_what_a_put_leaves_out_stays_and_what_a_patch_removes_is_refused(sent: Sent) -> None:
    task = await sent.task()

    put = await sent.change({name: value for name, value in task.items() if name not in {"owner", "businessStatus"}})
    patched = await sent.fhir(
        "PATCH",
        f"/Task/{sent.id}",
        [{"op": "remove", "path": "/owner"}],
        Content_Type="application/json-patch+json",
    )

    assert (put["owner"], put["meta"]["versionId"]) == (task["owner"], "1")
    assert (patched.status_code, issues_of(patched)) == (422, [("business-rule", "Task.owner")])


async def test_the_epr_may_say_when_it_changed_the_task(sent: Sent) -> None:
    task = await sent.task()

    changed = await sent.change(task, status="cancelled", lastModified="2999-01-01T00:00:00Z")

    assert changed["lastModified"] == changed["meta"]["lastUpdated"]
    assert line(changed).startswith("Withdrawn on ")


async def test_a_stale_copy_is_not_taken(sent: Sent) -> None:
    stale = await sent.task()
    await sent.work("received")

    refused = await sent.put(stale, note=[*stale["note"], {"text": "Ring her sister."}])
    matched = await sent.fhir("PUT", f"/Task/{sent.id}", stale, If_Match='W/"1"')

    assert (refused.status_code, matched.status_code) == (422, 412)
    assert {place for _, place in issues_of(refused)} == {"Task.status", "Task.businessStatus"}


@pytest.mark.parametrize("version", [1, 3])
async def test_an_old_copy_can_take_the_referral_back(sent: Sent, version: int) -> None:
    """The EPR kept the Task as it was once: nothing in it but the status is a wish."""
    await sent.change(await sent.task(), note=[{"text": "Ring her sister."}])
    await sent.work("info-requested")
    old = await sent.read(f"Task/{sent.id}/_history/{version}")
    await sent.at_hub("transitions", {"to": "received"})
    task = await sent.task()

    shown = await sent.change(old, status="cancelled")

    assert shown["statusReason"]["text"] == "Withdrawn by the referrer"
    assert [note["text"] for note in shown["note"][:-1]] == [note["text"] for note in task["note"][:-1]]
    assert (await sent.events())[-1] == "withdrawn"


async def test_an_old_copy_is_no_way_to_set_what_is_the_hubs(sent: Sent) -> None:
    old = await sent.task()
    await sent.work("received")

    refused = await sent.put(old, status="cancelled", owner={"display": "Another hub"})
    replaced = await sent.fhir(
        "PATCH",
        f"/Task/{sent.id}",
        [
            {"op": "replace", "path": "/status", "value": "cancelled"},
            {"op": "replace", "path": "/businessStatus", "value": old["businessStatus"]},
        ],
        Content_Type="application/json-patch+json",
    )

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", "Task.owner")])
    assert (replaced.status_code, issues_of(replaced)) == (422, [("business-rule", "Task.businessStatus")])
