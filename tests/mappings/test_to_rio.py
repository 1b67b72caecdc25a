"""What of a referral goes into the record of an EPR like RiO, and in which words."""

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.mappings.conftest import EXAMPLES, Example

from mappings.rio_words import plain
from mappings.to_rio import ENDINGS, Wanted, key_in, rows, taken_back, wanted
from mappings.to_task import task_from
from mappings.translate import MAPS, vocabulary

Json = dict[str, Any]

AT = datetime(2026, 4, 14, 15, 20, tzinfo=UTC)
GATEWAY = Path(__file__).parents[2] / "src" / "gateway"
RIO = Path(__file__).parents[2] / "src" / "adapters" / "rio"
WRITING = {"note", "referral", "first-contact", "prescriptions", "closing", "scores", "mistake", "nothing"}


@pytest.fixture
def example(examples: dict[str, Example]) -> Example:
    return examples["wellbeing-and-debt"]


def told(example: Example, event_type: str, **changes: Any) -> Wanted | None:
    """What is wanted when this event happens to the example's referral, standing as it does but for the changes."""
    standing = example.read("standing") | changes
    return wanted(task_from(None, "1", "1", standing), example.read("referral"), event_type, AT)


def events_of_the_gateway() -> set[str]:
    """Each type that an event can have: the statuses, and the words that `Applied` is made with."""
    found = set(vocabulary("referral-status").displays) - {"draft"}
    for file in GATEWAY.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Applied":
                found |= {
                    one.value
                    for one in ast.walk(node.args[1])
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return found


def test_it_is_decided_for_each_event_what_it_writes() -> None:
    assert events_of_the_gateway() >= {"submitted", "contact", "measure", "amended", "consent-changed"}
    assert events_of_the_gateway() - rows().keys() == set()
    for event, row in rows().items():
        assert row["writes"] in WRITING, event
        assert row["why"], event
        assert (row["writes"] in {"nothing", "mistake", "scores"}) == ("heading" not in row), event


SILENT = {
    "draft", "received", "answered", "session", "information-added", "information-withdrawn", "cancellation-requested",
    "cancellation-taken-back",
}  # fmt: skip


@pytest.mark.parametrize("event_type", sorted(rows()))
def test_each_event_while_support_goes_on(example: Example, event_type: str) -> None:
    """One that ends the referral comes with its own status; all others happen to one in support."""
    ends = event_type in ENDINGS
    record = told(
        example,
        event_type,
        status=event_type if ends else "in-support",
        closure=example.read("standing")["closure"] if event_type.startswith("closed-") else None,
        reason={"code": "outside-area", "text": "Outside the area"},
    )
    if event_type in SILENT | {"contact", "measure"}:  # not the first contact, not after the end
        assert record is None
        return
    assert record is not None
    assert (record.ending == event_type) is ends
    assert (record.entry is None) is (event_type == "entered-in-error")
    assert (record.document is not None) is (event_type.startswith("closed-") or event_type == "entered-in-error")
    for note in record.notes:
        assert note.text.startswith("Social prescribing: ")
        assert key_in(note.text, record.reference) == note.key
        assert len(note.text.partition("\n")[0]) < 150


def test_an_event_that_nobody_has_decided_on_is_told_all_the_same(example: Example) -> None:
    record = told(example, "hub-on-fire", status="in-support", closure=None)

    assert record is not None
    [note] = record.notes
    assert "Support under way: " in note.text


def test_the_first_contact_is_told_once_and_attempts_are_not(example: Example) -> None:
    contacts = example.read("standing")["contacts"]

    assert told(example, "contact", status="contacting", contacts=contacts[:2], closure=None) is None
    first = told(example, "contact", status="engaged", contacts=contacts, closure=None)
    later = told(example, "contact", status="engaged", contacts=contacts, closure=None, version=20)
    assert first is not None
    assert later is not None
    assert [note.key for note in first.notes] == [note.key for note in later.notes]
    assert "In contact with the person since 5 February 2026." in first.notes[0].text


def test_the_note_of_a_refusal_says_what_to_do_instead(example: Example) -> None:
    record = told(
        example,
        "not-accepted",
        status="not-accepted",
        closure=None,
        reason={"code": "outside-area", "text": "Outside the area"},
        alternative="Refer to the Eastmere Wellbeing Hub: 01632 960200.",
    )

    assert record is not None
    [note] = record.notes
    assert note.significant
    assert note.text == (
        "Social prescribing: REFERRAL NOT ACCEPTED [SP-4821-0937-5564 v16]\n"
        "NOT ACCEPTED: Outside the area. What to do instead: Refer to the Eastmere Wellbeing Hub: 01632 960200.\n"
        "From Northdale Wellbeing Hub (Priya Nadar, Pathways Advisor), 14 April 2026 at 4:20pm."
    )


def test_what_was_sent_is_told_without_where_the_person_is_reached(example: Example) -> None:
    record = told(example, "submitted", status="submitted", closure=None)

    assert record is not None
    [note] = record.notes
    assert "Financial and debt advice: Rent arrears and two credit cards" in note.text
    assert "Risks shared with the referral: Anxious about callers" in note.text
    assert note.risk_related
    assert "Reply to: EIT Northdale duty in-box." in note.text
    for where in ("Invented Street", "XN1", "07700", "01632 960101", "maggie@"):
        assert where not in note.text


@pytest.mark.parametrize("name", sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()))
def test_every_example_can_be_told_and_closed(examples: dict[str, Example], name: str) -> None:
    """The least referral too, of which hardly anything is known."""
    referral, standing = examples[name].read("referral"), examples[name].read("standing")
    standing |= {"status": "closed-completed", "closure": example_closure()}
    task = task_from(None, "1", "1", standing)

    for event_type in ("submitted", "amended", "closed-completed"):
        assert wanted(task, referral, event_type, AT) is not None


def example_closure() -> Json:
    return {"reason": "goals-met", "summary": "All went well.", "actions_for_referrer": "No action needed."}


def test_a_prescription_is_told_when_it_is_agreed_and_taken_back_when_it_was_a_mistake(example: Example) -> None:
    proposed, course = example.read("standing")["prescriptions"]
    proposed |= {"status": "proposed", "sessions": []}
    before = told(example, "prescription", status="in-support", prescriptions=[proposed, course], closure=None)
    agreed = proposed | {"status": "agreed"}
    after = told(example, "prescription-move", status="in-support", prescriptions=[agreed, course], closure=None)

    assert before is not None
    assert after is not None
    assert [note.key for note in before.notes] == ["[SP-4821-0937-5564 p-000000a2]"]
    keys = [note.key for note in after.notes]
    assert keys == ["[SP-4821-0937-5564 p-000000a1]", "[SP-4821-0937-5564 p-000000a2]"]
    mistaken = example.read("standing") | {"prescriptions": [agreed | {"status": "entered-in-error"}, course]}
    task = task_from(None, "1", "1", mistaken)
    assert taken_back(task, "prescription-move", ["[SP-4821-0937-5564 v3]", *keys]) == keys[:1]
    assert taken_back(task, "session", keys) == []


def test_a_signpost_is_no_referral(example: Example) -> None:
    [one, _] = example.read("standing")["prescriptions"]
    record = told(example, "prescription", prescriptions=[one | {"status": "signposted"}], closure=None)

    assert record is not None
    assert record.notes[0].text.startswith("Social prescribing: signposted (this is no referral)")


def test_the_closing_summary_is_as_in_the_example(example: Example) -> None:
    record = wanted(example.read("task"), example.read("referral"), "closed-completed", AT)

    assert record is not None
    assert record.document is not None
    assert record.document.content.decode() == (example.folder / "closing-summary.html").read_text(encoding="utf-8")
    assert record.document.description == "SP-4821-0937-5564 v16"


def closing_page(example: Example, **changes: Any) -> str:
    record = told(example, "closed-completed", status="closed-completed", **changes)
    assert record is not None
    assert record.document is not None
    return record.document.content.decode()


def test_the_actions_stand_first_and_are_never_blank(example: Example) -> None:
    closure = example.read("standing")["closure"]
    for actions, shown in (("Please review the medication.", "medication"), ("  ", "The hub has stated no actions")):
        page = closing_page(example, closure=closure | {"actions_for_referrer": actions})
        first = page.partition("<h2>")[2].partition("<h2>")[0]
        assert first.startswith("Plan and requested actions</h2>")
        assert shown in first


def test_what_did_not_work_stands_apart_with_its_reason(example: Example) -> None:
    page = closing_page(example)

    worked, _, did_not = page.partition("<h2>What did not help, or did not go ahead</h2>")
    assert "Debt advice appointment, Northdale Money Advice, completed. Sessions attended: 3 of 4." in worked
    assert "ended early (Moved on to the allotment group). Sessions attended: 1." in did_not
    assert "Understanding low mood" not in worked


def test_with_nothing_to_report_it_says_so(example: Example) -> None:
    page = closing_page(example, measures=[], prescriptions=[], contacts=[])

    assert "No outcome measure was taken." in page
    assert page.count("<p>None to report.</p>") == 2
    assert "There was no conversation with the person." in page


def test_one_score_alone_shows_no_change(example: Example) -> None:
    page = closing_page(example, measures=example.read("standing")["measures"][:1])

    assert "<td>17.98, at the start (6 February 2026)</td><td>17.98" in page
    assert "taken once only" in page


def test_words_of_strangers_stay_words(example: Example) -> None:
    closure = example_closure() | {"summary": "<script>alert(1)</script> & so on"}

    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on" in closing_page(example, closure=closure)


def test_what_xml_cannot_carry_is_shown_as_missing() -> None:
    assert plain("a\r\nb\x0b\ufffec\ud800") == "a\nb\ufffd\ufffdc\ufffd"


def test_a_key_is_found_in_what_an_epr_has_shortened_and_not_in_what_others_wrote(example: Example) -> None:
    record = told(example, "submitted", status="submitted", closure=None)
    assert record is not None
    [note] = record.notes

    assert key_in(note.text[:70], record.reference) == note.key
    assert key_in(f"See {note.key} of last week.", record.reference) is None
    assert key_in(f"Read {note.key}", record.reference) is None
    assert key_in(note.text, "SP-0000-0000-0000") is None


def test_the_table_is_published_as_it_is() -> None:
    table = json.loads((MAPS / "rio-record.json").read_text(encoding="utf-8"))
    published = (RIO / "RECORD.md").read_text(encoding="utf-8")

    assert len({row["event"] for row in table["events"]}) == len(table["events"])
    for row in table["events"]:
        flag = ", significant" if row.get("significant") else ""
        assert f"| `{row['event']}` | {row['writes']}{flag} | {row['why']} |\n" in published
