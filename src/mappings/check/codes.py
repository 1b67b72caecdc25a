"""Vocabularies and ConceptMaps: each code once, with words, and known where it comes from and where it leads."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from mappings.check.r4 import codes_of
from mappings.documents import Gap, line_of
from mappings.translate import Maps, Vocabulary
from mappings.translator import FIELDS, NUMBER_STATUS

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
# Maps that the code reads by name, or that are only served to others ($translate); a row names each of the rest.
READ_BY_CODE = {*COMPLETE, NUMBER_STATUS, "encounter-status", "priority"}
ONLY_SERVED = {"contact-method", "risk-type"}


def check_vocabulary(name: str, content: Json) -> Iterator[Gap]:
    file = f"{name}.CodeSystem.json"
    yield from twice(file, content["concept"], "code")
    for concept in content["concept"]:
        if not concept.get("display"):
            yield Gap(file, line_of(concept), f"{concept['code']} has no display.")


def check_concept_map(name: str, content: Json, maps: Maps) -> Iterator[Gap]:
    file = f"{name}.ConceptMap.json"
    rows: dict[str, list[Json]] = {}
    for group in content["group"]:
        rows.setdefault(group["source"], []).extend(group["element"])
    for each in rows.values():
        yield from twice(file, each)
    for group in content["group"]:
        yield from check_elements(file, group["source"], group["target"], group["element"], maps)
    if COMPLETE.get(name) in maps.names("CodeSystem"):
        mapped = [element["code"] for group in content["group"] for element in group["element"]]
        missing = absent(maps.vocabulary(COMPLETE[name]), mapped)
        yield from (Gap(file, line_of(content["group"][0]), f"no row for {code}.") for code in missing)


def check_elements(file: str, source: str, target: str, rows: list[Json], maps: Maps) -> Iterator[Gap]:
    """Rows of a ConceptMap that lead from one system to another."""
    for element in rows:
        line, first = line_of(element), element["target"][0]
        yield from _unlike(file, line, maps.vocabulary_at(source), element)
        if element["code"] not in codes_of(source, [element["code"]]):
            yield Gap(file, line, f"{element['code']} is never sent: FHIR R4 has no such code in {source}.")
        if "code" not in first:
            if first["equivalence"] != "unmatched" or not first.get("comment"):
                yield Gap(file, line, f"{element['code']} has no target; say `unmatched`, and why in a comment.")
            continue
        yield from _unlike(file, line, maps.vocabulary_at(target), first)
        if first["code"] not in codes_of(target, [first["code"]]):
            yield Gap(file, line, f"{first['code']} is no target: FHIR R4 has no such code in {target}.")
        if len(element["target"]) > 1:
            yield Gap(file, line, f"{element['code']} has several targets; only the first is ever used.")


def check_missing(maps: Maps) -> Iterator[Gap]:
    """Maps that the code reads by name."""
    for name in sorted(READ_BY_CODE - set(maps.names("ConceptMap"))):
        yield Gap(f"{name}.ConceptMap.json", 0, "expected, and missing: the gateway reads it.")


def check_unused(maps: Maps) -> Iterator[Gap]:
    used = READ_BY_CODE | ONLY_SERVED | converted_by(maps.read(FIELDS, "fields")["rows"])
    for name in maps.names("ConceptMap"):
        if name not in used:
            yield Gap(f"{name}.ConceptMap.json", 0, f"no row of {FIELDS}.fields.json converts by this map.")


def converted_by(rows: list[Json]) -> set[str]:
    """What rows of a field map name in `convert`."""
    inner = (name for row in rows for name in converted_by(row.get("each", [])))
    return {row["convert"] for row in rows if "convert" in row} | set(inner)


def absent(vocabulary: Vocabulary, given: Iterable[str]) -> list[str]:
    """The codes of a vocabulary that are not among those given."""
    there = set(given)
    return [code for code in vocabulary.displays if code not in there]


def twice(file: str, rows: list[Json], key: str = "code") -> Iterator[Gap]:
    """The second row and each further one of the same key: it is never reached."""
    counts = Counter[str]()
    for row in rows:
        counts[row[key]] += 1
        if counts[row[key]] == 2:
            yield Gap(file, line_of(row), f"{row[key]} stands there twice; only one of them can count.")


def _unlike(file: str, line: int, known: Vocabulary | None, coding: Json) -> Iterator[Gap]:
    """A code without words, or with other words than its vocabulary's; vocabularies of others are not at hand."""
    if not coding.get("display"):
        yield Gap(file, line, f"{coding['code']} has no display.")
    elif known and known.displays.get(coding["code"]) != coding["display"]:
        text = f"{coding['code']} with the words {coding['display']!r} is not in {known.name}.CodeSystem."
        yield Gap(file, line, text)
