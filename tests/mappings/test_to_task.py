"""Where a referral stands, as the Task an EPR receives."""

from typing import Any

import pytest
from fhir.resources.R4B.task import Task

from gateway.validation import check
from mappings.referral import Standing
from mappings.systems import REFERENCE_SYSTEM
from mappings.to_task import as_sent, task_from
from mappings.translate import vocabulary
from mappings.vocabularies import CLOSURE_REASONS

Json = dict[str, Any]

STATUSES = list(vocabulary("referral-status").displays)
CLOSURES = [(status, reason) for status, reasons in CLOSURE_REASONS.items() for reason in reasons]
SENT = {
    "resourceType": "Task",
    "id": "theirs",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">requested</div>'},
    "extension": [{"url": "https://trust.example/x", "valueString": "kept"}],
    "identifier": [{"system": REFERENCE_SYSTEM, "value": "SP-0000"}, {"system": "urn:theirs", "value": "1"}],
    "status": "requested",
    "_status": {"id": "s"},
    "intent": "proposal",
    "focus": {"reference": "ServiceRequest/sent"},
    "authoredOn": "2026-01-30",
    "note": [{"text": "Please ring after 5pm."}],
    "input": [{"type": {"text": "Care plan"}, "valueString": "kept"}],
    "restriction": {"repetitions": 1},
}


def standing(status: str = "received", **changed: Any) -> Json:
    shape = {
        "id": "r1",
        "version": 3,
        "reference": "SP-4821-0937-5564",
        "status": status,
        "submitted_at": "2026-01-30T10:15:02.120Z",
        "updated_at": "2026-02-03T09:00:00.000Z",
        "hub": {"id": "hub-1", "name": "Northdale Wellbeing Hub", "phone": "01632 960100"},
        "contacts": [
            {"at": "2026-02-02T09:00:00.000Z", "mechanism": "telephone", "outcome": "spoke", "by": "Priya Nadar"}
        ],
        **changed,
    }
    return Standing.model_validate(shape).model_dump()


def closed(status: str, reason: str) -> Json:
    closure = {"reason": reason, "summary": "What was done.", "actions_for_referrer": "No action needed."}
    return standing(status, closure=closure)


def assert_valid(task: Json) -> None:
    """By two independent judges: the published R4 definitions as the gateway checks them, and fhir.resources."""
    assert check(task) == []
    Task.model_validate(task)


def test_example_becomes_its_task(example: Any) -> None:
    sent, request_id, patient_id = example.referred
    task = task_from(sent, request_id, patient_id, example.read("standing"))
    assert task == example.read("task")
    assert_valid(task)


@pytest.mark.parametrize("sent", [None, SENT])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_gives_a_valid_task(status: str, sent: Json | None) -> None:
    task = task_from(sent, "sr1", "p1", standing(status))
    assert_valid(task)
    assert task["businessStatus"]["coding"][0]["display"] == task["businessStatus"]["text"]
    if task["status"] in {"rejected", "cancelled", "on-hold", "failed"}:
        assert task["statusReason"]["text"]


@pytest.mark.parametrize(("status", "reason"), CLOSURES)
def test_every_closure_gives_a_valid_task_with_the_actions_first(status: str, reason: str) -> None:
    task = task_from(None, "sr1", None, closed(status, reason))
    assert_valid(task)
    first = task["output"][0]
    assert first["type"]["coding"][0]["code"] == "actions-for-referrer"
    assert first["valueString"] == "No action needed."


@pytest.mark.parametrize(
    ("status", "reason", "task_status", "business_status"),
    [
        ("closed-completed", "goals-met", "completed", "goals-met"),
        ("closed-completed", "partly-met", "completed", "partly-met"),
        ("closed-completed", "information-or-signpost-only", "completed", "advice-only"),
        ("closed-declined", "declined-later", "cancelled", "declined-by-person"),
        ("closed-unable-to-contact", "unable-to-contact", "failed", "unable-to-contact"),
        ("closed-disengaged", "disengaged", "failed", "disengaged"),
        ("closed-other", "moved-away", "cancelled", "moved-away"),
        ("closed-other", "service-ended", "failed", "service-ended"),
    ],
)
def test_the_closure_reason_decides(status: str, reason: str, task_status: str, business_status: str) -> None:
    task = task_from(None, "sr1", "p1", closed(status, reason))
    assert task["status"] == task_status
    assert task["businessStatus"]["coding"][0]["code"] == business_status


def test_what_the_sender_said_is_kept() -> None:
    task = task_from(SENT, "sr1", "p1", standing())
    for name in ("extension", "intent", "focus", "authoredOn", "input", "restriction"):
        assert task[name] == SENT[name]
    assert [note["text"] for note in task["note"]] == [
        "Please ring after 5pm.",
        "Received by Northdale Wellbeing Hub. Reply due by 6 February 2026.",
    ]


def test_what_the_gateway_owns_is_replaced() -> None:
    task = task_from(SENT, "sr1", "p1", standing("accepted"))
    assert (task["id"], task["meta"]["versionId"], task["status"]) == ("r1", "3", "accepted")
    assert "text" not in task  # a narrative that says "requested" would contradict the status
    assert "_status" not in task
    assert [(given["system"], given["value"]) for given in task["identifier"]] == [
        ("urn:theirs", "1"),
        (REFERENCE_SYSTEM, "SP-4821-0937-5564"),
    ]


def test_version_1_serves_as_well_as_what_was_sent() -> None:
    """A Task has one line for the clinician, however often it is written anew."""
    first = task_from(SENT, "sr1", "p1", standing("submitted", version=1))
    done = closed("closed-completed", "goals-met")
    assert task_from(first, "sr1", "p1", done) == task_from(SENT, "sr1", "p1", done)


def test_what_the_sender_says_can_be_read_back() -> None:
    """Of what was sent only the state is lost, which the gateway owns."""
    said = as_sent(task_from(SENT, "sr1", "p1", closed("closed-completed", "goals-met")))

    for name in ("extension", "intent", "focus", "authoredOn", "note", "input", "restriction"):
        assert said[name] == SENT[name]
    assert said["status"] == "requested"
    assert {"output", "owner", "businessStatus", "executionPeriod"}.isdisjoint(said)


@pytest.mark.parametrize(("decision", "business_status"), [(None, "cancellation-requested"), ("declined", "engaged")])
def test_a_request_to_cancel_shows_until_it_is_answered(decision: str | None, business_status: str) -> None:
    asked = {"task_id": "a1", "asked_at": "2026-02-03T09:00:00Z", "by": "Dr Osei", "text": "She moves house."}
    answered = {"decision": decision, "answered_at": "2026-02-04T09:00:00Z", "answer": "She wants to go on."}
    task = task_from(None, "sr1", "p1", standing("engaged", cancellation=asked | (answered if decision else {})))

    assert_valid(task)
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("in-progress", business_status)


def test_a_message_without_a_task_gets_one() -> None:
    task = task_from(None, "sr1", "p1", standing())
    assert task["intent"] == "order"
    assert task["code"]["coding"][0]["code"] == "fulfill"
    assert task["focus"] == {"reference": "ServiceRequest/sr1"}
    assert task["for"] == {"reference": "Patient/p1"}
    assert task["authoredOn"] == "2026-01-30T10:15:02.120Z"


def test_the_sent_task_is_not_changed() -> None:
    before = repr(SENT)
    task_from(SENT, "sr1", "p1", closed("closed-completed", "goals-met"))
    assert repr(SENT) == before


@pytest.mark.parametrize(
    ("authored", "modified"),
    [
        ("2026-02-03T10:00:07+00:00", "2026-02-03T10:00:07+00:00"),  # the sender's clock is ahead
        ("2026-02-03T09:30:00+01:00", "2026-02-03T09:00:00.000Z"),
        ("2026-02", "2026-02-03T09:00:00.000Z"),
        ("2025-12-31T23:59:60Z", "2026-02-03T09:00:00.000Z"),
    ],
)
def test_last_modified_is_never_before_authored(authored: str, modified: str) -> None:
    assert task_from({**SENT, "authoredOn": authored}, "sr1", "p1", standing())["lastModified"] == modified


def test_not_accepted_says_why_and_what_to_do_instead() -> None:
    refused = standing(
        "not-accepted",
        reason={"code": "at-capacity", "text": "We cannot take more people this month."},
        alternative="Phone the Eastmere hub on 01632 960200.",
    )
    task = task_from(None, "sr1", "p1", refused)
    assert task["statusReason"]["text"] == "We cannot take more people this month."
    assert [coding["code"] for coding in task["statusReason"]["coding"]] == ["at-capacity", "RRNA"]
    assert task["output"][0]["valueString"] == "Phone the Eastmere hub on 01632 960200."


def test_declined_carries_the_national_code() -> None:
    task = task_from(None, "sr1", "p1", closed("closed-declined", "declined-at-first-contact"))
    assert [coding["code"] for coding in task["statusReason"]["coding"]] == [
        "declined-at-first-contact",
        "871711000000103",
    ]


def test_sessions_are_a_ratio_of_those_planned() -> None:
    prescription = {
        "id": "p-1",
        "kind": "referral",
        "categories": ["debt-advice"],
        "provider": "Northdale Money Advice",
        "service": "Debt advice appointment",
        "status": "started",
        "planned_sessions": 4,
        "issued_at": "2026-02-02T10:00:00.000Z",
        "sessions": [{"at": "2026-02-03T09:00:00.000Z", "attendance": "did-not-attend"}],
    }
    value, sessions = task_from(None, "sr1", "p1", standing("in-support", prescriptions=[prescription]))["output"]
    assert value["type"]["text"] == "Social prescription: Debt advice"
    assert value["valueCodeableConcept"]["text"] == "Debt advice appointment, Northdale Money Advice: started"
    assert sessions["valueRatio"]["numerator"]["value"] == 0
    assert sessions["valueRatio"]["denominator"] == {
        "value": 4,
        "unit": "session",
        "system": "http://unitsofmeasure.org",
        "code": "{session}",
    }


def test_more_sessions_than_planned_are_a_number_of_their_own() -> None:
    prescription = {
        "id": "p-1",
        "kind": "referral",
        "categories": ["debt-advice"],
        "provider": "Northdale Money Advice",
        "service": "Debt advice appointment",
        "status": "started",
        "planned_sessions": 1,
        "issued_at": "2026-02-02T10:00:00.000Z",
        "sessions": [{"at": f"2026-02-0{day}T09:00:00.000Z", "attendance": "attended"} for day in (3, 4)],
    }
    sessions = task_from(None, "sr1", "p1", standing("in-support", prescriptions=[prescription]))["output"][1]
    assert sessions["valueQuantity"]["value"] == 2


def test_one_measure_alone_is_given_once() -> None:
    measure = {"tool": "swemwbs", "stage": "baseline", "at": "2026-02-02T10:00:00.000Z", "raw": 21, "score": 19.25}
    (output,) = task_from(None, "sr1", "p1", standing("engaged", measures=[measure]))["output"]
    assert output["type"]["text"] == "SWEMWBS, at the start (2 February 2026)"
    assert output["valueQuantity"]["value"] == 19.25


def test_the_time_worked_begins_with_the_first_conversation() -> None:
    assert task_from(None, "sr1", "p1", standing("engaged"))["executionPeriod"] == {"start": "2026-02-02T09:00:00.000Z"}
    ended = task_from(None, "sr1", "p1", closed("closed-completed", "goals-met"))["executionPeriod"]
    assert ended == {"start": "2026-02-02T09:00:00.000Z", "end": "2026-02-03T09:00:00.000Z"}


def test_the_time_worked_ends_when_it_closed_whatever_comes_later() -> None:
    followed_up = closed("closed-completed", "goals-met") | {"closed_at": "2026-02-02T17:00:00.000Z"}

    assert task_from(None, "sr1", "p1", followed_up)["executionPeriod"]["end"] == "2026-02-02T17:00:00.000Z"


def test_a_status_without_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="no row in the status maps"):
        task_from(None, "sr1", "p1", standing("lost"))


def test_what_nothing_refers_to_any_more_goes() -> None:
    """The hub takes the place of the sender's owner, which may have been a contained Organization (dom-3)."""
    hub, park = (
        {"resourceType": kind, "id": id_, "name": id_} for kind, id_ in (("Organization", "hub"), ("Location", "park"))
    )
    site = {"resourceType": "Location", "id": "site", "partOf": {"reference": "#park"}}
    sent = {**SENT, "contained": [hub, park, site], "owner": {"reference": "#hub"}}
    assert "contained" not in task_from(sent, "sr1", "p1", standing())

    task = task_from({**sent, "location": {"reference": "#site"}}, "sr1", "p1", standing())
    assert [one["id"] for one in task["contained"]] == ["park", "site"]
    assert check(task) == []


@pytest.mark.parametrize("authored", ["2999-12-31", "2999-12", "2999", "2999-12-31T23:59:59-14:00"])
def test_a_request_from_the_future_does_not_make_the_task_invalid(authored: str) -> None:
    received = {"resourceType": "Task", "status": "requested", "intent": "order", "authoredOn": authored}
    hub = {"id": "northdale-wellbeing-hub", "name": "Northdale Wellbeing Hub"}
    moment = "2026-01-12T10:12:00.000Z"
    standing = {"id": "t1", "version": 1, "reference": "SP-4821-0937-5564", "status": "submitted", "hub": hub}

    task = task_from(received, "s1", "p1", standing | {"submitted_at": moment, "updated_at": moment})

    assert check(task) == []
