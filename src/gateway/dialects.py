"""Which maps an organisation is translated by: the standard ones, and the dialect that its EPR speaks.

A dialect is NAME.json in the folder of GATEWAY_DIALECTS_FOLDER, or among those that come along. What was read is kept
until the process ends.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from gateway.errors import Unavailable
from mappings.check import read_dialect
from mappings.documents import UnreadableMap
from mappings.to_referral import explain
from mappings.translate import PACKAGED, Maps
from mappings.translator import Translator, translator

Json = dict[str, Any]

log = structlog.get_logger()


class DialectError(ValueError):
    """There is no dialect of this name, or it cannot be used; the text says why."""


def dialect_files(maps: Maps, folder: Path | None) -> dict[str, Path]:
    """The files by the names of their dialects: those that come with the maps, and those of the folder before them."""
    found: dict[str, Path] = {}
    for each in (maps.folder / "dialects", folder):
        found |= {path.stem: path for path in sorted(each.glob("*.json"))} if each else {}
    return found


class DialectUnavailable(Unavailable):
    text = "The maps for your record system cannot be read at the moment. Nothing was kept; send it again later."


@cache
def translator_for(maps: Maps, folder: Path | None, dialect: str | None) -> Translator:
    """Raises DialectError."""
    if dialect is None:
        return translator(maps)
    files = dialect_files(maps, folder)
    if dialect not in files:
        known = ", ".join(sorted(files)) or "none"
        raise DialectError(f"there is no dialect {dialect[:40]}; known here: {known}")
    try:
        return translator(maps, read_dialect(files[dialect], maps))
    except UnreadableMap as trouble:
        raise DialectError(str(trouble)) from None


def translator_of(maps: Maps, folder: Path | None, organisation: Json) -> Translator:
    """Of a registered organisation. Raises Unavailable when its dialect cannot be read: the sender tries again."""
    try:
        return translator_for(maps, folder, organisation.get("dialect"))
    except DialectError as trouble:
        log.error("dialect unreadable", dialect=organisation.get("dialect"), reason=str(trouble))
        raise DialectUnavailable from None


def explain_trace(trace: Json, folder: Path | None) -> list[dict[str, str | None]]:
    """A stored trace in full (`mappings.to_referral.explain`), by the dialect that it names if that is still there."""
    try:
        by = translator_for(PACKAGED, folder, next(_dialects(trace["maps"]), None))
    except DialectError:
        by = translator_for(PACKAGED, None, None)
    return explain(trace["rows"], trace["maps"], by)


def _dialects(maps: Json) -> Iterator[str]:
    return (name.removesuffix(".dialect") for name in maps if name.endswith(".dialect"))
