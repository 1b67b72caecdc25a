"""All maps as a document that a clinical analyst reads and signs: one page of HTML, or one table as CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.workbench.phrases import (
    ABOUT,
    ASKED_LEAD,
    BACK_LEAD,
    CONVERSIONS,
    DIALECTS_LEAD,
    FIELDS_LEAD,
    IN_LEAD,
    MEANINGS,
    OURS_LEAD,
    SYSTEMS,
    TAKES,
)
from gateway.workbench.table import as_csv
from gateway.workbench.wording import in_words, spoken
from mappings.check.codes import converted_by
from mappings.check.fields import all_rows
from mappings.translate import Maps
from mappings.translator import FIELDS

Json = dict[str, Any]

COLUMNS = (
    "kind", "map", "version", "row", "display", "from", "to", "to display", "to system", "rule", "required", "note",
)  # fmt: skip
BACK = (  # what receivers of updates are told; the other maps read what comes in, or are there to be asked
    "task-status", "business-status", "closure-task-status", "closure-business-status", "rejected-reason",
    "closure-rejected-reason", "encounter-status", "measure-tool",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One row of a ConceptMap; `target` is empty when the code is not translated."""

    code: str
    display: str
    target: str
    target_display: str
    equivalence: str
    note: str

    @property
    def meaning(self) -> str:
        return MEANINGS[self.equivalence]


@dataclass(frozen=True, slots=True)
class CodeTable:
    """What one ConceptMap, or a dialect's codes for it, say of one source system."""

    source: str
    target: str
    rows: list[CodeRow]


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One row of the field map. `target` is in full; `depth` tells the parts of an object from their object."""

    id: str
    target: str
    depth: int
    words: list[str]  # of each source, in words
    paths: list[str]  # and as FHIRPath
    rules: list[str]
    converts: str | None
    required: bool
    note: str
    place: tuple[str, str] | None = None  # of a dialect's row: how it stands to which standard one

    @property
    def label(self) -> str:
        return spoken(self.target.rpartition(".")[2]).capitalize().replace("Nhs", "NHS").replace("Gp ", "GP ")


@dataclass(frozen=True, slots=True)
class Section:
    """A map, a vocabulary or a dialect: what it is called, and what is in it."""

    id: str
    kind: str
    title: str
    version: str
    description: str
    tables: list[CodeTable] = field(default_factory=list)
    fields: list[FieldRow] = field(default_factory=list)
    concepts: list[tuple[str, str, str]] = field(default_factory=list)  # code, display, definition

    @property
    def groups(self) -> list[tuple[str, list[FieldRow]]]:
        """The fields by whom they are about, each group with its caption."""
        by = f", in {self.id}" if self.kind == "dialect" else ""
        kinds = [
            (caption + by, [row for row in self.fields if _about(row) == about]) for about, caption in ABOUT.items()
        ]
        return [(caption, rows) for caption, rows in kinds if rows]


@dataclass(frozen=True, slots=True)
class Chapter:
    id: str
    title: str
    lead: str
    sections: list[Section]


def render_html(maps: Maps, dialects: Sequence[Json]) -> str:
    """One page that needs nothing else. `dialects` are the documents of their files."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ours = {maps.vocabulary(name).url: f"{name}.CodeSystem" for name in maps.names("CodeSystem")}
    named = SYSTEMS | {maps.vocabulary(name).url: _title(name, maps) for name in maps.names("CodeSystem")}
    return pages.get_template("maps.html").render(chapters=chapters(maps, dialects), ours=ours, named=named)


def render_csv(maps: Maps, dialects: Sequence[Json]) -> str:
    """One row for each row of each map."""
    sections = [section for chapter in chapters(maps, dialects) for section in chapter.sections]
    return as_csv(COLUMNS, (row for section in sections for row in _csv_rows(section)))


def _csv_rows(section: Section) -> Iterator[tuple[str, ...]]:
    start = section.kind, section.id, section.version
    for row in section.fields:
        rule = " ".join([*row.rules, *(row.place or ())])
        required = "yes" if row.required else "no"
        yield (*start, row.id, row.label, " else ".join(row.paths), row.target, "", "", rule, required, row.note)
    for table in section.tables:
        for one in table.rows:
            to = one.target, one.target_display, table.target
            yield (*start, one.code, one.display, table.source, *to, one.equivalence, "", one.note)
    for code, display, definition in section.concepts:
        yield (*start, code, display, "", "", "", "", "", "", definition)


def chapters(maps: Maps, dialects: Sequence[Json]) -> list[Chapter]:
    fields, there = maps.read(FIELDS, "fields"), maps.names("ConceptMap")
    used = converted_by(fields["rows"])
    read = [name for name in there if name in used]
    back = [name for name in BACK if name in there]
    asked = [name for name in there if name not in used and name not in BACK]
    whole = Section(
        f"{FIELDS}.fields", "fields", fields["title"], fields["version"], "", fields=_fields(fields["rows"], maps)
    )
    return [
        Chapter("fields", "Where each field comes from", FIELDS_LEAD, [whole]),
        Chapter("codes-in", "Codes that come in", IN_LEAD, [_code_map(name, maps) for name in read]),
        Chapter(
            "codes-back",
            "Statuses and reasons that go back",
            BACK_LEAD,
            [_code_map(name, maps) for name in back],
        ),
        Chapter("codes-asked", "Codes that others may ask for", ASKED_LEAD, [_code_map(name, maps) for name in asked]),
        Chapter("dialects", "Dialects", DIALECTS_LEAD, [_dialect(one, maps) for one in dialects]),
        Chapter(
            "vocabularies", "The vocabularies", OURS_LEAD, [_vocabulary(n, maps) for n in maps.names("CodeSystem")]
        ),
    ]


def _title(name: str, maps: Maps) -> str:
    return str(maps.read(name, "CodeSystem").get("title", name))


def _about(row: FieldRow) -> str:
    first = row.target.partition(".")[0]
    return first if first in ABOUT else ""


def _fields(rows: list[Json], maps: Maps) -> list[FieldRow]:
    return [_field(target, row, maps) for _, target, row in all_rows(rows)]


def _field(target: str, row: Json, maps: Maps) -> FieldRow:
    by = row.get("convert")
    before = ("Tried before", row["before"]) if "before" in row else None
    return FieldRow(
        id=row["id"],
        target=target,
        depth=target.count("."),
        words=[in_words(source) for source in row["source"]],
        paths=list(row["source"]),
        rules=list(_rules(row, maps)),
        converts=by if by in maps.names("ConceptMap") else None,
        required=row.get("required", False),
        note=row["note"],
        place=("Stands instead of", row["replaces"]) if "replaces" in row else before,
    )


def _rules(row: Json, maps: Maps) -> Iterator[str]:
    by = row.get("convert")
    if by in maps.names("ConceptMap"):
        shown = "the words of the map" if row.get("show") == "display" else "the code"
        yield f"Translated by the map {by}: {shown}."
    elif by:
        yield CONVERSIONS.get(by, f"Converted: {spoken(by)}.")
    if row.get("take") in TAKES:
        yield TAKES[row["take"]]
    if "order_by" in row:
        yield f"Sorted by {spoken(row['order_by'])}."
    if "first" in row:
        yield f"The first one also gets {', '.join(spoken(part) for part in row['first'])}."
    if "default" in row:
        yield f"If nothing is sent: {row['default']}."
    if "value" in row:
        yield f"Becomes {row['value']}."
    if row.get("unless") == "person.sensitive":
        yield "Not copied for a person whose record is restricted."
    elif "unless" in row:
        yield f"Not copied when {row['unless']} is true."


def _code_map(name: str, maps: Maps) -> Section:
    content = maps.read(name, "ConceptMap")
    tables = [_table(group, group["target"]) for group in content["group"]]
    about = content.get("title", name), content["version"], content.get("description", "")
    return Section(f"{name}.ConceptMap", "codes", *about, tables=tables)


def _table(group: Json, target: str) -> CodeTable:
    rows = []
    for element in group["element"]:
        one = element["target"][0]
        to = one.get("code", ""), one.get("display", ""), one["equivalence"], one.get("comment", "")
        rows.append(CodeRow(element["code"], element.get("display", ""), *to))
    return CodeTable(group["source"], target, rows)


def _vocabulary(name: str, maps: Maps) -> Section:
    content = maps.read(name, "CodeSystem")
    concepts = [(one["code"], one.get("display", ""), one.get("definition", "")) for one in content["concept"]]
    about = content.get("title", name), content["version"], content.get("description", "")
    return Section(f"{name}.CodeSystem", "vocabulary", *about, concepts=concepts)


def _dialect(content: Json, maps: Maps) -> Section:
    rows = [_field(row["target"], row, maps) for row in content.get("rows", [])]
    tables = [_table(group, _target_of(group["map"], maps)) for group in content.get("codes", [])]
    about = content["title"], content["version"], content.get("description", "")
    return Section(f"{content['name']}.dialect", "dialect", *about, tables=tables, fields=rows)


def _target_of(name: str, maps: Maps) -> str:
    return str(maps.read(name, "ConceptMap")["group"][0]["target"])
