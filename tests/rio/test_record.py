"""What stands in the record after each step of a referral."""

from typing import Any

from tests.rio.story import CLIENT_ID, Rio, Story

from adapters.rio.adapter import RioRecord
from adapters.rio.options import RioOptions
from adapters.rio.session import Session

Json = dict[str, Any]

ADVISOR = {"name": "Priya Nadar", "phone": "01632 960101"}
SPOKE = {"at": "2026-02-05T09:30:00.000Z", "mechanism": "telephone", "outcome": "spoke", "by": "Priya Nadar"}
PRESCRIPTION = {
    "id": "0198f2a4-7c00-7000-8000-0000000000a1",
    "kind": "referral",
    "categories": ["debt-advice"],
    "provider": "Northdale Money Advice",
    "service": "Debt advice appointment",
    "status": "sent",
    "issued_at": "2026-02-06T11:00:00.000Z",
}


async def test_a_referral_gets_an_entry_a_note_and_an_alternative_id(
    adapter: RioRecord, rio: Rio, story: Story
) -> None:
    answer = await adapter.send(story.tell("submitted"))

    assert answer.delivered, answer
    chart = await rio.chart()
    [entry] = chart["referrals"]
    assert entry["ExternalReferralId"] == "SP-4821-0937-5564"
    assert (entry["Urgency"], entry["Team"], entry["Status"]) == ("ROUTINE", "SPHUB", "OPEN")
    assert [(one["System"], one["Value"]) for one in chart["alternative_ids"]] == [("SPGATEWAY", "SP-4821-0937-5564")]
    [[note]] = chart["notes"]
    assert note["NoteText"].startswith("Social prescribing: referral sent [SP-4821-0937-5564 referral]\n")
    assert "Rent arrears and two credit cards" in note["NoteText"]
    assert note["NoteType"] == "SOCPRES"
    assert note["RiskRelated"]
    assert not note["Validated"]
    effects = (await rio.client.get("/effects")).json()
    assert {one["Key"] for one in effects} == {"delivery-1"}  # X-Request-Id


async def test_milestones_get_a_note_and_single_contacts_and_sessions_do_not(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json
) -> None:
    tried = SPOKE | {"at": "2026-02-04T09:30:00.000Z", "outcome": "no-answer"}
    session = {"at": "2026-02-16T10:00:00.000Z", "attendance": "attended"}
    updates = [
        story.tell("submitted"),
        story.tell("received", status="received"),
        story.tell("info-requested", status="info-requested", reason={"code": "x", "text": "Which mornings suit?"}),
        story.tell("answered", status="received", reason=None),
        story.tell("accepted", status="accepted"),
        story.tell("allocated", status="allocated", advisor=ADVISOR),
        story.tell("contact", status="contacting", contacts=[tried]),
        story.tell("contact", status="engaged", contacts=[tried, SPOKE]),
        story.tell("contact"),
        story.tell("measure", measures=closing["measures"][:1]),
        story.tell("prescription", status="in-support", prescriptions=[PRESCRIPTION]),
        story.tell("prescription-move", prescriptions=[PRESCRIPTION | {"status": "accepted"}]),
        story.tell("session", prescriptions=[PRESCRIPTION | {"status": "started", "sessions": [session]}]),
    ]
    for update in updates:
        assert (await adapter.send(update)).delivered, update.event_type

    assert [text.partition(" [")[0].removeprefix("Social prescribing: ") for text in await rio.notes()] == [
        "referral sent",
        "question for the referrer",
        "referral accepted",
        "link worker named",
        "first contact made",
        "social prescription issued",
    ]
    assert "Question for you from Northdale Wellbeing Hub: Which mornings suit?" in (await rio.notes())[1]
    assert "Debt advice: Debt advice appointment, Northdale Money Advice." in (await rio.notes())[-1]


async def test_the_end_is_a_note_one_summary_with_the_actions_first_and_a_discharge(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json
) -> None:
    await adapter.send(story.tell("submitted"))

    assert (await adapter.send(story.tell("closed-completed", status="closed-completed", **closing))).delivered

    chart = await rio.chart()
    [[document]] = chart["documents"]
    assert (document["Title"], document["Type"]) == ("Social prescribing: closing summary", "SPSUM")
    assert document["Final"]
    headings = document["Text"].split("<h2>")
    assert headings[1].startswith("Plan and requested actions</h2>\n<p><strong>For the referrer: No action needed.")
    assert (await rio.notes())[-1].startswith("Social prescribing: closed, completed [SP-4821-0937-5564 v2]")
    [entry] = chart["referrals"]
    assert (entry["Status"], entry["DischargeReason"]) == ("DISCHARGED", "COMPLETE")


async def test_an_ending_without_a_code_is_left_to_the_staff_to_discharge(
    adapter: RioRecord, rio: Rio, story: Story
) -> None:
    await adapter.send(story.tell("submitted"))

    withdrawn = {"status": "withdrawn", "reason": {"code": "withdrawn", "text": "Moved away"}}
    assert (await adapter.send(story.tell("withdrawn", **withdrawn))).delivered

    assert (await rio.chart())["referrals"][0]["Status"] == "OPEN"


async def test_a_follow_up_after_the_end_makes_the_next_revision_of_the_summary(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json
) -> None:
    await adapter.send(story.tell("closed-completed", status="closed-completed", **closing))
    later = {"tool": "swemwbs", "stage": "follow-up", "at": "2026-07-01T10:00:00.000Z", "raw": 28, "score": 25.03}

    assert (await adapter.send(story.tell("measure", measures=[*closing["measures"], later]))).delivered

    [[first, second]] = (await rio.chart())["documents"]
    assert (first["RevisionID"], second["RevisionID"]) == (1, 2)
    assert "25.03, at follow-up (1 July 2026)" in second["Text"]
    assert "25.03" not in first["Text"]


async def test_an_amendment_is_the_next_version_of_the_note_and_corrects_the_urgency(
    adapter: RioRecord, rio: Rio, story: Story
) -> None:
    await adapter.send(story.tell("submitted"))
    story.referral |= {"urgency": "urgent", "presenting_text": "Now afraid of losing the flat."}

    assert (await adapter.send(story.tell("amended"))).delivered

    chart = await rio.chart()
    [[first, second]] = chart["notes"]
    assert (first["SubNum"], second["SubNum"]) == (1, 2)
    assert "Now afraid of losing the flat." in second["NoteText"]
    assert "Has not opened her post" in first["NoteText"]
    assert chart["referrals"][0]["Urgency"] == "URGENT"


async def test_a_referral_entered_in_error_marks_what_was_written_and_overwrites_nothing(
    adapter: RioRecord, rio: Rio, story: Story, closing: Json
) -> None:
    await adapter.send(story.tell("submitted"))
    await adapter.send(story.tell("closed-completed", status="closed-completed", **closing))

    assert (await adapter.send(story.tell("entered-in-error", status="entered-in-error"))).delivered

    chart = await rio.chart()
    assert [[version["EnteredInError"] for version in note] for note in chart["notes"]] == [[0, 1], [0, 1]]
    [[summary, replaced]] = chart["documents"]
    assert "No action needed." in summary["Text"]
    assert "was a mistake" in replaced["Text"]


async def test_a_mistake_that_was_never_written_leaves_no_trace(adapter: RioRecord, rio: Rio, story: Story) -> None:
    assert (await adapter.send(story.tell("entered-in-error", status="entered-in-error"))).delivered

    chart = await rio.chart()
    assert (chart["referrals"], chart["notes"], chart["documents"]) == ([], [], [])


async def test_a_prescription_entered_in_error_marks_its_note(adapter: RioRecord, rio: Rio, story: Story) -> None:
    other = PRESCRIPTION | {"id": "0198f2a4-7c00-7000-8000-0000000000a2", "service": "Allotment group"}
    await adapter.send(story.tell("prescription", status="in-support", prescriptions=[PRESCRIPTION, other]))

    mistaken = [PRESCRIPTION | {"status": "entered-in-error"}, other]
    assert (await adapter.send(story.tell("prescription-move", prescriptions=mistaken))).delivered

    notes = (await rio.chart())["notes"]
    assert [versions[-1]["EnteredInError"] for versions in notes if "p-" in versions[0]["NoteText"]] == [1, 0]


async def test_what_a_clinician_made_of_a_note_stays(adapter: RioRecord, rio: Rio, story: Story, options: Json) -> None:
    update = story.tell("allocated", status="allocated", advisor=ADVISOR)
    await adapter.send(update)
    [text] = await rio.notes()
    theirs = f"{text}\nShe prefers to be called in the morning."
    clinician = Session(rio.url, RioOptions.model_validate(options), 10, 1)
    await clinician.call("AmendProgressNote", {}, ClientID=CLIENT_ID, NoteNum=1, SubNum=1, NoteText=theirs)

    assert (await adapter.send(update)).delivered

    assert await rio.notes() == [theirs]
    await clinician.close()


async def test_a_change_that_writes_nothing_calls_nobody(adapter: RioRecord, story: Story) -> None:
    story.url = "http://127.0.0.1:9/API/4.0"  # nobody listens there

    assert (await adapter.send(story.tell("received", status="received"))).delivered
