"""Rubbish, and where it is put: what hypothesis draws to spoil a request that was valid."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Json = Any

DEEP, DEPTH = "@deep@", 3_000
DATES = [
    "0000-01-01", "0001-01-01", "9999-12-31", "2026-02-29", "2026-13-01", "2026-1-1", "20260101", "1582-10-10",
    "2026-12-31T23:59:60Z", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00-99:99", "gt9999", "ap0001", "ne", "eq2026-06",
]  # fmt: skip
IDS = [
    "a/b", "../..", "%2e%2e%2f", "a?b=c", "a#b", "#", "#nope", "a|b", "|", "\\|", "urn:uuid:", "http://", "Patient/",
    "Patient/1/_history/99999999999", "Patient?identifier=a|b", "Task?", "Bundle/1", "_history", "$validate", ".", "..",
    "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10", "https://fhir.nhs.uk/Id/nhs-number|9999999999", "http://127.0.0.1:1/Task/1",
]  # fmt: skip
TEXTS = [
    "", " ", "  a  ", "\t", "\r\n", "\x00", "\x1f", "\x7f", "\u202e", "\u2028", "\ufeff", "\ufffe", "\ud800",
    "😀" * 300,
    "e\u0301" * 50, "a" * 2_000, "%", "_", "'", '"', "\\", "${jndi:ldap://x}", "'; DROP TABLE referral; --", "<script>",
    "<div xmlns='http://www.w3.org/1999/xhtml'>" + "<b>" * 500, "NaN", "Infinity", "-Infinity", "1e400", "null", "true",
]  # fmt: skip
NUMBERS = [0, -1, 1.5, 10**30, -(10**30), 2**31, 2**63, 2**64, 1e308, 5e-324, float("nan"), float("inf"), -0.0]
OTHERS: list[Json] = [None, True, False, [], {}, [[]], [None], {"a": {}}, {"reference": 1}, {"extension": []}, DEEP]
EDGES: list[Json] = [*DATES, *IDS, *TEXTS, *NUMBERS, *OTHERS]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=8,
)
WAYS = ["put", "put", "put", "drop", "drop", "again", "many", "wrap", "unwrap", "swap", "swap", "add", "rename"]


@dataclass(frozen=True)
class Change:
    """Something done at one place of a document: `where` and `other` count its places, beginning again at their end."""

    how: str
    where: int
    other: int
    value: Json


places = st.integers(0, 5_000)
changes = st.builds(Change, st.sampled_from(WAYS), places, places, st.sampled_from(EDGES) | anything)
spoilt_bytes = st.sampled_from([""] * 40 + ["cut", "key", "utf8", "bom", "comment", "empty", "space"])
rubbish_text = st.sampled_from([*DATES, *IDS, *TEXTS]) | st.text(max_size=30)


def spoilt(document: Json, done: list[Change]) -> Json:
    """A copy of the document with the changes made, one after the other."""
    document = copy.deepcopy(document)
    for change in done:
        found = list(_places(document))
        if found:
            container, key = found[change.where % len(found)]
            other, other_key = found[change.other % len(found)]
            _change(container, key, change, copy.deepcopy(other[other_key]))
    return document


def _places(value: Json) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def _change(container: Any, key: Any, change: Change, other: Json) -> None:
    here = container[key]
    match change.how:
        case "drop":
            del container[key]
        case "again" if isinstance(container, list):
            container.append(copy.deepcopy(here))
        case "many" if isinstance(here, list):
            container[key] = here * (1 + change.other % 300)
        case "many" if isinstance(here, str):
            container[key] = (here * (1 + change.other))[:100_000]
        case "wrap":
            container[key] = [here]
        case "unwrap" if isinstance(here, list) and here:
            container[key] = here[0]
        case "swap":
            container[key] = other
        case "add" if isinstance(here, dict):
            here["extension" if change.other % 2 else "wombat"] = copy.deepcopy(change.value)
        case "rename" if isinstance(container, dict):
            container[f"_{key}" if change.other % 2 else f"{key}x"] = container.pop(key)
        case _:
            container[key] = copy.deepcopy(change.value)


def as_bytes(document: Json, how: str) -> bytes:
    """The document as JSON, or as what is nearly JSON."""
    written = json.dumps(document).replace(f'"{DEEP}"', '{"a":' * DEPTH + "1" + "}" * DEPTH).encode()
    match how:
        case "cut":
            return written[: len(written) * 2 // 3]
        case "key":
            return b'{"resourceType": "Bundle", ' + written[1:]
        case "utf8":
            return written.replace(b"a", b"\xff", 1)
        case "bom":
            return b"\xef\xbb\xbf" + written
        case "comment":
            return written + b" // {}"
        case "empty":
            return b""
        case "space":
            return b" " * 10_000 + written
        case _:
            return written
