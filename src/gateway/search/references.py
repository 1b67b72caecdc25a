"""References in searches (R4 search.html#reference): by id, Type/id, address, canonical, or the identifier in them."""

import re
from collections.abc import Callable
from typing import Any

from gateway.errors import BadRequest
from gateway.search.table import Parameter
from gateway.search.tokens import token_test, unescape

Test = Callable[[Any], bool]

LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
TYPE = re.compile(r"[A-Z][A-Za-z]+")


def reference_test(modifier: str, value: str, parameter: Parameter, base_url: str) -> Test:
    """Whether one Reference, or canonical, fits the value. Raises BadRequest for what is no reference."""
    if modifier == "identifier":
        fits = token_test("", value, frozenset())
        return lambda found: isinstance(found, dict) and "identifier" in found and fits(found["identifier"])
    type_, name = wanted(modifier, value, parameter, base_url)
    if type_:
        address = f"{type_}/{name}"
        return lambda found: plain(found) == address
    if ID.fullmatch(name):
        return lambda found: local(found)[1] == name and _is_target(found, parameter)
    return lambda found: name in (plain(found), plain(found).partition("|")[0])


def wanted(modifier: str, value: str, parameter: Parameter, base_url: str) -> tuple[str, str]:
    """(type, id) that a value names; the type is "" where it is not said, and the id then may be a whole address."""
    text = unescape(value).removeprefix(f"{base_url}/")
    here = LOCAL.fullmatch(text)
    type_, name = (here[1], here[2]) if here else ("", text)
    if modifier:
        if type_ not in ("", modifier) or not ID.fullmatch(name):
            raise BadRequest(f"{parameter.name}:{modifier} takes the id of a {modifier}.")
        return modifier, name
    if not type_ and len(parameter.targets) == 1 and ID.fullmatch(name):
        return next(iter(parameter.targets)), name
    if not name:
        raise BadRequest(f"{parameter.name} takes an id, Type/id or an address.")
    return type_, name.partition("/_history/")[0]


def plain(found: Any) -> str:
    """The Type/id, without a version, or the address in a Reference; a canonical as it stands; else ""."""
    text = found.get("reference", "") if isinstance(found, dict) else found
    if not isinstance(text, str):
        return ""
    return text.partition("/_history/")[0]


def local(found: Any) -> tuple[str, str]:
    """(type, id) of a Reference to what is stored here; two empty texts for any other."""
    named = LOCAL.fullmatch(plain(found))
    return (named[1], named[2]) if named else ("", "")


def _is_target(found: Any, parameter: Parameter) -> bool:
    return not parameter.targets or plain(found).partition("/")[0] in parameter.targets
