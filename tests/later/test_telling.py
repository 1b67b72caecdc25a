"""The referrer answers a question, or adds something: Communications, and entries of the Task's note and input."""

import pytest
from tests.app import issues_of
from tests.later.conftest import Refer, Sent, line, texts


@pytest.mark.parametrize("element", ["about", "basedOn", "partOf"])
async def test_an_answer_brings_the_referral_back_to_the_hub(sent: Sent, element: str) -> None:
    await sent.work("info-requested")
    target = f"ServiceRequest/{sent.request_id}" if element == "basedOn" else f"Task/{sent.id}"
    communication = {name: part for name, part in sent.communication().items() if name != "about"}

    await sent.post(communication | {element: [{"reference": target}]})

    view = await sent.view()
    assert (view["status"], (await sent.events())[-1]) == ("received", "answered")
    assert [(one["text"], one["answers"]) for one in view["messages"]] == [("Yes: 01632 960999.", "Has she a phone?")]
    assert line(await sent.task()).startswith("Question answered on ")


async def test_what_answers_a_message_is_about_the_same_referral(sent: Sent) -> None:
    first = await sent.post(sent.communication("She prefers mornings."))
    second = sent.communication("No: afternoons.", inResponseTo=[{"reference": f"Communication/{first['id']}"}])

    await sent.post({name: part for name, part in second.items() if name != "about"})

    assert [one["text"] for one in (await sent.view())["messages"]] == ["She prefers mornings.", "No: afternoons."]


@pytest.mark.parametrize("status", ["submitted", "engaged", "on-hold"])
async def test_otherwise_it_is_told_and_moves_nothing(sent: Sent, status: str) -> None:
    await sent.work(status)

    stored = await sent.post(sent.communication(sender={"display": "Dr Amara Osei"}))

    view = await sent.view()
    assert (view["status"], (await sent.events())[-1]) == (status, "information-added")
    assert (view["messages"][0]["by"], view["messages"][0]["communication_id"]) == ("Dr Amara Osei", stored["id"])


async def test_after_the_end_nobody_reads_it(sent: Sent) -> None:
    await sent.work("closed-completed")

    refused = await sent.fhir("POST", "/Communication", sent.communication())

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", "Communication.about")])
    assert "Telephone Northdale Wellbeing Hub on 01632 960100" in texts(refused)


@pytest.mark.parametrize(
    ("changed", "expression"),
    [
        ({"status": "preparation"}, "Communication.status"),
        ({"payload": [{"contentReference": {"display": "A letter"}}]}, "Communication.payload"),
    ],
)
async def test_a_message_that_nobody_can_read_is_refused(sent: Sent, changed: dict[str, str], expression: str) -> None:
    refused = await sent.fhir("POST", "/Communication", sent.communication(**changed))

    assert (refused.status_code, [place for _, place in issues_of(refused)]) == (422, [expression])
    assert await sent.events() == ["submitted"]


async def test_a_message_about_another_person_is_refused(refer: Refer) -> None:
    sent, other = await refer(), await refer()
    theirs = sent.communication(subject={"reference": f"Patient/{other.patient_id}"})

    refused = await sent.fhir("POST", "/Communication", theirs)

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", "Communication.subject")])


async def test_a_message_about_no_referral_is_a_plain_resource_until_it_is_about_one(sent: Sent) -> None:
    stored = await sent.post({"resourceType": "Communication", "status": "preparation"})

    assert (await sent.read(f"Communication/{stored['id']}"))["status"] == "preparation"
    assert await sent.events() == ["submitted"]

    await sent.change(stored | sent.communication("It is about her after all."))

    assert [one["text"] for one in (await sent.view())["messages"]] == ["It is about her after all."]


async def test_a_message_is_taken_back_but_says_nothing_else(sent: Sent) -> None:
    stored = await sent.post(sent.communication())

    refused = await sent.put(stored, payload=[{"contentString": "Something else."}])
    await sent.change(stored, status="entered-in-error")

    assert (refused.status_code, "Mark it as entered-in-error" in texts(refused)) == (422, True)
    assert [one["in_error"] for one in (await sent.view())["messages"]] == [True]
    assert await sent.events() == ["submitted", "information-added", "information-withdrawn"]


async def test_what_is_added_to_the_task_is_told(sent: Sent) -> None:
    await sent.work("engaged")
    task = await sent.task()
    note = {"authorString": "Dr Amara Osei", "text": "She has a new phone: 01632 960999."}
    added = {"type": {"text": "Letter"}, "valueString": "Housing letter of 3 March"}

    changed = await sent.change(task, note=[*task["note"], note], input=[*task.get("input", []), added])

    assert [one["text"] for one in (await sent.view())["messages"]] == [
        "She has a new phone: 01632 960999.",
        "Letter: Housing letter of 3 March",
    ]
    assert changed["input"][-1] == added
    assert [one["text"] for one in changed["note"][-2:]] == [note["text"], line(task)]
    assert (await sent.events())[-1] == "information-added"


async def test_a_patch_adds_too(sent: Sent) -> None:
    patch = [{"op": "add", "path": "/note/0", "value": {"text": "She has a new phone."}}]
    headers = {"Content_Type": "application/json-patch+json"}

    answer = await sent.fhir("PATCH", f"/Task/{sent.id}", patch, **headers)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["meta"]["versionId"], line(answer.json()).startswith("Sent to")) == ("2", True)
    assert [one["text"] for one in (await sent.view())["messages"]] == ["She has a new phone."]


@pytest.mark.parametrize("element", ["Task", "ServiceRequest"])
async def test_the_referral_may_be_named_by_an_identifier(sent: Sent, element: str) -> None:
    shown = await (sent.task() if element == "Task" else sent.request())
    named = {name: shown["identifier"][-1][name] for name in ("system", "value")}

    await sent.post(sent.communication(about=[{"identifier": named}]))

    assert [one["text"] for one in (await sent.view())["messages"]] == ["Yes: 01632 960999."]


async def test_what_is_told_to_nobody_is_stored_with_a_warning(sent: Sent) -> None:
    subject = {"reference": f"Patient/{sent.patient_id}"}
    outcome = {"Prefer": "return=OperationOutcome"}

    for about in ([{"display": "Her referral"}], [{"identifier": {"system": "urn:x", "value": "none"}}], [subject]):
        unheard = await sent.fhir("POST", "/Communication", sent.communication(about=about), **outcome)
        assert (unheard.status_code, issues_of(unheard)) == (201, [("informational", "Communication.about")])
    heard = await sent.fhir("POST", "/Communication", sent.communication(), **outcome)

    assert issues_of(heard) == [("informational", None)]
    assert await sent.events() == ["submitted", "information-added"]
