"""What `gateway maps try` prints: where each field came from, what was not understood, and what the profile says."""

import re
from collections.abc import Iterator
from typing import Any

from rich.table import Table

from gateway.errors import Issue
from gateway.workbench.trial import Reading, Tried
from mappings.to_referral import explain
from mappings.translator import Translator

Json = dict[str, Any]

PLACES = re.compile(r"\[\d+\]")
PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def value_at(referral: Json, target: str) -> Any:
    """What stands at person.phones[0].value; None when nothing does."""
    found: Any = referral
    for name, index in PART.findall(target):
        try:
            found = found[int(index)] if index else found[name]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def trace_of(reading: Reading, by: Translator) -> list[Json]:
    """The trace (`mappings.to_referral.explain`), each field with its `value`; objects by their parts."""
    rows = [row | {"value": value_at(reading.referral, str(row["target"]))} for row in _explained(reading, by)]
    return [row for row in rows if not isinstance(row["value"], dict)]


def _explained(reading: Reading, by: Translator) -> list[dict[str, str | None]]:
    return explain(reading.rows, reading.versions, by)


def as_json(tried: Tried, by: Translator) -> Json:
    return {
        "file": tried.name,
        "refused": tried.refused,
        "findings": [
            {"severity": one.severity, "code": one.code, "expression": one.expression, "text": one.text}
            for one in tried.findings
        ],
        "referrals": [
            {
                "referral": one.referral,
                "trace": trace_of(one, by),
                "unknown": one.unknown,
                "maps": one.versions,
            }
            for one in tried.readings
        ],
    }


def tell(tried: Tried, by: Translator) -> Iterator[str | Table]:
    """Parts to print, one after the other."""
    yield f"{tried.name}: {_verdict(tried)}"
    for reading in tried.readings:
        table = Table(box=None, pad_edge=False)
        for column in ("field", "value", "source", "row", "map", "version"):
            table.add_column(column, overflow="fold")
        for row in trace_of(reading, by):
            cells = (row["target"], plain(row["value"]), row["source"], row["row"], row["map"], row["version"] or "")
            table.add_row(*cells)
        yield table
        yield from (_unknown(one) for one in reading.unknown)
    for issue in sorted(tried.findings, key=lambda one: one.severity != "error"):
        yield f"  {issue.severity}: {_placed(issue)}"


def _verdict(tried: Tried) -> str:
    if tried.refused:
        return "refused" + (", and would have read as follows" if tried.readings else "")
    count = len(tried.readings)
    return "accepted, without a referral in it" if not count else f"accepted, {count} referral{'s' * (count > 1)}"


def _unknown(one: dict[str, str | None]) -> str:
    words = f" ({one['text']})" if one["text"] else ""
    if one["code"] is None:
        return f"  no code: {one['expression']} has words only{words}"
    return f"  unknown code: {one['expression']} {one['system'] or 'no system'}|{one['code']}{words}"


def _placed(issue: Issue) -> str:
    return issue.text if (issue.expression or "") in issue.text else f"{issue.expression}: {issue.text}"


def plain(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(plain, value))
    return {True: "yes", False: "no", None: ""}[value] if value is None or isinstance(value, bool) else str(value)
