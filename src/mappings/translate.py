"""Codes into codes: the ConceptMaps and CodeSystems of `maps/`, read once.

A map answers with the target's code and display, or with None: the caller then says so, never silently.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

MAPS = Path(__file__).parent / "maps"


@dataclass(frozen=True, slots=True)
class Target:
    system: str
    code: str
    display: str

    def coding(self) -> dict[str, str]:
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One CodeSystem: its url, version, the display of each code, and where that is said what it means, and other words
    by which somebody may look for it."""

    name: str
    url: str
    version: str
    displays: dict[str, str]
    definitions: dict[str, str] = field(default_factory=dict)
    search_words: dict[str, str] = field(default_factory=dict)

    def target(self, code: str) -> Target | None:
        display = self.displays.get(code)
        return Target(self.url, code, display) if display is not None else None

    def display(self, code: str) -> str:
        """The words for a code; a code that is not known speaks for itself."""
        return self.displays.get(code) or code.replace("-", " ")


@dataclass(frozen=True, slots=True)
class CodeMap:
    """One ConceptMap, indexed by source system and code, and by code alone for elements that have no system."""

    name: str
    version: str
    coded: dict[tuple[str, str], Target] = field(default_factory=dict)
    plain: dict[str, Target] = field(default_factory=dict)

    def translate(self, code: str, system: str | None = None) -> Target | None:
        return self.plain.get(code) if system is None else self.coded.get((system, code))

    def concept(self, value: Any) -> Target | None:
        """The target of a code, a Coding or a CodeableConcept, whose codings are tried in order."""
        if isinstance(value, str):
            return self.plain.get(value)
        for coding in value.get("coding", [value]) if isinstance(value, dict) else []:
            if found := self.coded.get((coding.get("system", ""), coding.get("code", ""))):
                return found
        return None


def read(name: str, kind: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((MAPS / f"{name}.{kind}.json").read_text(encoding="utf-8"))
    return content


def names(kind: str) -> list[str]:
    """The names of all maps of a kind: ConceptMap, CodeSystem or fields."""
    return sorted(path.name.removesuffix(f".{kind}.json") for path in MAPS.glob(f"*.{kind}.json"))


@cache
def vocabulary(name: str) -> Vocabulary:
    content = read(name, "CodeSystem")
    displays = {concept["code"]: concept.get("display", "") for concept in content["concept"]}
    definitions = {concept["code"]: concept["definition"] for concept in content["concept"] if "definition" in concept}
    words = {
        concept["code"]: each["valueString"]
        for concept in content["concept"]
        for each in concept.get("property", [])
        if each["code"] == "search-words"
    }
    return Vocabulary(name, content["url"], content["version"], displays, definitions, words)


def vocabulary_at(url: str) -> Vocabulary | None:
    """The vocabulary of ours that has this url."""
    return next((each for name in names("CodeSystem") if (each := vocabulary(name)).url == url), None)


@cache
def code_map(name: str) -> CodeMap:
    """The ConceptMap of this name. A code that already is one of the target vocabulary stands for itself."""
    content = read(name, "ConceptMap")
    result = CodeMap(name, content["version"])
    ours = {vocabulary(each).url: vocabulary(each) for each in names("CodeSystem")}
    for group in content["group"]:
        if own := ours.get(group["target"]):
            result.coded.update({(own.url, code): Target(own.url, code, own.displays[code]) for code in own.displays})
    for source, target in _elements(content):
        result.coded[source] = target
        result.plain.setdefault(source[1], target)
    return result


def _elements(content: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Target]]:
    for group in content["group"]:
        for element in group["element"]:
            for target in element["target"][:1]:
                if "code" in target:  # equivalence `unmatched` has none: the row only explains why
                    found = Target(group["target"], target["code"], target["display"])
                    yield (group["source"], element["code"]), found
