"""Whatever goes wrong on the way, each thing is written once, and shown as written only when it is."""

import asyncio
import json
from typing import Any

import pytest
from tests.rio.story import Rio, Story, undelivered

from adapters.ports import Update
from adapters.rio.adapter import RioRecord

Json = dict[str, Any]

EVERYDAY = (
    "hang-after-commit", "hang-before-commit", "reset-after-commit", "http-error", "soap-fault", "write-lost",
    "malformed-xml", "truncated-xml", "namespace-change", "token-revoked", "leading-zeros-lost",
)  # fmt: skip
WRITES = ("CreateReferral", "AddAlternativeId", "AddProgressNote", "AddDocument", "DischargeReferral")


async def written_once(rio: Rio) -> None:
    chart = await rio.chart()
    assert len(chart["referrals"]) == len(chart["alternative_ids"]) == 1
    assert len(chart["notes"]) == 1
    assert len(chart["documents"]) == 1
    assert [len(versions) for versions in [*chart["notes"], *chart["documents"]]] == [1, 1]


def the_end(story: Story, closing: Json) -> Any:
    """A change that makes one write of each kind."""
    return story.tell("closed-completed", status="closed-completed", **closing)


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("fault", ["hang-after-commit", "reset-after-commit", "hang-before-commit"])
async def test_after_an_unknown_outcome_it_looks_before_it_writes(
    impatient: RioRecord, adapter: RioRecord, rio: Rio, story: Story, closing: Json, fault: str, operation: str
) -> None:
    update = the_end(story, closing)
    await rio.fail(fault, operation, seconds=3)

    first = await impatient.send(update)
    assert not first.delivered
    assert first.phase == "answer"
    assert (await adapter.send(update)).delivered

    await written_once(rio)
    for each in WRITES:
        assert await rio.effects(each) == 1


@pytest.mark.parametrize("operation", WRITES)
async def test_saved_but_not_saved_is_noticed_by_reading_back(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json, operation: str
) -> None:
    update = the_end(story, closing)
    await rio.fail("write-lost", operation)

    answer = await adapter.send(update)

    assert undelivered(answer).startswith("RiO said that it saved, and reading back found that it did not.")
    assert (answer.phase, answer.status) == ("fault", 200)
    assert (await adapter.send(update)).delivered
    await written_once(rio)


@pytest.mark.parametrize("operation", [*WRITES, "GetClient", "GetReferrals", "GetProgressNotes", "Authenticate"])
async def test_a_fault_inside_a_200_is_a_failure(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json, operation: str
) -> None:
    update = the_end(story, closing)
    await rio.fail("soap-fault", operation)

    answer = await adapter.send(update)

    assert undelivered(answer).startswith("INTERNAL_ERROR: ")
    assert (answer.phase, answer.status) == ("fault", 200)
    assert (await adapter.send(update)).delivered
    await written_once(rio)


async def test_told_again_it_changes_nothing(adapter: RioRecord, rio: Rio, story: Story, closing: Json) -> None:
    update = the_end(story, closing)
    for _ in range(3):
        assert (await adapter.send(update)).delivered

    await written_once(rio)


@pytest.mark.parametrize(
    "fault", ["malformed-xml", "truncated-xml", "wrong-encoding", "namespace-change", "reset-before-commit"]
)
@pytest.mark.parametrize("operation", ["GetClient", "AddProgressNote", "GetProgressNotes", "Authenticate"])
async def test_an_answer_that_cannot_be_read_is_none(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json, fault: str, operation: str
) -> None:
    update = the_end(story, closing)
    await rio.fail(fault, operation)

    answer = await adapter.send(update)

    assert undelivered(answer).startswith("No answer to go by: ")
    assert answer.phase == "answer"
    assert (await adapter.send(update)).delivered
    await written_once(rio)


async def test_a_shortened_text_is_written_again_as_the_next_version(
    adapter: RioRecord, rio: Rio, story: Story
) -> None:
    update = story.tell("submitted")
    await rio.fail("text-truncated", "AddProgressNote", text=120)

    assert undelivered(await adapter.send(update)).startswith("RiO saved less of the text than was sent.")
    assert (await adapter.send(update)).delivered

    [[short, whole]] = (await rio.chart())["notes"]
    assert len(short["NoteText"]) == 120
    assert "Rent arrears and two credit cards" in whole["NoteText"]


async def test_a_shortened_external_id_leads_to_no_second_entry(adapter: RioRecord, rio: Rio, story: Story) -> None:
    update = story.tell("submitted")
    await rio.fail("text-truncated", "CreateReferral", id=10)

    assert (await adapter.send(update)).delivered
    assert (await adapter.send(update)).delivered

    [entry] = (await rio.chart())["referrals"]
    assert entry["ExternalReferralId"] == "SP-4821-09"


async def test_a_shortened_comment_is_corrected(adapter: RioRecord, rio: Rio, story: Story) -> None:
    update = story.tell("submitted")
    await rio.fail("text-truncated", "CreateReferral", text=40)

    assert undelivered(await adapter.send(update)).startswith("RiO saved less of the text than was sent.")
    assert (await adapter.send(update)).delivered

    [entry] = (await rio.chart())["referrals"]
    assert entry["Comment"].endswith("progress note of that reference.")


async def test_two_workers_at_one_delivery_leave_one_of_each(rio: Rio, story: Story) -> None:
    update = story.tell("submitted")
    workers = [RioRecord(seconds=5) for _ in range(2)]

    await asyncio.gather(*(worker.send(update) for worker in workers))
    for worker in workers:
        await until_delivered(worker, update)
        await worker.close()

    chart = await rio.chart()
    assert len(chart["referrals"]) == len(alive(chart)) == 1


async def test_a_write_that_rio_carried_out_very_late_is_marked_as_the_second_one(
    impatient: RioRecord, adapter: RioRecord, rio: Rio, story: Story
) -> None:
    """It hangs, is given up and written again; then it goes through after all."""
    update = story.tell("submitted")
    await rio.fail("slow", "AddProgressNote", seconds=4)

    late = await impatient.send(update)
    assert late.phase == "answer"
    assert (await adapter.send(update)).delivered
    await asyncio.sleep(4)
    assert len(alive(await rio.chart())) == 2

    await until_delivered(adapter, story.tell("accepted", status="accepted"))

    assert [note["NoteNum"] for note in alive(await rio.chart())] == [1, 3]


@pytest.mark.parametrize("seed", range(2))
async def test_on_a_day_when_everything_goes_wrong_each_thing_stands_there_once(
    rio: Rio, story: Story, closing: Json, seed: int
) -> None:
    adapter = RioRecord(seconds=0.25)
    rules = [{"fault": fault, "operations": ["any"], "probability": 0.02, "seconds": 0.3} for fault in EVERYDAY]
    (await rio.client.put("/faults", content=json.dumps({"seed": seed, "rules": rules}))).raise_for_status()
    told = [
        story.tell("submitted"),
        story.tell("accepted", status="accepted"),
        story.tell("allocated", status="allocated", advisor=closing["advisor"]),
        story.tell("contact", status="engaged", contacts=closing["contacts"]),
        story.tell("prescription", status="in-support", prescriptions=closing["prescriptions"]),
        story.tell("closed-completed", status="closed-completed", **closing),
    ]

    tries = sum([await until_delivered(adapter, update) for update in told])

    assert tries > len(told)  # else nothing went wrong
    chart = await rio.chart()
    notes = alive(chart)
    firsts = [note["NoteText"].partition("\n")[0] for note in notes]
    assert len(firsts) == len(set(firsts)) == 7
    assert all(note["NoteText"].count("\n") >= 2 for note in notes)  # whole
    assert len(chart["referrals"]) == len(chart["alternative_ids"]) == 1
    [revisions] = chart["documents"]
    assert len(revisions) == 1
    await adapter.close()


def alive(chart: Json) -> list[Json]:
    """The newest version of each note that is not marked as a mistake."""
    newest = [versions[-1] for versions in chart["notes"]]
    return [note for note in newest if not note["EnteredInError"]]


async def until_delivered(adapter: RioRecord, update: Update) -> int:
    """How many attempts it took; fifty at most."""
    for attempt in range(1, 51):
        if (await adapter.send(update)).delivered:
            return attempt
    raise AssertionError(f"{update.event_type} was never delivered")
