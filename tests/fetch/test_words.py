"""What the Task says while nobody has the referral: valid FHIR, in words, and never as if it were sent."""

from typing import Any, get_args

import pytest
from fhir.resources.R4B.task import Task

from gateway.validation import check
from mappings.awaited import LINES, REASONS, STATUSES, State, awaited_task
from mappings.translate import vocabulary

AT, SINCE = "2026-07-02T09:00:00.000Z", "2026-07-01T08:03:00.000Z"
SENT: dict[str, Any] = {
    "resourceType": "Task",
    "id": "1",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">requested</div>'},
    "status": "requested",
    "_status": {"extension": [{"url": "https://epr.example/why", "valueString": "because"}]},
    "intent": "order",
    "authoredOn": "2026-07-01T08:00:00Z",
    "note": [{"text": "Mornings are best"}],
}


@pytest.mark.parametrize("state", get_args(State))
def test_each_state_has_its_words(state: State) -> None:
    task = awaited_task(SENT, 3, AT, SINCE, state, "it answered 404")
    again = awaited_task(task, 4, AT, SINCE, state, "it answered 500")

    assert check(task) == []
    assert Task.model_validate(task)
    assert task["status"] == STATUSES[state]
    assert task["businessStatus"]["coding"][0]["code"] == state
    assert task["meta"]["versionId"] == "3"
    assert task.keys().isdisjoint({"text", "_status"})
    assert [note["text"] for note in again["note"]][:-1] == ["Mornings are best"]
    assert "it answered 500" in again["statusReason"]["text"]


def test_every_state_is_known_everywhere() -> None:
    states = set(get_args(State))

    assert states == set(LINES) == set(REASONS) == set(STATUSES)
    assert states <= set(vocabulary("business-status").displays)


def test_times_are_those_of_the_uk() -> None:
    task = awaited_task(SENT, 1, AT, SINCE, "details-awaited")

    assert task["statusReason"]["text"] == (
        "The details are awaited from the sender's server since 09:03 on 1 July 2026."
    )
