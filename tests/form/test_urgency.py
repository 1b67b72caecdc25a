"""Words that suggest danger: matched whole, in any case; too often rather than too seldom."""

import pytest

from mappings.form import suggests_urgency
from mappings.form.questionnaire import read

WORDS = read("urgent-words")


@pytest.mark.parametrize("word", [one["text"] for one in WORDS["words"]])
def test_each_word_is_seen(word: str) -> None:
    assert suggests_urgency([f"She said: {word.replace('*', '').upper()}."])


@pytest.mark.parametrize("text", [one["text"] for one in WORDS["also"]])
def test_negatives_are_seen_too(text: str) -> None:
    assert suggests_urgency(["", text])


@pytest.mark.parametrize(
    "text", ["Talks of self\u2011harm", "doesn\u2019t want\nto live", "SUICIDAL ideation", "he is killing  himself"]
)
def test_spelling_does_not_hide_them(text: str) -> None:
    assert suggests_urgency([text])


@pytest.mark.parametrize(
    "text",
    ["", "Sertraline 50 mg OD", "Would like to meet people", "Begun a course", "Gunnersbury allotment", "insecticide"],
)
def test_other_words_are_not(text: str) -> None:
    assert not suggests_urgency([text])
