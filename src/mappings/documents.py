"""Reads map files for people who write them: every mistake with its file, its line and what was expected.

The service itself reads the same files with `mappings.translate.maps_in`.
"""

import json
from dataclasses import dataclass
from functools import partial
from json.decoder import JSONObject  # type: ignore[attr-defined]  # the stubs leave out what the module documents
from json.scanner import py_make_scanner  # type: ignore[attr-defined]  # as above
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mappings.shapes import CodeSystemFile, ConceptMapFile, DialectFile, FieldsFile

Json = dict[str, Any]

SHAPES: dict[str, type[BaseModel]] = {
    "ConceptMap": ConceptMapFile, "CodeSystem": CodeSystemFile, "fields": FieldsFile, "dialect": DialectFile,
}  # fmt: skip
LARGEST = 5_000_000  # bytes of one map file; the largest of ours has 30,000


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """What is wrong, and where: `line` counts from 1, 0 stands for the file as a whole."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class UnreadableMap(ValueError):
    """The maps cannot be used as they are."""

    def __init__(self, gaps: list[Gap]) -> None:
        super().__init__("\n".join(map(str, gaps)))
        self.gaps = gaps


class Placed(dict[str, Any]):
    """A JSON object that knows the line it begins in."""

    line: int = 0


def line_of(value: Any) -> int:
    return value.line if isinstance(value, Placed) else 0


def read_folder(folder: Path) -> dict[str, Json]:
    """The documents of a folder of maps by file name without `.json`. Raises UnreadableMap with all that stands in the
    way."""
    files = sorted(path for kind in ("ConceptMap", "CodeSystem", "fields") for path in folder.glob(f"*.{kind}.json"))
    if not files:
        raise UnreadableMap([Gap(str(folder), 0, "expected a folder of maps: NAME.ConceptMap.json and the like.")])
    documents: dict[str, Json] = {}
    gaps: list[Gap] = []
    for path in files:
        try:
            documents[path.name.removesuffix(".json")] = read_document(path, path.name.split(".")[-2])
        except UnreadableMap as trouble:
            gaps += trouble.gaps
    if gaps:
        raise UnreadableMap(gaps)
    return documents


def read_document(path: Path, kind: str) -> Placed:
    """One file: ConceptMap, CodeSystem, fields or dialect. Raises UnreadableMap."""
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableMap([Gap(path.name, 0, f"expected at most {LARGEST:,} bytes; this is no map.")])
        text = path.read_text("utf-8")
    except OSError as trouble:
        raise UnreadableMap([Gap(str(path), 0, f"cannot be read: {trouble.strerror}.")]) from None
    except UnicodeDecodeError:
        raise UnreadableMap([Gap(path.name, 0, "expected JSON in UTF-8; this is not text.")]) from None
    content = parse(text, path.name)
    try:
        SHAPES[kind].model_validate(content)
    except ValidationError as trouble:
        raise UnreadableMap([_told(dict(error), content, path.name) for error in trouble.errors()]) from None
    return content


def parse(text: str, name: str) -> Placed:
    """The JSON object of a text. Raises UnreadableMap."""
    try:
        content = _Decoder(name).decode(text)
    except json.JSONDecodeError as trouble:
        what = trouble.msg.removeprefix("Expecting ")
        what = f"expected {what}" if what != trouble.msg else f"expected JSON: {trouble.msg}"
        raise UnreadableMap([Gap(name, trouble.lineno, f"{what}, at column {trouble.colno}.")]) from None
    except RecursionError:
        raise UnreadableMap([Gap(name, 0, "expected a map; this is nested too deeply.")]) from None
    if not isinstance(content, Placed):
        raise UnreadableMap([Gap(name, 1, "expected a JSON object: { ... }.")])
    return content


class _Decoder(json.JSONDecoder):
    """Python's own, which tells each object where it was called."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.parse_object = self._placed
        self.scan_once = py_make_scanner(self)

    def _placed(self, text_and_end: tuple[str, int], strict: bool, scan_once: Any, *_: Any) -> tuple[Placed, int]:
        text, start = text_and_end
        line = text.count("\n", 0, start) + 1
        content: Placed
        content, end = JSONObject(text_and_end, strict, scan_once, None, partial(self._once, line))
        return content, end

    def _once(self, line: int, pairs: list[tuple[str, Any]]) -> Placed:
        content = Placed(pairs)
        content.line = line
        if len(content) < len(pairs):
            twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
            raise UnreadableMap([Gap(self.name, line, f"expected each key once; {twice!r} stands twice.")])
        return content


def _told(error: Json, content: Placed, name: str) -> Gap:
    way = list(error["loc"])
    found: Any = content
    line = content.line
    for part in way:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            break
        line = line_of(found) or line
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in way).lstrip(".")
    match error["type"]:
        case "extra_forbidden":
            text = "is not known here; is it misspelt?"
        case "missing":
            text = "expected, and missing."
        case "value_error":
            text = f"{error['ctx']['error']}."
        case _:
            text = error["msg"].replace("Input should be", "expected").replace("String should", "expected to") + "."
    return Gap(name, line, f"{place}: {text}" if place else text)
