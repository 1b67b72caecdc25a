"""Tokens in searches (R4 search.html#token): codes, identifiers, truths and contact points, with their systems.

Codes and values are compared as they are, systems as the UK's are known (`mappings.systems.canonical`).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from gateway.errors import BadRequest
from gateway.search.texts import normalise
from mappings.systems import canonical
from mappings.terminology import published
from mappings.translate import vocabulary

Test = Callable[[Any], bool]  # of one value as it stands in the JSON
Token = tuple[str | None, str]  # system and code; None: a code that stands alone, of no system that is known

UNESCAPED = {sign: re.compile(rf"(?<!\\)((?:\\\\)*){re.escape(sign)}") for sign in ",|"}
ESCAPE = re.compile(r"\\([,|$\\])")


def split_commas(value: str) -> list[str]:
    """The alternatives, still escaped, between the commas that are not escaped (search.html#escaping)."""
    return UNESCAPED[","].sub("\\1\0", value).split("\0")


def split_bars(value: str) -> list[str]:
    """The parts between the bars that are not escaped, their own escapes undone."""
    return [unescape(part) for part in UNESCAPED["|"].sub("\\1\0", value).split("\0")]


def unescape(value: str) -> str:
    return ESCAPE.sub(r"\1", value)


def token_test(modifier: str, value: str, systems: frozenset[str]) -> Test:
    """Whether one value fits, by `system|code`, `system|`, `|code` or `code`. Raises BadRequest for other forms."""
    if modifier == "in":
        return _member_test(value, systems)
    if modifier == "of-type":
        return _of_type_test(value)
    parts = split_bars(value)
    if len(parts) > 2 or parts in ([""], ["", ""]):
        raise BadRequest("A token is searched as code, system|code, |code or system|. A bar in it is written \\|.")
    if len(parts) == 1:
        return lambda found: any(code == parts[0] for _, code in tokens(found, systems))
    system, code = canonical(parts[0]), parts[1]
    if not system:
        return lambda found: any(one[1] == code and not one[0] for one in _with_own_system(found))
    if not code:
        return lambda found: any(one[0] == system for one in tokens(found, systems))
    return lambda found: any(one[1] == code and one[0] in (system, None) for one in tokens(found, systems))


def tokens(found: Any, systems: frozenset[str]) -> Iterator[Token]:
    """Each (system, code) in a value; a code that stands alone has the systems that its element implies."""
    if isinstance(found, str):
        yield from ((system, found) for system in systems or (None,))
    else:
        yield from _with_own_system(found)


def _with_own_system(found: Any) -> Iterator[Token]:
    """As `tokens`, with the systems that are written there only; "" where none is."""
    if isinstance(found, bool):
        yield None, "true" if found else "false"
    elif isinstance(found, str):
        yield "", found
    elif isinstance(found, dict):
        for one in found.get("coding", [found]):
            yield canonical(one.get("system", "")), one.get("value") or one.get("code") or ""


def _member_test(value: str, systems: frozenset[str]) -> Test:
    for value_set in published("ValueSet").values():
        if value_set["url"] == unescape(value):
            system = value_set["compose"]["include"][0]["system"]
            codes = vocabulary(value_set["id"]).displays
            return lambda found: any(one[0] == system and one[1] in codes for one in tokens(found, systems))
    raise BadRequest(":in takes the url of a ValueSet that this gateway has. GET ValueSet lists them.")


def _of_type_test(value: str) -> Test:
    parts = split_bars(value)
    if len(parts) != 3 or not all(parts):
        raise BadRequest(":of-type takes system|code|value: the identifier's type, then its value.")
    system, code, wanted = parts
    return lambda found: (
        isinstance(found, dict)
        and found.get("value") == wanted
        and any(one == (system, code) for one in _with_own_system(found.get("type", {"coding": []})))
    )


def normal_words(found: Any) -> list[str]:
    """The words beside the codes, normalised, as `:text` looks at them."""
    return [normalise(words) for words in _words(found)]


def _words(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        yield found.get("text") or found.get("display") or ""
        yield from (one.get("display", "") for one in found.get("coding", []))
        yield found["type"].get("text", "") if isinstance(found.get("type"), dict) else ""
