"""What another version of the maps would make different, counted: field, what it was, what it would be.

A value is shown only when a map made it; of what a sender wrote (names, addresses, words) it is told that it differs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.workbench.telling import PLACES, plain, value_at
from gateway.workbench.trial import Reading, Tried
from mappings.translator import Translator

Json = dict[str, Any]

MOST_KINDS = 5_000  # differences told apart; what is different in yet other ways is counted together
MOST_EXAMPLES = 3
SAFE_CONVERSIONS = {"known-code", "yes-when-true"}  # they yield codes of ours only

Leaf = tuple[str, Any]  # how it is shown; the value itself


@dataclass(slots=True)
class Difference:
    """In how many referrals, and the references of the first of them."""

    referrals: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Comparison:
    """`differences` by (field, was, would be). `read` referrals were compared, `different` of them are not the same."""

    values: bool = False  # whether what senders wrote is shown, too
    read: int = 0
    different: int = 0
    differences: dict[tuple[str, str, str], Difference] = field(default_factory=dict)

    def add(self, reference: str, old: Tried, new: Tried, old_by: Translator, new_by: Translator) -> None:
        """One request, as both versions have it."""
        self.read += 1
        kinds = set(self._kinds(old, new, old_by, new_by))
        self.different += bool(kinds)
        for kind in sorted(kinds):
            is_one_more = kind not in self.differences and len(self.differences) >= MOST_KINDS
            counted = (kind[0], "other values", "other values") if is_one_more else kind
            found = self.differences.setdefault(counted, Difference())
            found.referrals += 1
            if len(found.examples) < MOST_EXAMPLES:
                found.examples.append(reference)

    def sorted(self) -> list[tuple[tuple[str, str, str], Difference]]:
        """By field, the most frequent first."""
        return sorted(self.differences.items(), key=lambda one: (one[0][0], -one[1].referrals, one[0]))

    def _kinds(self, old: Tried, new: Tried, old_by: Translator, new_by: Translator) -> Iterator[tuple[str, str, str]]:
        if old.refused != new.refused:
            yield "the referral", _verdict(old), _verdict(new)
        for before, after in zip(old.readings, new.readings, strict=False):
            yield from self._fields(_leaves(before, old_by), _leaves(after, new_by))
            yield from _gone_and_come("unknown code", _unknown(before), _unknown(after))
        yield from _gone_and_come("finding", _findings(old), _findings(new))

    def _fields(self, old: dict[str, Leaf], new: dict[str, Leaf]) -> Iterator[tuple[str, str, str]]:
        nothing: Leaf = "nothing", None
        for target in [*old, *(one for one in new if one not in old)]:
            was, is_now = old.get(target, nothing), new.get(target, nothing)
            if was[1] == is_now[1]:
                continue
            shown = [plain(one[1]) if self.values and one[1] is not None else one[0] for one in (was, is_now)]
            if shown[0] == shown[1]:
                shown[1] = f"{shown[1]}, another"
            yield PLACES.sub("[]", target), shown[0], shown[1]


def _verdict(tried: Tried) -> str:
    return "refused" if tried.refused else "accepted"


def _leaves(reading: Reading, by: Translator) -> dict[str, Leaf]:
    """Each field that a row filled, by its full name: objects by their parts."""
    leaves: dict[str, Leaf] = {}
    for target, source, row_id in reading.rows:
        value = value_at(reading.referral, target)
        if (
            value is None
            or isinstance(value, dict)
            or (isinstance(value, list) and value and isinstance(value[0], dict))
        ):
            continue
        row = by.documents.get(row_id, {})
        leaves[target] = (plain(value) if _is_ours(row, source, value, by) else "as sent", value)
    return leaves


def _is_ours(row: Json, source: str, value: Any, by: Translator) -> bool:
    """Whether the maps made the value, so that it says nothing that a sender wrote."""
    converted = row.get("convert") in by.versions or row.get("convert") in SAFE_CONVERSIONS
    return converted or source == "default" or "value" in row or isinstance(value, bool)


def _unknown(reading: Reading) -> set[str]:
    return {f"{one['system'] or 'no system'}|{one['code']}" for one in reading.unknown if one["code"]}


def _findings(tried: Tried) -> set[str]:
    """Texts of findings: they name elements and rules, and never repeat a patient's value."""
    return {PLACES.sub("[]", f"{one.severity}: {one.text}") for one in tried.findings}


def _gone_and_come(what: str, old: set[str], new: set[str]) -> Iterator[tuple[str, str, str]]:
    yield from ((what, one, "none") for one in old - new)
    yield from ((what, "none", one) for one in new - old)
