"""Texts in searches (R4 search.html#string): they start alike, whatever their case, accents, spaces and signs."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from gateway.errors import BadRequest

# Of a HumanName and an Address. Which of their members a search looks at is the server's to say (search.html#string).
MEMBERS = ("text", "family", "given", "line", "city", "district", "state", "postalCode", "country")


def normalise(text: str) -> str:
    """Small letters and digits without accents: O'Brien and OBrien, XN1 4QF and xn14qf are the same."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return "".join(filter(str.isalnum, text.casefold()))


def text_test(modifier: str, value: str) -> Callable[[str], bool]:
    """Whether a text fits: as it stands for `exact`, else normalised. Raises BadRequest for nothing to find."""
    if modifier == "exact":
        return lambda text: text == value
    wanted = normalise(value)
    if not wanted:
        raise BadRequest("A text to search for needs at least one letter or digit.")
    if modifier == "contains":
        return lambda text: wanted in text
    return lambda text: text.startswith(wanted)


def normal_parts(found: Any) -> list[str]:
    """The parts, normalised."""
    return [normalise(part) for part in parts_of(found)]


def parts_of(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for member in MEMBERS:
            part = found.get(member)
            if isinstance(part, str):
                yield part
            elif part:
                yield from (each for each in part if each)  # null where only an extension stands
