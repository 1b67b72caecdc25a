"""What the documents show is what the product takes, and their links lead somewhere."""

import re

import pytest
from tests.guides.blocks import READ, ROOT, Block, blocks_of, documents
from tests.guides.links import lost_links
from tests.guides.shapes import mistakes_in

from gateway.lifecycle import REFERRAL_MOVES

SHOWN = [block for name in documents() for block in blocks_of(name) if block.language in READ and not block.mark]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.place)
def test_what_a_document_shows_is_taken(block: Block) -> None:
    assert mistakes_in(block) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"resourceType": "Task", "status": "bogus"}', "status"),
        ('"destinations": [{"organisation": "XND01", "id": "x", "owner": "A", "url": "http://epr.example"}]', "url"),
        ('{"id": "x", "organisation": "XND01", "role": "epr", "scopes": ["all"], "keys_file": "x"}', "scopes"),
        ('{"specversion": "1.0", "id": "1", "type": "something", "patient": "Maya"}', "source is missing"),
        ('{"to": "nowhere"}', "to"),
        ('{"something": "else"}', "this is no resource"),
        ('{"to": "received",}', "line 1"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    assert told in " ".join(mistakes_in(Block("shown.md", 1, "json", text)))


@pytest.mark.parametrize("document", documents())
def test_links_lead_somewhere(document: str) -> None:
    assert list(lost_links(document)) == []


def test_the_moves_of_a_platform_are_those_of_the_table() -> None:
    told = re.findall(
        r"^\| `([a-z-]+)` \| (`.+`) \|$", (ROOT / "docs/connect-a-platform.md").read_text("utf-8"), re.MULTILINE
    )
    may = {
        status: [to for to, actors in moves.items() if "referral_handler" in actors]
        for status, moves in REFERRAL_MOVES.items()
    }

    assert {status: re.findall(r"`([a-z-]+)`", moves) for status, moves in told} == {
        status: moves for status, moves in may.items() if moves
    }
