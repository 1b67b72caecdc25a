"""What somebody wrote stands in a card as they wrote it: judged by a Markdown renderer that is not ours."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gateway.cds_hooks.cards import LONGEST, escape, shorten

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]) | st.sampled_from("<>[]()!#*_`~|\\&-+=.:/@1"))


def rendered(text: str) -> str:
    return str(GFM.render(f"**SP-1**: {escape(text)}\n\n- {escape(text)}\n\n{escape(text)}"))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[free](javascript:alert(1))",
        "![x](https://evil.example/x.png)",
        "<https://evil.example>",
        "&lt;b&gt;",
        "# Heading",
        "- a\n- b",
        "1. one",
        "> quoted",
        "`code` ~~gone~~ **bold** _soft_",
        "| a | b |",
        "\\",
        "a\n===",
    ],
)
def test_marks_are_shown_and_do_nothing(text: str) -> None:
    shown = rendered(text)

    assert set(re.findall(r"</?([a-z0-9]+)", shown)) <= {"p", "strong", "ul", "li"}
    assert shown.count(html.escape(" ".join(text.split()), quote=True).replace("&#x27;", "'")) == 3


@given(WORDS)
def test_no_text_makes_another_element(text: str) -> None:
    assert set(re.findall(r"</?([a-z0-9]+)", rendered(text))) <= {"p", "strong", "ul", "li"}


def test_addresses_are_no_links() -> None:
    line = escape("http://evil.example, HTTPS://evil.example, www.evil.example, WWW.evil.example, a@evil.example")

    assert not re.search(r"https?://|(?<!\\)www\.[a-z]|@[a-z]", line, re.IGNORECASE)


def test_plain_sentences_stay_as_they_are() -> None:
    line = "With Priya Nadar, Pathways Advisor at St Anne's Hub (North), 01632 960101. 3 of 6 sessions: well - done."

    assert escape(line) == line


def test_a_summary_is_cut_to_what_cds_hooks_allows() -> None:
    assert shorten("a" * 139) == "a" * 139
    assert len(shorten("word " * 100)) <= LONGEST
    assert shorten("word " * 100).endswith("…")
