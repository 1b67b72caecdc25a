"""Whether what was written suggests that somebody may be in danger: then the form shows the crisis line.

The words stand in `urgent-words.json`. To warn too often is safer than to miss one: a negative still matches.
"""

import re
from collections.abc import Iterable

from mappings.form.questionnaire import read


def suggests_urgency(texts: Iterable[str]) -> bool:
    """Whether one of the words stands in one of the texts, whole and in any case."""
    return any(PATTERN.search(_plain(text)) for text in texts)


def _plain(text: str) -> str:
    """With straight apostrophes, and one blank where there are hyphens, blanks or line ends."""
    return re.sub(r"[\s\-\u2010-\u2015]+", " ", text.replace("\u2019", "'"))


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    ways = (re.escape(_plain(word)).replace(r"\*", r"\w*") for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(ways)})(?!\w)", re.IGNORECASE)


PATTERN = _pattern(one["text"] for one in read("urgent-words")["words"])
