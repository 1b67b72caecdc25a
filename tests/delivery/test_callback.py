"""The client side of the EPR's callback: what each answer means, and what no answer can do to the gateway."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx
from standardwebhooks import Webhook

import adapters.http
from adapters.ports import Update
from adapters.rio.callback import FhirCallback

URL = "https://epr.example/FHIR/R4"
TASK = '{"resourceType":"Task","id":"t1","note":[{"text":"Ünicode ✓"}]}'.encode()


@pytest.fixture
async def callback() -> AsyncIterator[FhirCallback]:
    callback = FhirCallback(seconds=5)
    yield callback
    await callback.close()


def an_update(url: str, body: bytes, secret: str, **options: Any) -> Update:
    options = {"private": True} | options
    return Update("d1", "t1", 3, body, "accepted", datetime.now(UTC), "c1", url, secret, options)


@pytest.fixture(autouse=True)
def known_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invented host has no address; a call by its name is what respx answers."""
    look_up = adapters.http.addresses_of

    async def addresses_of(url: str, *, private: bool) -> list[str]:
        return ["epr.example"] if url.startswith("https://epr.example") else await look_up(url, private=private)

    monkeypatch.setattr(adapters.http, "addresses_of", addresses_of)


@pytest.fixture
def update(secret: str) -> Update:
    return an_update(URL, TASK, secret)


def outcome(code: str, diagnostics: str = "") -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": diagnostics}],
    }


@respx.mock
async def test_it_puts_the_task_as_stored_signed_and_with_its_ids(
    callback: FhirCallback, update: Update, secret: str
) -> None:
    route = respx.put(f"{URL}/Task/t1").respond(200)

    answer = await callback.send(update)

    assert (answer.delivered, answer.phase, answer.status) == (True, "done", 200)
    request = route.calls.last.request
    assert request.content == TASK
    assert request.headers["content-type"] == "application/fhir+json"
    assert (request.headers["x-request-id"], request.headers["x-correlation-id"]) == ("d1", "c1")
    assert request.headers["webhook-id"] == "d1"
    Webhook(secret).verify(request.content, dict(request.headers))


@pytest.mark.parametrize(
    ("status", "body", "delivered", "gone"),
    [
        (200, None, True, False),
        (201, None, True, False),
        (204, None, True, False),
        (200, outcome("processing"), False, False),  # RiO tells of faults inside a 200
        (201, outcome("exception") | {"issue": [{"severity": "fatal", "code": "exception"}]}, False, False),
        (200, outcome("informational") | {"issue": [{"severity": "warning", "code": "informational"}]}, True, False),
        (200, {"resourceType": "Task", "issue": [{"severity": "error"}]}, True, False),
        (409, outcome("duplicate"), True, False),
        (409, outcome("conflict"), False, False),
        (410, None, False, True),
        (301, None, False, False),
        (400, outcome("invalid"), False, False),
        (401, None, False, False),
        (404, None, False, False),
        (429, None, False, False),
        (500, outcome("duplicate"), False, False),
        (503, None, False, False),
    ],
)
@respx.mock
async def test_what_each_answer_means(
    callback: FhirCallback, update: Update, status: int, body: dict[str, Any] | None, delivered: bool, gone: bool
) -> None:
    respx.put(f"{URL}/Task/t1").respond(status, json=body)

    answer = await callback.send(update)

    assert (answer.status, answer.delivered, answer.gone) == (status, delivered, gone)


@respx.mock
async def test_of_a_fault_inside_a_200_nobody_knows_what_it_did(callback: FhirCallback, update: Update) -> None:
    respx.put(f"{URL}/Task/t1").respond(200, json=outcome("processing", "not saved"))

    answer = await callback.send(update)

    assert (answer.phase, answer.answer) == ("fault", "processing: not saved")


@pytest.mark.parametrize(
    ("value", "at_least", "at_most"),
    [("120", 120, 120), (timedelta(seconds=300), 200, 300), (timedelta(seconds=-300), 0, 0)],
    ids=["seconds", "a date ahead", "a date gone by"],
)
@respx.mock
async def test_retry_after_in_seconds_or_as_a_date(
    callback: FhirCallback, update: Update, value: str | timedelta, at_least: float, at_most: float
) -> None:
    said = value if isinstance(value, str) else format_datetime(datetime.now(UTC) + value, usegmt=True)
    respx.put(f"{URL}/Task/t1").respond(503, headers={"Retry-After": said})

    retry_after = (await callback.send(update)).retry_after

    assert retry_after is not None
    assert at_least <= retry_after <= at_most


@pytest.mark.parametrize("value", ["soon", "-5", "1e9", "", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
@respx.mock
async def test_a_retry_after_that_says_nothing_is_passed_over(
    callback: FhirCallback, update: Update, value: str
) -> None:
    respx.put(f"{URL}/Task/t1").respond(503, headers={"Retry-After": value})

    assert (await callback.send(update)).retry_after is None


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (httpx.ConnectError, "connect"),
        (httpx.ConnectTimeout, "connect"),
        (httpx.WriteError, "send"),
        (httpx.WriteTimeout, "send"),
        (httpx.ReadError, "answer"),
        (httpx.ReadTimeout, "answer"),
        (httpx.RemoteProtocolError, "answer"),
    ],
)
@respx.mock
async def test_trouble_on_the_way_says_how_far_it_got(
    callback: FhirCallback, update: Update, error: type[Exception], phase: str
) -> None:
    respx.put(f"{URL}/Task/t1").mock(side_effect=error)

    answer = await callback.send(update)

    assert (answer.phase, answer.status, answer.delivered) == (phase, None, False)
