"""After an unknown outcome the callback looks before it writes; if `conditional`, only over what it knows."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B.provenance import Provenance
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters.ports import Update
from adapters.rio.callback import FhirCallback
from gateway.validation import check

LATEST = "2026-03-02T09:30:00.000Z"


def a_task(version: str = "3", at: str = LATEST) -> dict[str, Any]:
    hub = {"system": "urn:social-prescribing-gateway:Id:hub", "value": "hub-1"}
    return {
        "resourceType": "Task",
        "id": "t1",
        "meta": {"versionId": version},
        "status": "accepted",
        "intent": "order",
        "lastModified": at,
        "owner": {"identifier": hub, "display": "Wellbeing Hub (Zoë Invented, Pathways Advisor)"},
    }


@dataclass
class Epr:
    """What it answers to GET and to PUT, and what it was asked."""

    url: str = ""
    read: tuple[int, Any, dict[str, str]] = (404, None, {})
    write: tuple[int, Any, dict[str, str]] = (200, None, {})
    asked: list[Asked] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        return [one.method for one in self.asked]

    def holds(self, version: str = "3", at: str = LATEST, etag: str | None = None) -> None:
        task = a_task(version, at)
        if etag:
            del task["meta"]
        self.read = (200, task, {"ETag": etag} if etag else {})


@pytest.fixture
async def epr() -> AsyncIterator[Epr]:
    epr = Epr()

    async def speak(asked: Asked, writer: Any) -> None:
        epr.asked.append(asked)
        status, body, headers = epr.read if asked.method == "GET" else epr.write
        answer(writer, status, body if isinstance(body, bytes) else json.dumps(body).encode(), **headers)

    async with neighbour(speak) as epr.url:
        yield epr


@pytest.fixture
async def callback() -> AsyncIterator[FhirCallback]:
    callback = FhirCallback(seconds=2)
    yield callback
    await callback.close()


@pytest.fixture
def again(epr: Epr, secret: str) -> Update:
    """The third version, of which an attempt before may have had its effect."""
    body = json.dumps(a_task()).encode()
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    return Update(
        "d1", "t1", 3, body, "accepted", at, "c1", epr.url, secret, {"private": True}, unsure=True, previous=2
    )


async def test_what_nobody_can_doubt_is_written_without_a_look(epr: Epr, callback: FhirCallback, again: Update) -> None:
    assert (await callback.send(replace(again, unsure=False))).delivered
    assert epr.methods == ["PUT"]


@pytest.mark.parametrize("held", [{}, {"version": "4"}, {"etag": 'W/"3"'}, {"etag": '"12"'}, {"at": "2026-03-02"}])
async def test_what_the_epr_holds_already_is_delivered_and_not_sent(
    epr: Epr, callback: FhirCallback, again: Update, held: dict[str, str]
) -> None:
    epr.holds(**held)

    answered = await callback.send(again)

    assert (answered.delivered, answered.status, epr.methods) == (True, 200, ["GET"])
    [read] = epr.asked
    assert read.path == "/Task/t1"
    assert read.headers["x-correlation-id"] == "c1"
    assert "webhook-id" not in read.headers
    assert read.headers["x-request-id"] != "d1"


@pytest.mark.parametrize(
    "read",
    [
        (200, a_task("2"), {}),
        (200, a_task("9", at="2026-03-02T09:29:59Z"), {}),  # it counts versions of its own, and has an older one
        (404, None, {}),
        (410, None, {}),
        (405, None, {}),  # it cannot be read: the webhook-id must do
        (501, None, {}),
    ],
    ids=["older", "older by its time", "not held", "deleted", "no GET", "not implemented"],
)
async def test_what_is_not_there_yet_is_sent_under_its_first_id(
    epr: Epr, callback: FhirCallback, again: Update, read: Any
) -> None:
    epr.read = read

    assert (await callback.send(again)).delivered
    assert epr.methods == ["GET", "PUT"]
    assert epr.asked[1].headers["webhook-id"] == "d1"


@pytest.mark.parametrize(
    ("read", "phase", "told"),
    [
        ((503, None, {"Retry_After": "7"}), "done", "Reading back: "),
        ((401, None, {}), "done", "Reading back: "),
        ((302, None, {"Location": "http://127.0.0.1:9/"}), "done", "Reading back: "),
        ((200, b"<html>Welcome</html>", {}), "fault", "no OperationOutcome"),
        ((200, {"resourceType": "Patient"}, {}), "fault", "Reading back: "),
        ((200, a_task("latest"), {}), "fault", "Reading back: "),
        (
            (200, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}, {}),
            "fault",
            "exception",
        ),
    ],
)
async def test_when_it_cannot_be_read_nothing_is_written_and_the_attempt_has_failed(
    epr: Epr, callback: FhirCallback, again: Update, read: Any, phase: str, told: str
) -> None:
    epr.read = read

    answered = await callback.send(again)

    assert (answered.delivered, answered.gone, answered.phase, answered.status) == (False, False, phase, read[0])
    assert epr.methods == ["GET"]
    assert told in answered.answer
    assert "Welcome" not in answered.answer
    assert answered.retry_after == (7 if read[2].get("Retry_After") else None)


async def test_an_epr_that_is_gone_while_it_is_read_fails_as_far_as_it_got(
    callback: FhirCallback, again: Update
) -> None:
    answered = await callback.send(replace(again, url="http://127.0.0.1:9"))

    assert (answered.delivered, answered.phase) == (False, "connect")


# --- conditional on version ------------------------------------------------------------------------------------------


def conditional(update: Update, **changed: Any) -> Update:
    return replace(update, options={"private": True, "conditional": True}, unsure=False, **changed)


async def test_each_update_names_the_version_that_it_follows(epr: Epr, callback: FhirCallback, again: Update) -> None:
    await callback.send(conditional(again))
    await callback.send(conditional(again, previous=None))
    await callback.send(replace(again, unsure=False))

    assert [one.headers.get("if-match") for one in epr.asked] == ['W/"2"', None, None]


async def test_a_version_conflict_over_our_own_update_is_delivered(
    epr: Epr, callback: FhirCallback, again: Update
) -> None:
    epr.write = (412, None, {})
    epr.holds("3")

    assert (await callback.send(conditional(again))).delivered
    assert epr.methods == ["PUT", "GET"]


@pytest.mark.parametrize(("read", "which"), [("1", "now holds version 1"), (None, "now holds no version")])
async def test_a_version_conflict_over_somebody_elses_is_refused_with_its_reason(
    epr: Epr, callback: FhirCallback, again: Update, read: str | None, which: str
) -> None:
    epr.write = (412, None, {})
    if read:
        epr.holds(read)

    answered = await callback.send(conditional(again))

    assert (answered.delivered, answered.status) == (False, 412)
    assert "The EPR took version 2 last" in answered.answer
    assert which in answered.answer


# --- who made it -----------------------------------------------------------------------------------------------------


async def test_provenance_says_that_the_gateway_made_it_for_the_hub(
    epr: Epr, callback: FhirCallback, again: Update
) -> None:
    await callback.send(replace(again, unsure=False, options={"private": True, "provenance": True}))

    text = epr.asked[0].headers["x-provenance"]
    said = json.loads(text)
    assert text.isascii()
    assert "Invented" not in text  # the hub is named by its identifier, its people not at all
    assert "target" not in said  # the server fills it in
    stored = said | {"target": [{"reference": "Task/t1/_history/3"}]}
    assert check(stored) == []
    Provenance.model_validate(stored)
    assert said["recorded"] == "2026-03-02T09:30:00.000Z"
    assert said["agent"][0]["onBehalfOf"]["identifier"]["value"] == "hub-1"
    assert said["activity"]["coding"][0]["code"] == "UPDATE"
