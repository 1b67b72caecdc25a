"""Looks for gaps in the maps: what is missing, never reached, never sent, or said twice."""

from pathlib import Path

from mappings.check.codes import check_concept_map, check_missing, check_unused, check_vocabulary
from mappings.check.dialects import check_dialect
from mappings.check.fields import all_rows, check_fields, check_syntax, check_where
from mappings.check.words import check_words
from mappings.dialect import FIXED_MAPS, FIXED_TARGETS, Dialect, dialect_from
from mappings.documents import Gap, UnreadableMap, line_of, read_document, read_folder
from mappings.translate import Maps
from mappings.translator import FIELDS, NUMBER_STATUS

__all__ = [
    "check_concept_map",
    "check_dialect",
    "check_fields",
    "check_maps",
    "check_vocabulary",
    "read_dialect",
    "read_maps",
]


def check_maps(maps: Maps) -> list[Gap]:
    """Every gap found; empty when the maps are whole. With lines when `read_maps` read them."""
    gaps = [gap for name in maps.names("CodeSystem") for gap in check_vocabulary(name, maps.read(name, "CodeSystem"))]
    for name in maps.names("ConceptMap"):
        gaps += check_concept_map(name, maps.read(name, "ConceptMap"), maps)
    gaps += check_missing(maps)
    gaps += check_unused(maps)
    gaps += check_fields(f"{FIELDS}.fields.json", maps.read(FIELDS, "fields")["rows"])
    gaps += check_words(maps)
    return gaps


def read_maps(folder: Path) -> Maps:
    """The maps of a folder, which a Translator can be made of; their objects know their lines. Raises UnreadableMap
    with all that stands in the way."""
    documents = read_folder(folder)
    needed = (f"{FIELDS}.fields", f"{NUMBER_STATUS}.ConceptMap")
    gaps = [Gap(str(folder), 0, f"expected {one}.json, too.") for one in needed if one not in documents]
    if not gaps:
        maps = Maps(folder, documents)
        gaps = list(check_syntax(f"{FIELDS}.fields.json", maps.read(FIELDS, "fields")["rows"], maps))
    if gaps:
        raise UnreadableMap(gaps)
    return maps


def read_dialect(file: Path, maps: Maps) -> Dialect:
    """The dialect of a file, which fits these maps. Raises UnreadableMap."""
    content = read_document(file, "dialect")
    dialect = dialect_from(content)
    gaps = list(check_syntax(file.name, dialect.rows, maps))
    there = maps.names("ConceptMap")
    gaps += [
        Gap(file.name, line_of(group), f"map: expected one of {', '.join(there)}.")
        for group in dialect.codes
        if group["map"] not in there
    ]
    gaps += [
        Gap(file.name, line_of(one), f"{name} is the same for every sender: it says who somebody is.")
        for one, name, fixed in [
            *((group, group["map"], FIXED_MAPS) for group in dialect.codes),
            *((row, row["target"], FIXED_TARGETS) for row in dialect.rows),
        ]
        if name in fixed
    ]
    placed = all_rows(dialect.placed(maps.read(FIELDS, "fields")["rows"]))
    gaps += check_where(file.name, [one for one in placed if one[2] in dialect.rows])
    if gaps:
        raise UnreadableMap(gaps)
    return dialect
