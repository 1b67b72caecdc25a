"""Looks for gaps in the maps, and shows them as one table that an analyst can review in a spreadsheet."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from mappings.clinician import LINES
from mappings.referral import Referral
from mappings.to_referral import FIELDS, MAP
from mappings.translate import Vocabulary, names, read, vocabulary
from mappings.vocabularies import CLOSURE_REASONS

Json = dict[str, Any]

COMPLETE = {  # maps that must have a row for every code of a vocabulary of ours
    "task-status": "referral-status",
    "business-status": "referral-status",
    "closure-task-status": "closure-reason",
    "closure-business-status": "closure-reason",
    "rejected-reason": "not-accepted-reason",
    "closure-rejected-reason": "closure-reason",
    "dos-rejected-reason": "not-accepted-reason",
    "prescription-category": "prescription-category",
    "measure-tool": "measure-tool",
}
COLUMNS = ("map", "version", "row", "from", "to", "rule", "note")


def check_maps() -> list[str]:
    """Every gap found, as a sentence that says where; empty when the maps are whole."""
    gaps = [gap for name in names("CodeSystem") for gap in check_vocabulary(name, read(name, "CodeSystem"))]
    gaps += [gap for name in names("ConceptMap") for gap in check_concept_map(name, read(name, "ConceptMap"))]
    gaps += check_fields(MAP)
    gaps += [f"clinician.LINES has no line for {code}." for code in _missing("referral-status", LINES)]
    reasons = [reason for fitting in CLOSURE_REASONS.values() for reason in fitting]
    gaps += [f"CLOSURE_REASONS gives no closing status for {code}." for code in _missing("closure-reason", reasons)]
    return gaps


def check_vocabulary(name: str, content: Json) -> Iterator[str]:
    """A CodeSystem's codes: each once, each with words."""
    yield from _twice(f"{name}.CodeSystem", [concept["code"] for concept in content["concept"]])
    for concept in content["concept"]:
        if not concept.get("display"):
            yield f"{name}.CodeSystem: {concept['code']} has no display."


def check_concept_map(name: str, content: Json) -> Iterator[str]:
    """A ConceptMap's rows: each code once and known, each target known, the words those of the vocabulary."""
    where = f"{name}.ConceptMap"
    ours = {vocabulary(each).url: vocabulary(each) for each in names("CodeSystem")}
    for group in content["group"]:
        yield from _twice(where, [element["code"] for element in group["element"]])
        for element in group["element"]:
            yield from _unlike(where, ours.get(group["source"]), element)
            target = element["target"][0]
            if "code" in target:
                yield from _unlike(where, ours.get(group["target"]), target)
            elif target["equivalence"] != "unmatched" or not target.get("comment"):
                yield f"{where}: {element['code']} has no target; say `unmatched`, and why in a comment."
    if name in COMPLETE:
        mapped = [element["code"] for group in content["group"] for element in group["element"]]
        yield from (f"{where}: no row for {code}." for code in _missing(COMPLETE[name], mapped))


def check_fields(content: Json) -> Iterator[str]:
    """A field map's rows: ids once, targets that exist in the shape and none left out, no row that can never apply."""
    rows = list(_all_rows(content["rows"]))
    yield from _twice(f"{FIELDS}.fields", [row["id"] for _, _, row in rows])
    shape = dict(_shape(Referral))
    tried: dict[tuple[str, str], set[str]] = {}
    filled: set[str] = set()
    for item, target, row in rows:
        where = f"{FIELDS}.fields: row {row['id']}"
        if target not in shape:
            yield f"{where} fills {target}, which the referral does not have."
        elif shape[target] == "list" and row.get("take") != "all":
            yield f"{where} takes one value for {target}, which is a list."
        before = tried.setdefault((item, target), set())
        ways = {f"{source} {row.get('convert')} {row.get('show')}" for source in row["source"]}
        if ways <= before or "default" in before:
            yield f"{where} is never reached: rows above it always decide {target} first."
        before |= ways | ({"default"} if "default" in row else set())
        filled |= {target, *(f"{target}.{part}" for part in row.get("first", {}))}
    yield from (
        f"{FIELDS}.fields: no row fills {target}."
        for target in shape
        if target not in filled and shape[target] != "object"
    )


def render_maps() -> str:
    """All maps as one CSV table: map, version, row, from, to, rule, note."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_table())
    return table.getvalue()


def _table() -> Iterator[dict[str, str]]:
    named = {"map": f"{FIELDS}.fields", "version": MAP["version"]}
    for _, to, row in _all_rows(MAP["rows"]):
        said = [f"{key} {row[key]}" for key in ("convert", "show", "take", "default", "unless") if key in row]
        rule = ", ".join(said + ["required"] * row.get("required", False))
        yield named | {
            "row": row["id"],
            "from": " else ".join(row["source"]),
            "to": to,
            "rule": rule,
            "note": row["note"],
        }
    for name in names("ConceptMap"):
        content = read(name, "ConceptMap")
        for group in content["group"]:
            for element in group["element"]:
                target = element["target"][0]
                yield {
                    "map": f"{name}.ConceptMap",
                    "version": content["version"],
                    "row": element["code"],
                    "from": f"{element['display']} ({group['source']})",
                    "to": f"{target['code']} {target['display']} ({group['target']})" if "code" in target else "",
                    "rule": target["equivalence"],
                    "note": target.get("comment", ""),
                }
    for name in names("CodeSystem"):
        content = read(name, "CodeSystem")
        for concept in content["concept"]:
            words = {"to": concept["display"], "note": concept.get("definition", "")}
            yield {"map": f"{name}.CodeSystem", "version": content["version"], "row": concept["code"], **words}


def _all_rows(rows: list[Json], above: str = "", item: str = "") -> Iterator[tuple[str, str, Json]]:
    """Each row with its target in full, after the id of the row whose item it is part of."""
    for row in rows:
        yield item, above + row["target"], row
        yield from _all_rows(row.get("each", []), f"{above}{row['target']}.", row["id"])


def _shape(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Each field of a shape, by its full name, with what it is: value, list or object."""
    for name, field in model.model_fields.items():
        options = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
        kind = options[0]
        is_list = get_origin(kind) is list
        inner: Any = get_args(kind)[0] if is_list else kind
        is_object = isinstance(inner, type) and issubclass(inner, BaseModel)
        yield above + name, "list" if is_list else "object" if is_object else "value"
        if is_object:
            yield from _shape(inner, f"{above}{name}.")


def _twice(where: str, codes: list[str]) -> Iterator[str]:
    return (f"{where}: {code} stands there {count} times." for code, count in Counter(codes).items() if count > 1)


def _missing(name: str, given: Iterable[str]) -> list[str]:
    """The codes of a vocabulary that are not among those given."""
    return [code for code in vocabulary(name).displays if code not in set(given)]


def _unlike(where: str, known: Vocabulary | None, coding: Json) -> Iterator[str]:
    """A code without words, or with other words than its vocabulary's; vocabularies of others are not at hand."""
    if not coding.get("display"):
        yield f"{where}: {coding['code']} has no display."
    elif known and known.displays.get(coding["code"]) != coding["display"]:
        yield f"{where}: {coding['code']} with the words {coding['display']!r} is not in {known.name}.CodeSystem."
