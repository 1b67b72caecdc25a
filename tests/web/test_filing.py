"""The progress note: to be copied, or filed in the EPR once for each state of the referral."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.app import Json, reference_in
from tests.delivery.neighbours import Asked, Speak, answer, neighbour
from tests.serving import serving
from tests.web.conftest import SCOPES, Page, Web, with_eprs

from gateway.validation import check


@dataclass
class Record:
    """An EPR that files documents, on a real port; `status` is what it answers."""

    filed: list[Json] = field(default_factory=list)
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)
    status: int = 201

    async def take(self, request: Request) -> Response:
        self.asked.append((request.headers.get("authorization"), request.headers.get("if-none-exist")))
        if self.status != 201:
            return JSONResponse({"resourceType": "OperationOutcome"}, self.status)
        document = orjson.loads(await request.body())
        if any(one["identifier"] == document["identifier"] for one in self.filed):
            return JSONResponse(document, 200)
        self.filed.append(document)
        return JSONResponse(document, 201, {"Location": "DocumentReference/1"})


@pytest.fixture
async def record(web: Web) -> AsyncIterator[Record]:
    record, app = Record(), FastAPI()
    app.add_route("/FHIR/R4/DocumentReference", record.take, methods=["POST"])
    async with serving(app) as url:
        await with_eprs(web.running, web.folder, f"{url}/FHIR/R4")
        yield record


async def file(page: Page, task: Json, version: int = 1) -> tuple[int, str]:
    done = await page.post("/note", referral=task["id"], version=str(version))
    return done.status_code, done.headers.get("location", done.text)


async def test_the_note_stands_there_to_be_copied(web: Web) -> None:
    task = await web.refer()

    shown = await (await web.open()).read()

    assert f"Reference: {reference_in(task)}. Sent to Northdale Wellbeing Hub on" in shown
    assert "Source: social prescribing gateway, as at" in shown
    assert 'data-copy="note-' in shown
    assert "File in the record" not in shown  # no token: a signed launch


async def test_it_is_filed_as_the_clinician_once_for_each_version(web: Web, record: Record) -> None:
    task = await web.refer()
    page = await web.open(token="eprs-own-token")
    assert "File in the record" in await page.read()

    first, again = await file(page, task), await file(page, task)

    assert first == again == (303, f"{page.path}?done=filed")
    [document] = record.filed
    assert check(document) == []
    assert document["type"]["coding"][0]["code"] == "11506-3"
    assert document["subject"] == {"reference": "Patient/0012345"}
    assert document["author"] == [{"reference": "Practitioner/AOSEI", "display": "Dr Amara Osei"}]
    attachment = document["content"][0]["attachment"]
    assert attachment["contentType"].startswith("text/plain")
    text = base64.b64decode(attachment["data"]).decode()
    assert text.startswith("Social prescribing, ")
    assert reference_in(task) in text
    system, value = (document["identifier"][0][name] for name in ("system", "value"))
    assert value == f"{task['id']}-1"
    assert {one[0] for one in record.asked} == {"Bearer eprs-own-token"}
    assert all(value in (one[1] or "") and "progress-note" in system for one in record.asked)
    assert "The progress note was filed in the record." in await page.read("?done=filed")

    await web.move(task, "received")
    assert (await file(page, task, 2))[0] == 303
    assert len(record.filed) == 2


async def test_what_has_changed_since_it_was_read_is_not_filed(web: Web, record: Record) -> None:
    task = await web.refer()
    page = await web.open(token="t")
    await web.move(task, "received")

    status, shown = await file(page, task, 1)

    assert status == 409
    assert "Something has changed since you read this note" in shown
    assert record.filed == []


@pytest.mark.parametrize("refusal", [401, 403, 422])
async def test_a_note_that_was_not_filed_says_so(web: Web, record: Record, refusal: int) -> None:
    task = await web.refer()
    page = await web.open(token="t")
    record.status = refusal

    status, shown = await file(page, task)

    assert status == 502
    assert "The record system did not take the note. Copy the text" in shown
    assert "was filed" not in shown


async def hang_up(_: Asked, writer: asyncio.StreamWriter) -> None:
    """As when a connection breaks once the request is through."""
    writer.close()


async def fail(_: Asked, writer: asyncio.StreamWriter) -> None:
    answer(writer, 504)


@pytest.mark.parametrize("speak", [hang_up, fail])
async def test_a_note_that_may_have_been_filed_says_so(web: Web, speak: Speak) -> None:
    task = await web.refer()
    async with neighbour(speak) as url:
        await with_eprs(web.running, web.folder, f"{url}/FHIR/R4")

        status, shown = await file(await web.open(token="t"), task)

    assert status == 502
    assert "did not say whether it took the note. Look in the record: if the note is not there" in shown
    assert "was filed" not in shown


async def test_a_note_that_was_taken_is_filed_though_the_answer_breaks_off(web: Web) -> None:
    async def break_off(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")
        writer.close()

    task = await web.refer()
    async with neighbour(break_off) as url:
        await with_eprs(web.running, web.folder, f"{url}/FHIR/R4")
        page = await web.open(token="t")

        assert await file(page, task) == (303, f"{page.path}?done=filed")


async def test_without_the_right_of_the_launch_nothing_is_filed(web: Web, record: Record) -> None:
    task = await web.refer()
    without = await web.open(token="t", scopes=SCOPES[:-1])
    assert "File in the record" not in await without.read()

    assert (await file(without, task))[0] == 502
    assert record.asked == []


async def test_no_note_of_somebody_elses_referral(web: Web, record: Record) -> None:
    theirs = await web.refer(client="demo-epr-2")
    page = await web.open(token="t")

    assert (await file(page, theirs))[0] == 404
    assert record.asked == []


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("patient/DocumentReference.c", True),
        ("patient/DocumentReference.cruds", True),
        ("patient/*.cruds", True),
        ("patient/DocumentReference.write", True),
        ("patient/DocumentReference.rs", False),
        ("patient/*.read", False),
        ("user/DocumentReference.c", False),
    ],
)
async def test_the_button_is_there_for_who_may_file(web: Web, scope: str, may: bool) -> None:
    await web.refer()

    assert ("File in the record" in await (await web.open(token="t", scopes=[scope])).read()) is may
