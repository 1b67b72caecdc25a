"""A note that the launched app files: in the record once, as its user's, for them to validate."""

import base64
from typing import Any

import pytest
from tests.mock_rio.face.launching import PETROV, SCOPE, Launching
from tests.mock_rio.rio import Rio, Serve

from adapters.rio.mock.filing import MOST_NOTE

Json = dict[str, Any]

TEXT = "Social prescribing: accepted by Northdale Wellbeing Hub."
MARSH = "0050005"  # sensitive
YUSUF = "0020001"


def document(text: str = TEXT, **changed: Any) -> Json:
    data = base64.b64encode(text.encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "identifier": [{"system": "urn:example:note", "value": "r1-4"}],
        "status": "current",
        "subject": {"reference": f"Patient/{PETROV}"},
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": data}}],
    } | changed


async def file(launching: Launching, token: str | None, given: Any) -> tuple[int, Json]:
    answer = await launching.call("POST", "/FHIR/R4/DocumentReference", token, json=given)
    return answer.status_code, answer.json() if answer.content else {"location": answer.headers["location"]}


async def notes(rio: Rio, client_id: str = PETROV) -> list[Json]:
    return [chain[-1] for chain in (await rio.chart(client_id))["notes"]]


async def test_it_is_a_note_of_the_user_to_be_validated(launching: Launching) -> None:
    token = (await launching.token())["access_token"]

    status, told = await file(launching, token, document())

    assert status == 201
    assert told["location"].startswith(f"{launching.base}/DocumentReference/")
    [note] = await notes(launching.rio)
    assert (note["NoteText"], note["EnteredBy"], note["Validated"]) == (TEXT, "AOSEI", 0)
    page = (await launching.rio.client.get(f"{launching.rio.url}/clients/{PETROV}/notes")).text
    assert TEXT in page
    assert "Not validated" in page
    assert "by Dr Amara Osei" in page
    [held] = await launching.rio.call("GetProgressNotes", ClientID=PETROV)  # to systems it is a note as any other
    assert held.NoteText == TEXT


async def test_the_same_identifier_is_the_same_note(launching: Launching) -> None:
    token = (await launching.token())["access_token"]
    _, first = await file(launching, token, document())

    status, again = await file(launching, token, document())
    assert (status, again) == (200, first)
    assert len(await notes(launching.rio)) == len(await launching.rio.effects()) == 1

    status, _ = await file(launching, token, document(identifier=[{"system": "urn:example:note", "value": "r1-5"}]))
    assert (status, len(await notes(launching.rio))) == (201, 2)


async def test_a_note_of_somebody_else_is_not_taken_for_this_one(launching: Launching) -> None:
    await file(launching, (await launching.token())["access_token"], document())
    token = (await launching.token(f"/clients/{YUSUF}/social-prescribing"))["access_token"]

    status, told = await file(launching, token, document(subject={"reference": f"Patient/{YUSUF}"}))

    assert (status, told["issue"][0]["code"]) == (409, "duplicate")
    assert not await notes(launching.rio, YUSUF)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (document(subject={"reference": "Patient/0012345"}), 403),
        (document(subject={"reference": "Patient/012345"}), 403),
        (document(subject={"reference": f"Group/{PETROV}"}), 400),
        (document(subject={"reference": 5}), 400),
        (document(subject=[]), 400),
        (document(resourceType="Observation"), 400),
        (document(identifier=[]), 400),
        (document(identifier=[{"value": "r1-4"}]), 400),
        (document(identifier=[{"system": None, "value": 5}]), 400),
        (document(content=[]), 400),
        (document(content=[{"attachment": {"contentType": "text/html", "data": "PGI+"}}]), 400),
        (document(content=[{"attachment": {"contentType": 1, "data": "PGI+"}}]), 400),
        (document(content=[{"attachment": {"contentType": "text/plain", "data": "no base64"}}]), 400),
        (document(content=[{"attachment": {"contentType": "text/plain", "data": "/////w=="}}]), 400),  # no UTF-8
        (document(content=[{"attachment": {"contentType": "text/plain", "data": None}}]), 400),
        (document(content=[{"attachment": {"contentType": "text/plain"}}]), 400),
        (document(" \n"), 422),
        (document("x" * (MOST_NOTE + 1)), 422),
        ([], 400),
        ("text", 400),
        (None, 400),
    ],
)
async def test_what_is_refused_leaves_nothing(launching: Launching, given: Any, status: int) -> None:
    token = (await launching.token())["access_token"]

    refused, told = await file(launching, token, given)

    assert (refused, told["resourceType"]) == (status, "OperationOutcome")
    assert not await notes(launching.rio)
    assert not await launching.rio.effects()


async def test_it_needs_its_scope_and_a_token(launching: Launching) -> None:
    narrower = (await launching.token(scope=SCOPE.replace(" patient/DocumentReference.c", "")))["access_token"]

    assert (await file(launching, None, document()))[0] == 401
    assert (await file(launching, narrower, document()))[0] == 403
    assert not await notes(launching.rio)


async def test_nothing_is_written_to_a_sensitive_record(launching: Launching) -> None:
    token = (await launching.token(f"/clients/{MARSH}/social-prescribing"))["access_token"]

    status, told = await file(launching, token, document(subject={"reference": f"Patient/{MARSH}"}))

    assert (status, told["issue"][0]["code"]) == (403, "suppressed")
    assert not await notes(launching.rio, MARSH)


@pytest.mark.parametrize("client_id", ["0060006", "0070007"])  # merged, deleted
async def test_nothing_is_written_where_nobody_lives_on(serve: Serve, client_id: str) -> None:
    async with serve() as rio:
        launching = Launching(rio, user="records")
        token = (await launching.token(f"/clients/{client_id}/social-prescribing"))["access_token"]

        assert (await file(launching, token, document(subject={"reference": f"Patient/{client_id}"})))[0] == 422


async def test_script_in_a_note_is_shown_inert(launching: Launching) -> None:
    token = (await launching.token())["access_token"]
    await file(launching, token, document('"><script>alert(1)</script>'))

    page = (await launching.rio.client.get(f"{launching.rio.url}/clients/{PETROV}/notes")).text

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
