"""Abort Tasks: how a referrer cancels once work began (FHIR COW CancellationRequest, BSeR 5.2)."""

import pytest
from tests.app import issues_of
from tests.later.conftest import CLOSED, Refer, Sent, line, texts

from gateway.ids import new_id, now
from gateway.store.resources import Resource, new_rows


async def test_the_hub_agrees(sent: Sent) -> None:
    await sent.work("engaged")
    abort = await sent.post(sent.abort())
    waiting = await sent.task()

    answer = await sent.at_hub("cancellation", {"decision": "agreed", "by": "Priya Nadar"})

    assert (waiting["status"], waiting["businessStatus"]["coding"][0]["code"]) == (
        "in-progress",
        "cancellation-requested",
    )
    assert "the link worker has not answered yet" in line(waiting)
    assert answer.json()["status"] == "withdrawn"
    assert await sent.statuses() == ("cancelled", "revoked")
    assert (await sent.task())["statusReason"]["text"] == "She moves house."
    assert [abort["status"], (await sent.read(f"Task/{abort['id']}"))["status"]] == ["requested", "completed"]
    assert (await sent.events())[-2:] == ["cancellation-requested", "withdrawn"]


async def test_the_hub_declines_and_may_be_asked_again(sent: Sent) -> None:
    await sent.work("engaged")
    abort = await sent.post(sent.abort())

    answer = await sent.at_hub("cancellation", {"decision": "declined", "text": "She wants to go on."})

    declined = await sent.read(f"Task/{abort['id']}")
    assert (declined["status"], declined["statusReason"]["text"]) == ("rejected", "She wants to go on.")
    assert (answer.json()["status"], answer.json()["cancellation"]["decision"]) == ("engaged", "declined")
    assert "declined on" in line(await sent.task())
    assert (await sent.task())["businessStatus"]["coding"][0]["code"] == "engaged"
    assert (await sent.post(sent.abort()))["status"] == "requested"


async def test_the_outcome_wins(sent: Sent) -> None:
    await sent.work("engaged")
    abort = await sent.post(sent.abort())

    await sent.at_hub("transitions", {"to": "closed-completed", "closure": CLOSED})

    over = await sent.read(f"Task/{abort['id']}")
    assert over["status"] == "rejected"
    assert over["statusReason"]["text"] == (
        "The referral had come to its end before this was answered. Closed: completed."
    )
    assert await sent.statuses() == ("completed", "active")


async def test_before_work_began_it_takes_effect_at_once(sent: Sent) -> None:
    await sent.work("allocated")

    abort = await sent.post(sent.abort())

    assert (abort["status"], abort["meta"]["versionId"]) == ("completed", "2")
    assert await sent.statuses() == ("cancelled", "revoked")
    found = (await sent.fhir("GET", f"/Task?_id={abort['id']}")).json()
    assert [entry["resource"]["status"] for entry in found["entry"]] == ["completed"]
    history = (await sent.fhir("GET", f"/Task/{abort['id']}/_history")).json()
    assert [entry["resource"]["status"] for entry in history["entry"]] == ["completed", "requested"]


async def test_who_no_longer_asks_cancels_the_abort_task(sent: Sent) -> None:
    await sent.work("engaged")
    abort = await sent.post(sent.abort())

    await sent.change(abort, status="cancelled")
    late = await sent.at_hub("cancellation", {"decision": "agreed"})

    assert (late.status_code, (await sent.task())["businessStatus"]["coding"][0]["code"]) == (422, "engaged")
    assert (await sent.events())[-1] == "cancellation-taken-back"
    assert (await sent.read(f"Task/{abort['id']}"))["status"] == "cancelled"


@pytest.mark.parametrize("status", ["accepted", "completed", "rejected", "in-progress"])
async def test_the_answer_is_the_hubs_to_give(sent: Sent, status: str) -> None:
    await sent.work("engaged")
    abort = await sent.post(sent.abort())

    refused = await sent.put(abort, status=status)

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", "Task.status")])
    assert "You may set it to cancelled, to ask no more" in texts(refused)
    assert (await sent.read(f"Task/{abort['id']}"))["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("changed", "expression"),
    [
        ({"status": "draft"}, "Task.status"),
        ({"intent": "proposal"}, "Task.intent"),
        ({"focus": None}, "Task.focus"),
    ],
)
async def test_an_abort_task_asks_as_it_must(sent: Sent, changed: dict[str, str | None], expression: str) -> None:
    await sent.work("engaged")
    body = {name: value for name, value in sent.abort(**changed).items() if value}

    refused = await sent.fhir("POST", "/Task", body)

    assert refused.status_code == 422
    assert [place for _, place in issues_of(refused)] == [expression]
    assert (await sent.events())[-1] == "contact"


async def test_an_abort_task_is_about_one_open_referral_of_ones_own(refer: Refer) -> None:
    sent, other = await refer(), await refer()
    await sent.work("engaged")
    first = await sent.post(sent.abort())
    theirs = sent.abort(**{"for": {"reference": f"Patient/{other.patient_id}"}})
    await other.work("closed-completed")

    twice = await sent.fhir("POST", "/Task", sent.abort())
    of_abort = await sent.fhir("POST", "/Task", sent.abort(focus={"reference": f"Task/{first['id']}"}))
    another = await sent.fhir("POST", "/Task", theirs)
    closed = await other.fhir("POST", "/Task", other.abort())
    elsewhere = await sent.running.call("demo-epr-2", "POST", "/FHIR/R4/Task", sent.abort())

    refusals = [twice, of_abort, another, closed]
    assert [one.status_code for one in refusals] == [422] * 4
    assert ["already; wait" in texts(twice), "Task of a referral" in texts(of_abort)] == [True, True]
    assert ["another person" in texts(another), "nothing left to cancel" in texts(closed)] == [True, True]
    assert (elsewhere.status_code, issues_of(elsewhere)) == (422, [("not-found", "Task.focus.reference")])


async def test_only_the_hub_with_a_right_to_write_answers(sent: Sent) -> None:
    await sent.work("engaged")
    early = await sent.at_hub("cancellation", {"decision": "agreed"})
    await sent.post(sent.abort())
    wordless = await sent.at_hub("cancellation", {"decision": "declined"})

    assert (early.status_code, wordless.status_code) == (422, 422)
    assert issues_of(wordless) == [("business-rule", "text")]
    assert (await sent.view())["cancellation"]["text"] == "She moves house."


async def test_an_abort_task_becomes_nothing_else(refer: Refer) -> None:
    sent, other = await refer(), await refer()
    await sent.work("engaged")
    abort = await sent.post(sent.abort(note=[{"text": "From 3 March."}]))
    fulfil = {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]}
    rewritten = {"focus": {"reference": f"Task/{other.id}"}, "code": fulfil, "note": [{"text": "Something else."}]}

    refused = await sent.put(abort, status="cancelled", **rewritten)

    assert (refused.status_code, {code for code, _ in issues_of(refused)}) == (422, {"business-rule"})
    assert {place for _, place in issues_of(refused)} == {"Task.code", "Task.focus", "Task.note"}
    assert await sent.read(f"Task/{abort['id']}") == abort
    assert (await sent.events())[-1] == "cancellation-requested"


async def test_what_is_left_out_of_an_abort_task_stays_and_words_may_be_added(sent: Sent) -> None:
    await sent.work("engaged")
    abort = await sent.post(sent.abort(note=[{"text": "From 3 March."}]))
    notes = [*abort["note"], {"text": "She stays after all."}]
    short = {name: abort[name] for name in ("resourceType", "id", "intent")}

    shown = await sent.change(short, status="cancelled", note=notes)

    assert shown == abort | {"meta": shown["meta"], "status": "cancelled", "note": notes}
    assert shown == await sent.read(f"Task/{abort['id']}")


async def test_a_task_that_nobody_here_would_do_is_not_changed(sent: Sent) -> None:
    task = Resource("Task", new_id(), 1, now(), {"resourceType": "Task", "status": "requested", "intent": "order"})
    task.stamp()
    await sent.running.store.write(new_rows("XND01", [task]))

    refused = await sent.put(task.content, status="completed")

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", "Task.status")])


@pytest.mark.parametrize("decision", ["agreed", "declined", None])
async def test_a_request_to_cancel_may_have_been_a_mistake(sent: Sent, decision: str | None) -> None:
    """Whether it was answered or not: an answer that was given stays."""
    await sent.work("engaged")
    abort = await sent.post(sent.abort())
    if decision:
        await sent.at_hub("cancellation", {"decision": decision, "text": "As she wishes."})
    abort = await sent.read(f"Task/{abort['id']}")

    shown = await sent.change(abort, status="entered-in-error")
    again = await sent.put(shown, status="requested")

    assert shown == await sent.read(f"Task/{abort['id']}")
    assert shown["status"] == "entered-in-error"
    assert (await sent.view())["cancellation"]["decision"] == (decision or "taken-back")
    assert (again.status_code, issues_of(again)) == (422, [("business-rule", "Task.status")])


async def test_of_a_pause_nothing_is_left_when_it_is_cancelled(sent: Sent) -> None:
    await sent.work("on-hold")
    await sent.post(sent.abort())

    ended = (await sent.at_hub("cancellation", {"decision": "agreed"})).json()

    assert (ended["status"], ended.get("review_date"), ended.get("resumes_as")) == ("withdrawn", None, None)
