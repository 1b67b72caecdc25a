"""What a platform is told of a change: a CloudEvent, and nothing that is anybody's."""

import json
from typing import Any

from tests.app import without_ids
from tests.mappings.test_to_task import closed

from mappings.to_event import event_from
from mappings.to_task import task_from

AT = "2026-02-03T09:00:00.000Z"


def an_event(task: Any) -> Any:
    return event_from(task, "closed-other", "d1", AT, "https://gateway.example", "https://gateway.example/x/r1")


def test_an_event_says_which_referral_which_version_and_where_it_stands() -> None:
    event = an_event(task_from(None, "sr1", "p1", closed("closed-other", "moved-away")))

    assert event == {
        "specversion": "1.0",
        "id": "d1",
        "source": "https://gateway.example",
        "type": "social-prescribing-gateway.referral.closed-other",
        "subject": "SP-4821-0937-5564",
        "time": AT,
        "sequence": "0000000003",
        "dataref": "https://gateway.example/x/r1",
        "datacontenttype": "application/json",
        "data": {"status": "cancelled", "businessStatus": "moved-away", "version": 3},
    }


def test_no_words_and_no_names_go_out() -> None:
    task = task_from(None, "sr1", "p1", closed("closed-other", "moved-away"))
    task["note"].append({"text": "Denise Okafor 999 310 5627"})
    task["businessStatus"]["text"] = "Denise has moved away"
    task["businessStatus"]["coding"].insert(0, {"system": "urn:theirs", "code": "Denise"})
    task["for"]["display"] = "Denise"

    text = json.dumps(an_event(task))

    assert "Denise" not in text
    assert "999" not in without_ids(text)
    assert "Northdale" not in text


def test_the_sequence_orders_as_text() -> None:
    task = task_from(None, "sr1", "p1", closed("closed-other", "moved-away"))

    told = [an_event(task | {"meta": {"versionId": version}})["sequence"] for version in ("2", "10", "1000")]

    assert told == sorted(told)


def test_a_task_without_our_reference_is_named_by_its_id() -> None:
    assert an_event({"id": "t1", "meta": {"versionId": "1"}, "status": "requested"})["subject"] == "t1"
