"""A dialect: its rows have a place and a use, its codes add something to a map that is used."""

from collections.abc import Iterator
from typing import Any

from mappings.check.codes import check_elements, converted_by, twice
from mappings.check.fields import all_rows, check_fields
from mappings.dialect import FIXED_MAPS, dialect_from
from mappings.documents import Gap, line_of
from mappings.translate import Maps
from mappings.translator import FIELDS

Json = dict[str, Any]


def check_dialect(file: str, content: Json, maps: Maps) -> list[Gap]:
    """`file` is the name of its file, which must be that of the dialect."""
    gaps = []
    if file != f"{content['name']}.json":
        gaps.append(Gap(file, line_of(content), f"name: expected {file.removesuffix('.json')}, as the file is called."))
    if not content.get("codes") and not content.get("rows"):
        gaps.append(Gap(file, line_of(content), "expected codes or rows: this dialect changes nothing."))
    gaps += _check_codes(file, content, maps)
    gaps += _check_rows(file, content, maps)
    return sorted(gaps)


def _check_codes(file: str, content: Json, maps: Maps) -> Iterator[Gap]:
    dialect = dialect_from(content)
    used = converted_by(dialect.placed(maps.read(FIELDS, "fields")["rows"]))
    usable = sorted(used & set(maps.names("ConceptMap")) - FIXED_MAPS)
    seen: dict[tuple[str, str], list[Json]] = {}
    for group in dialect.codes:
        name = group["map"]
        if name not in usable:
            yield Gap(file, line_of(group), f"map: expected one of {', '.join(usable)}, which rows convert by.")
            continue
        target = maps.read(name, "ConceptMap")["group"][0]["target"]
        yield from check_elements(file, group["source"], target, group["element"], maps)
        seen.setdefault((name, group["source"]), []).extend(group["element"])
        for element in group["element"]:
            standard = maps.code_map(name).coded.get((group["source"], element["code"]))
            if standard and standard.code == element["target"][0].get("code"):
                text = f"{element['code']} adds nothing: {name}.ConceptMap.json says the same."
                yield Gap(file, line_of(element), text)
    for elements in seen.values():
        yield from twice(file, elements)


def _check_rows(file: str, content: Json, maps: Maps) -> Iterator[Gap]:
    standard = {row["id"]: (target, row) for _, target, row in all_rows(maps.read(FIELDS, "fields")["rows"])}
    dialect, replaced = dialect_from(content), set[str]()
    for row in dialect.rows:
        anchor = row.get("before") or row["replaces"]
        found = standard.get(anchor)
        if found is None:
            text = f"row {row['id']} names {anchor}: expected the id of a row of {FIELDS}.fields.json."
            yield Gap(file, line_of(row), text)
        elif found[1]["target"] != row["target"]:
            text = f"row {row['id']} fills {row['target']}: expected {found[1]['target']}, as {anchor} does."
            yield Gap(file, line_of(row), text)
        if "replaces" in row and anchor in replaced:
            yield Gap(file, line_of(row), f"row {row['id']} is never reached: another row replaces {anchor} already.")
        replaced |= {anchor} if "replaces" in row else set()
    # What the map had wrong before is told of the map itself.
    before = {gap.text for gap in check_fields(file, maps.read(FIELDS, "fields")["rows"])}
    for gap in check_fields(file, dialect.placed(maps.read(FIELDS, "fields")["rows"])):
        if gap.text not in before:
            yield gap
