"""Nothing is written to a guess: whose record it is must be certain."""

from typing import Any

import pytest
from tests.rio.story import CLIENT_IDS, Rio, Story, undelivered

from adapters.rio.adapter import RioRecord

Json = dict[str, Any]

KARIN = {"family_name": "Lindgren", "birth_date": "1979-07-09"}
TUNDE = {"family_name": "Adeyemi", "birth_date": "2001-02-11", "nhs_number": "9991204504"}


def about(story: Story, client_id: str | None = None, **person: Any) -> Story:
    """The story as if it were told of somebody else."""
    known = [{"system": CLIENT_IDS, "value": client_id}] if client_id else []
    story.referral["person"] = {"local_identifiers": known, **person}
    return story


async def nothing_is_written(rio: Rio) -> None:
    assert (await rio.client.get("/effects")).json() == []


async def test_two_records_with_one_nhs_number(adapter: RioRecord, rio: Rio, story: Story) -> None:
    about(story, nhs_number="9995007126", birth_date="1990-03-21", family_name="Yusuf")

    answer = await adapter.send(story.tell("submitted"))

    assert undelivered(answer).startswith("RiO has more than one record with this NHS number")
    assert answer.phase == "fault"
    await nothing_is_written(rio)


async def test_the_client_id_says_which_of_two(adapter: RioRecord, rio: Rio, story: Story) -> None:
    about(story, "0020001", nhs_number="9995007126", birth_date="1990-03-21", family_name="Yusuf")

    assert (await adapter.send(story.tell("submitted"))).delivered

    assert len(await rio.notes("0020001")) == 1


async def test_nobody_has_this_nhs_number(adapter: RioRecord, rio: Rio, story: Story) -> None:
    about(story, nhs_number="9990001014", birth_date="1971-04-09", family_name="Example")

    assert undelivered(await adapter.send(story.tell("submitted"))).startswith("RiO has no record of this person")
    await nothing_is_written(rio)


@pytest.mark.parametrize(
    ("client_id", "person", "reason"),
    [
        ("0012345", {"nhs_number": "9994120301"}, "may be another person's"),
        ("0012345", {"birth_date": "1971-06-15"}, "may be another person's"),
        ("0012345", {"family_name": "Petrov"}, "Nothing beside one identifier"),
        ("9912345", {"nhs_number": "9992047186", "birth_date": "1971-06-14"}, "RiO has no record of this person"),
        ("RIO-12", {"nhs_number": "9992047186"}, "The ClientID of the referral is none"),
        ("0070007", {"birth_date": "1900-01-01", "family_name": "Test"}, "RiO has no record of this person"),
        (None, {"nhs_number": "9992047186", "birth_date": "1971-06-15"}, "may be another person's"),
        (None, {"nhs_number": "9992047186"}, "Nothing beside one identifier"),
        (None, {"family_name": "Harrow", "birth_date": "1971-06-14"}, "neither a ClientID nor an NHS number"),
    ],
)
async def test_what_does_not_fit_together_stops(
    adapter: RioRecord, rio: Rio, story: Story, client_id: str | None, person: Json, reason: str
) -> None:
    about(story, client_id, **person)

    assert reason in undelivered(await adapter.send(story.tell("submitted")))
    await nothing_is_written(rio)


async def test_leading_zeros_make_another_person(adapter: RioRecord, rio: Rio, story: Story) -> None:
    """0012345 and 12345 are two people in the mock."""
    await rio.fail("leading-zeros-lost", "GetClient")

    answer = await adapter.send(story.tell("submitted"))

    assert "another ClientID than it was asked for" in undelivered(answer)
    await nothing_is_written(rio)


async def test_one_client_id_with_two_nhs_numbers(adapter: RioRecord, rio: Rio, story: Story) -> None:
    await rio.fail("two-nhs-numbers", "GetClient")

    assert "may be another person's" in undelivered(await adapter.send(story.tell("submitted")))
    await nothing_is_written(rio)


@pytest.mark.parametrize("number", ["9992615036", "9997770013"])
async def test_a_superseded_number_and_its_successor_are_one_person(
    adapter: RioRecord, rio: Rio, story: Story, number: str
) -> None:
    about(story, nhs_number=number, **KARIN)

    assert (await adapter.send(story.tell("submitted"))).delivered

    assert len(await rio.notes("0030003")) == 1


async def test_a_merged_record_leads_to_the_one_that_stands(adapter: RioRecord, rio: Rio, story: Story) -> None:
    about(story, "0060006", **TUNDE)

    assert (await adapter.send(story.tell("submitted"))).delivered

    assert len(await rio.notes("0060007")) == 1


async def test_a_merged_record_does_not_lead_to_somebody_else(adapter: RioRecord, rio: Rio, story: Story) -> None:
    about(story, "0060006", **TUNDE | {"nhs_number": "9992047186"})

    assert "not clearly this person's" in undelivered(await adapter.send(story.tell("submitted")))
    await nothing_is_written(rio)


async def test_by_nhs_number_a_merged_record_is_no_second_one(adapter: RioRecord, rio: Rio, story: Story) -> None:
    assert (await adapter.send(about(story, **TUNDE).tell("submitted"))).delivered

    assert len(await rio.notes("0060007")) == 1


async def test_a_merge_between_read_and_write_is_followed(adapter: RioRecord, rio: Rio, story: Story) -> None:
    await rio.fail("merged-meanwhile", "AddProgressNote")
    update = story.tell("submitted")

    assert undelivered(await adapter.send(update)).startswith("CLIENT_MERGED: ")
    assert (await adapter.send(update)).delivered

    merged_into = (await rio.chart())["client"]["MergedInto"]
    assert len(await rio.notes(merged_into)) == 1
    assert await rio.notes() == []
    assert await rio.effects("CreateReferral") == 1


async def test_what_was_written_before_a_merge_is_not_written_again(adapter: RioRecord, rio: Rio, story: Story) -> None:
    update = story.tell("submitted")
    await adapter.send(update)
    await rio.fail("merged-meanwhile", "GetClient")

    assert (await adapter.send(update)).delivered

    assert await rio.effects("AddProgressNote") == 1
    assert await rio.effects("CreateReferral") == 1


async def test_a_sensitive_record_is_closed_to_us(adapter: RioRecord, rio: Rio, story: Story) -> None:
    about(story, "0050005", family_name="Marsh", birth_date="1983-05-05")

    answer = await adapter.send(story.tell("submitted"))

    assert undelivered(answer).startswith("ACCESS_DENIED: The record is sensitive")
    await nothing_is_written(rio)


async def test_a_person_who_has_died_is_told_to_the_hub_first(adapter: RioRecord, rio: Rio, story: Story) -> None:
    await adapter.send(story.tell("submitted"))
    await rio.fail("deceased-meanwhile", "GetClient")

    answer = await adapter.send(story.tell("accepted", status="accepted"))

    assert undelivered(answer).startswith("RiO says that the person has died: phone the hub")
    assert len(await rio.notes()) == 1


async def test_the_end_of_a_referral_still_finds_its_place_in_the_record_of_one_who_died(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json
) -> None:
    about(story, "0040004", family_name="Doyle", birth_date="1946-08-17", nhs_number="9993334448")
    closing["closure"] |= {"reason": "deceased"}

    assert (await adapter.send(story.tell("closed-other", status="closed-other", **closing))).delivered

    chart = await rio.chart("0040004")
    assert (len(chart["referrals"]), len(chart["notes"]), len(chart["documents"])) == (0, 1, 1)
