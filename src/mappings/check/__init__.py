"""Looks for gaps in the maps: what is missing, never reached, never sent, or said twice."""

from mappings.check.codes import check_concept_map, check_unused, check_vocabulary
from mappings.check.dialects import check_dialect
from mappings.check.fields import check_fields
from mappings.check.words import check_words
from mappings.documents import Gap
from mappings.translate import Maps
from mappings.translator import FIELDS

__all__ = ["check_concept_map", "check_dialect", "check_fields", "check_maps", "check_vocabulary"]


def check_maps(maps: Maps) -> list[Gap]:
    """Every gap found; empty when the maps are whole. With lines when `mappings.documents.read_maps` read them."""
    gaps = [gap for name in maps.names("CodeSystem") for gap in check_vocabulary(name, maps.read(name, "CodeSystem"))]
    for name in maps.names("ConceptMap"):
        gaps += check_concept_map(name, maps.read(name, "ConceptMap"), maps)
    gaps += check_unused(maps)
    gaps += check_fields(f"{FIELDS}.fields.json", maps.read(FIELDS, "fields")["rows"], maps)
    gaps += check_words(maps)
    return gaps
