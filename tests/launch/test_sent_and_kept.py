"""What is told after sending, and what is kept of a person of whom it must not be known where they are."""

import copy

import pytest
from sqlalchemy import select
from tests.app import Json
from tests.launch.launcher import Window
from tests.launch.smart_epr import PATIENT, Launched
from tests.refer.test_form import ANSWERS, field, looked_at, send

from gateway.store.schema import metadata

LABEL: Json = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


async def holding(launched: Launched, text: str) -> list[str]:
    """The tables that hold this text."""
    found = []
    async with launched.running.store.reading() as connection:
        for table in metadata.sorted_tables:
            rows = [tuple(row) for row in (await connection.execute(select(table))).all()]
            if text in str(rows):
                found.append(table.name)
    return found


@pytest.mark.parametrize("identifiers", [PATIENT["identifier"], None])
async def test_what_was_sent_is_told_whoever_else_the_person_may_be(
    launched: Launched, identifiers: list[Json] | None
) -> None:
    """A number that nobody has verified makes nobody certain: the referral is not shown as theirs, but it was sent."""
    told = {name: value for name, value in (PATIENT | {"identifier": identifiers}).items() if value is not None}
    launched.epr.says["Patient/0012345"] = told
    window = await launched.open()
    page = await send(window)

    assert page.status_code == 200, page.text
    assert "Referral sent" in page.text


async def test_a_receipt_is_of_one_window_and_one_referral(launched: Launched) -> None:
    launched.epr.says["Patient/0012345"] = {name: value for name, value in PATIENT.items() if name != "identifier"}
    window = await launched.open()
    page = await send(window)
    path, receipt = str(page.url).split("/")[-1].split("?")
    launched.epr.says["Patient/0012345"] = PATIENT | {"birthDate": "1990-01-01"}
    other = await launched.open()

    for address in (f"/refer/sent/{path}?{receipt}", f"/refer/sent/{path}?receipt=%C3%A9", f"/refer/sent/{path}"):
        assert (await other.get(address)).status_code == 404


async def test_where_a_restricted_person_is_reached_is_nowhere_kept(launched: Launched) -> None:
    launched.epr.says["Patient/0012345"] = copy.deepcopy(PATIENT) | {"meta": {"security": [LABEL]}}
    window: Window = await launched.open()
    page = await window.get("/refer")
    fields = {name: field(page, name) for name in ("proof", "draft")} | ANSWERS

    saved = await window.post("/draft", fields | {"phone": "07700 900555"})
    told = await window.post("/refer", fields | {"phone": "07700 900555", "contact-method": "phone"})

    assert saved.status_code == 200
    assert told.status_code == 422
    assert "no phone number of theirs is kept or sent" in told.text
    for text in ("07700 900417", "07700 900555", "Tanner", "ND1 3AB"):
        assert await holding(launched, text) == [], text
    assert (await window.post("/refer", fields)).status_code == 303
    sent = await window.post("/refer/review", await looked_at(window))
    assert sent.status_code == 303, sent.text
    page = await window.http.get(sent.headers["location"])
    assert page.status_code == 200
    assert "Referral sent" in page.text
    assert "marked as sensitive" in page.text
    assert "there is nothing that you have to chase" not in page.text
    for text in ("07700 900417", "07700 900555", "Tanner", "ND1 3AB"):
        assert await holding(launched, text) == [], text
