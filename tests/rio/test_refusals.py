"""What RiO refuses, and what a person is told of it: codes and fixed words, never anybody's data."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from tests.rio.story import Rio, Story, undelivered

from adapters.rio.adapter import RioRecord
from adapters.rio.options import RioOptions

Json = dict[str, Any]

NOTE_TYPES = [{"code": "SOCPRES2", "text": "Social prescribing"}, {"code": "SOCPRES", "text": "Old", "active": False}]


@pytest.mark.parametrize(
    ("fault", "operation", "event", "told"),
    [
        ("record-locked", "UpdateReferral", "amended", "RECORD_LOCKED: Somebody is working on the record."),
        ("note-chain-conflict", "AmendProgressNote", "amended", "NOTE_CHAIN_CONFLICT: Somebody amended the note"),
        ("validation-needed", "AmendProgressNote", "amended", "VALIDATION_NEEDED: The note has to be validated"),
        ("referral-discharged", "UpdateReferral", "amended", "REFERRAL_DISCHARGED: The referral entry was discharged"),
        ("read-only", "AddProgressNote", "accepted", "READ_ONLY: RiO is open for reading only."),
    ],
)
async def test_what_passes_by_itself_is_only_tried_again(
    adapter: RioRecord, rio: Rio, story: Story, fault: str, operation: str, event: str, told: str
) -> None:
    await adapter.send(story.tell("submitted"))
    story.referral |= {"urgency": "urgent", "presenting_text": "Now urgent."}
    update = story.tell(event)
    await rio.fail(fault, operation)

    assert undelivered(await adapter.send(update)).startswith(told)
    assert (await adapter.send(update)).delivered


async def test_a_closed_team(adapter: RioRecord, rio: Rio, story: Story) -> None:
    await rio.fail("team-closed", "CreateReferral")

    told = undelivered(await adapter.send(story.tell("submitted")))

    assert (
        told
        == "TEAM_CLOSED: The team registered for this destination is closed in RiO: register the one that took over."
    )


async def test_a_code_that_is_no_longer_in_the_list(adapter: RioRecord, rio: Rio, story: Story) -> None:
    (await rio.client.put("/lookups/NoteType", json=NOTE_TYPES)).raise_for_status()

    answer = await adapter.send(story.tell("submitted"))

    assert undelivered(answer) == (
        "The note type registered for this destination is not an active code of RiO's list NoteType: ask the trust "
        "for the code that took its place, and register it."
    )
    story.options |= {"note_type": "SOCPRES2"}
    assert (await adapter.send(story.tell("submitted"))).delivered


async def test_a_code_that_comes_back_meanwhile_needs_nobody(adapter: RioRecord, rio: Rio, story: Story) -> None:
    """Lists are replaced while RiO runs; the gateway reads them again before it gives up."""
    await rio.fail("lookup-code-retired", "AddProgressNote")

    assert "note type" in undelivered(await adapter.send(story.tell("submitted")))

    (await rio.client.put("/lookups/NoteType", json=[{"code": "SOCPRES", "text": "Social"}])).raise_for_status()
    assert (await adapter.send(story.again())).delivered


async def test_a_team_that_rio_does_not_know(adapter: RioRecord, story: Story) -> None:
    story.options |= {"team": "NOSUCH"}

    assert undelivered(await adapter.send(story.tell("submitted"))).startswith("The team registered for this")


async def test_a_document_that_is_too_large(adapter: RioRecord, rio: Rio, story: Story, closing: Json) -> None:
    await rio.fail("document-too-large", "AddDocument", bytes=100)
    update = story.tell("closed-completed", status="closed-completed", **closing)

    assert undelivered(await adapter.send(update)).startswith("DOCUMENT_TOO_LARGE: ")
    assert (await adapter.send(update)).delivered


async def test_downtime_is_a_failure_with_its_status_and_when_to_come_back(
    adapter: RioRecord, rio: Rio, story: Story
) -> None:
    await rio.fail("http-error", "GetClient", status=503, retry_after=120)

    answer = await adapter.send(story.tell("submitted"))

    assert not answer.delivered
    assert (answer.status, answer.retry_after) == (503, 120)

    await rio.fail("downtime", "GetClient")
    answer = await adapter.send(story.again())
    assert (answer.phase, answer.status) == ("done", 503)
    assert undelivered(answer) == "No answer to go by: the answer is no SOAP (it has a DTD, and was not read)."


async def test_no_answer_tells_of_the_person(adapter: RioRecord, rio: Rio, story: Story, closing: Json) -> None:
    person = json.dumps(story.referral["person"])
    told = []
    for fault, operation in [
        ("soap-fault", "AddProgressNote"), ("write-lost", "AddProgressNote"), ("truncated-xml", "GetClient"),
        ("two-nhs-numbers", "GetClient"), ("sensitive-meanwhile", "GetProgressNotes"),
    ]:  # fmt: skip
        await rio.fail(fault, operation)
        told.append((await adapter.send(story.tell("closed-completed", status="closed-completed", **closing))).answer)

    assert all(told)
    for word in ("Harrow", "Margaret", "9992047186", "0012345", "1971"):
        assert word in person
        assert word not in " ".join(told)


async def test_nobody_listens(adapter: RioRecord, story: Story) -> None:
    story.url = "http://127.0.0.1:9/API/4.0"

    answer = await adapter.send(story.tell("submitted"))

    assert (answer.phase, answer.status, answer.delivered) == ("connect", None, False)


async def test_a_private_address_that_was_not_registered_as_one(adapter: RioRecord, rio: Rio, story: Story) -> None:
    story.options |= {"private": False}

    answer = await adapter.send(story.tell("submitted"))

    assert (answer.phase, answer.delivered) == ("connect", False)
    assert answer.answer == "The host has an address that the gateway does not call."


async def test_a_password_file_that_is_gone(adapter: RioRecord, story: Story) -> None:
    story.options |= {"password_file": "/nowhere/password"}

    assert undelivered(await adapter.send(story.tell("submitted"))).startswith("The password_file of the destination")


def test_a_discharge_reason_for_what_is_no_end_is_refused_when_it_is_registered(options: Json) -> None:
    with pytest.raises(ValidationError, match="on-hold is no event that ends a referral; those are closed-completed"):
        RioOptions.model_validate(options | {"discharge_reasons": {"on-hold": "COMPLETE"}})
