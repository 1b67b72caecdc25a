"""Parts of a resource (R4 search.html#summary, #elements): marked as such, with nothing left out that changes what
the rest means."""

from collections.abc import Iterable
from typing import Any

from gateway.search.table import TABLE

Json = dict[str, Any]

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "Subsetted",
}
ALWAYS = frozenset({"resourceType", "id", "meta"})


def subset(content: Json, summary: str, elements: Iterable[str], row: Json | None = None) -> Json:
    """The elements named; else what `_summary` true, text or data leaves; else all. `row` for a type of no table.

    Elements that R4 requires, and those that modify the meaning, are kept whatever is asked.
    """
    wanted = set(elements)
    if not wanted and summary not in ("true", "text", "data"):
        return content
    row = row or TABLE[content["resourceType"]]
    kept, choices = ALWAYS.union(row["kept"]), row["choices"]

    def stays(key: str) -> bool:
        name = key.removeprefix("_")
        if name in kept:
            return True
        if wanted:
            return name in wanted or choices.get(name) in wanted
        return name == "text" if summary == "text" else name != "text" if summary == "data" else name in row["summary"]

    left = {key: value for key, value in content.items() if stays(key)}
    if "contained" in content and _names_contained(left):
        left["contained"] = content["contained"]
    meta = content.get("meta", {})
    return left | {"meta": meta | {"tag": [*meta.get("tag", []), SUBSETTED]}}


def _names_contained(value: Any) -> bool:
    if isinstance(value, dict):
        return str(value.get("reference", "")).startswith("#") or any(map(_names_contained, value.values()))
    return isinstance(value, list) and any(map(_names_contained, value))
