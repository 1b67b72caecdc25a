"""Whatever goes wrong on the way, each thing is written once, and shown as written only when it is."""

import asyncio
from typing import Any

import pytest
from tests.rio.story import Rio, Story, undelivered

from adapters.rio.adapter import RioRecord

Json = dict[str, Any]

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
    adapter: RioRecord, rio: Rio, story: Story, closing: Json, fault: str, operation: str
) -> None:
    update = the_end(story, closing)
    await rio.fail(fault, operation, seconds=2)

    first = await adapter.send(update)
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


async def test_two_workers_at_one_delivery_leave_one_entry(rio: Rio, story: Story) -> None:
    update = story.tell("submitted")
    workers = [RioRecord(seconds=5) for _ in range(2)]

    await asyncio.gather(*(worker.send(update) for worker in workers))

    assert (await workers[0].send(update)).delivered
    assert len((await rio.chart())["referrals"]) == 1
    for worker in workers:
        await worker.close()
