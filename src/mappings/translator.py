"""The field map, ready to run: with the code maps that it converts by, and with a dialect's rows in their places."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings.conversions import CONSTANTS, conversions
from mappings.dialect import Dialect
from mappings.fields import Row, compile_rows
from mappings.translate import PACKAGED, CodeMap, Maps

Json = dict[str, Any]

FIELDS = "referral"
NUMBER_STATUS = "nhs-number-status"


@dataclass(frozen=True, slots=True)
class Translator:
    """`rows` run; `documents` has each of them, by id, as it is written; `versions` is map name -> version of each map
    in use, a dialect as NAME.dialect; `number_status` reads how well an NHS number is vouched for."""

    rows: tuple[Row, ...]
    documents: Mapping[str, Json]
    versions: Mapping[str, str]
    number_status: CodeMap
    dialect: Dialect | None = None


def translator(maps: Maps = PACKAGED, dialect: Dialect | None = None) -> Translator:
    """Compiles the field map of a folder. Raises ValueError for an expression outside the subset, LookupError for a
    map that is not there."""
    fields = maps.read(FIELDS, "fields")
    rows, version = fields["rows"], fields["version"]
    if dialect and dialect.rows:
        rows, version = dialect.placed(rows), version + dialect.mark

    def code_map(name: str) -> CodeMap:
        return dialect.extended(maps.code_map(name), maps) if dialect else maps.code_map(name)

    documents = _by_id(rows)
    used = {row["convert"] for row in documents.values() if "convert" in row} & set(maps.names("ConceptMap"))
    versions = {f"{FIELDS}.fields": version} | {name: code_map(name).version for name in sorted(used)}
    if dialect:
        versions[f"{dialect.name}.dialect"] = dialect.version
    compiled = compile_rows(rows, code_map, conversions(maps), CONSTANTS)
    return Translator(compiled, documents, versions, maps.code_map(NUMBER_STATUS), dialect)


def _by_id(rows: list[Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for row in rows:
        found |= {row["id"]: row} | _by_id(row.get("each", []))
    return found


STANDARD = translator()
