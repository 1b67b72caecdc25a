"""What a clinician sees in the mock: the proof that something is in the record."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from tests.mock_rio.rio import MAGGIE, Rio


async def test_the_record_of_one_person(
    rio: Rio, referral: dict[str, Any], note: dict[str, Any], document: dict[str, Any]
) -> None:
    await rio.call("CreateReferral", **referral)
    await rio.call("AddProgressNote", **note, RiskRelated=True)
    await rio.call("AddProgressNote", **note | {"NoteText": "Of <b>another</b> person"})
    await rio.call("AmendProgressNote", ClientID=MAGGIE, NoteNum=2, SubNum=1, EnteredInError=True)
    await rio.call("AddDocument", **document)
    await rio.call("AddDocument", **document | {"Content": b"%PDF\0\xff", "Title": "Scan"})
    await rio.call("AddAlternativeId", ClientID=MAGGIE, System="https://platform.example", Value="P-77")

    page = await rio.page()

    for part in (
        "HARROW, Margaret Anne (Maggie)",
        "14 June 1971",
        "999 204 7186",
        "Referral 1 to Northdale Wellbeing Hub",
        "12 January 2026 at 10:12",
        "Money and debt",
        note["NoteText"],
        "Not validated",
        "Risk related",
        "<s>Of &lt;b&gt;another&lt;/b&gt; person</s>",
        "Earlier versions (1)",
        "Actions for you: none.",
        "This file cannot be shown as text (6 bytes).",
        "P-77",
    ):
        assert part in page


async def test_a_task_stands_in_the_record_of_the_one_it_is_about(rio: Rio, referral: dict[str, Any]) -> None:
    await rio.call("CreateReferral", **referral | {"ExternalReferralId": "t1"})  # as the Task has no other reference
    await rio.put_task()

    assert "Ünicode" in await rio.page()
    assert "Ünicode" not in await rio.page("12345")
    assert 'href="/clients/0012345">HARROW' in (await rio.client.get(rio.url)).text


@pytest.mark.parametrize(
    ("client_id", "words"),
    [
        ("0030003", "Superseded by"),
        ("0040004", "Died 5 January 2026"),
        ("0050005", "Closed to connected systems"),
        ("0060006", "Go to record 0060007"),
        ("0070007", "Deleted"),
        ("0045678", "Alert: Do not visit alone at the home address"),
        ("9", "No client has this ClientID"),
    ],
)
async def test_what_one_must_know_first(rio: Rio, client_id: str, words: str) -> None:
    assert words in await rio.page(client_id)


class Read(HTMLParser):
    """The parts of a page that assistive technology relies on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


RECORD = f"/clients/{MAGGIE}"


@pytest.mark.parametrize("path", ["/", RECORD, f"{RECORD}/notes", f"{RECORD}/social-prescribing", "/clients/9"])
async def test_pages_can_be_used_by_everybody(rio: Rio, note: dict[str, Any], path: str) -> None:
    await rio.put_task()
    await rio.call("AddProgressNote", **note)
    await rio.sign_in()

    text = (await rio.client.get(rio.url + path)).text
    tags = Read(text).tags

    names = [tag for tag, _ in tags]
    assert names.count("h1") == names.count("main") == names.count("title") == 1
    assert "script" not in names
    assert not [name for _, given in tags for name in given if name.startswith("on")]
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    assert dict(tags)["html"]["lang"] == "en-GB"
    ids = [given["id"] for _, given in tags if given.get("id")]
    assert len(ids) == len(set(ids))
    assert {given["aria-labelledby"] for _, given in tags if given.get("aria-labelledby")} <= set(ids)
    assert all(given.get("scope") for tag, given in tags if tag == "th")
