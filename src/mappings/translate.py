"""Codes into codes: the ConceptMaps and CodeSystems of a folder, by default those of `maps/`, read once.

A map answers with the target's code and display, or with None: the caller then says so, never silently.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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


class Maps:
    """The maps of one folder: what `read` gives are the JSON documents as they stand there, not to be changed."""

    def __init__(self, folder: Path, documents: Mapping[str, dict[str, Any]]) -> None:
        """`documents` by file name without `.json`, e.g. priority.ConceptMap."""
        self.folder = folder
        self._documents = documents
        self._vocabularies: dict[str, Vocabulary] = {}
        self._code_maps: dict[str, CodeMap] = {}

    def read(self, name: str, kind: str) -> dict[str, Any]:
        """Raises LookupError when there is no such map."""
        try:
            return self._documents[f"{name}.{kind}"]
        except KeyError:
            raise LookupError(f"There is no map {name}.{kind}.json.") from None

    def names(self, kind: str) -> list[str]:
        """The names of all maps of a kind: ConceptMap, CodeSystem or fields."""
        return sorted(one.removesuffix(f".{kind}") for one in self._documents if one.endswith(f".{kind}"))

    def vocabulary(self, name: str) -> Vocabulary:
        if name not in self._vocabularies:
            self._vocabularies[name] = _vocabulary(name, self.read(name, "CodeSystem"))
        return self._vocabularies[name]

    def vocabulary_at(self, url: str) -> Vocabulary | None:
        """The vocabulary of ours that has this url."""
        return next((each for name in self.names("CodeSystem") if (each := self.vocabulary(name)).url == url), None)

    def code_map(self, name: str) -> CodeMap:
        """The ConceptMap of this name. A code that already is one of the target vocabulary stands for itself."""
        if name not in self._code_maps:
            self._code_maps[name] = self._made(name, self.read(name, "ConceptMap"))
        return self._code_maps[name]

    def _made(self, name: str, content: dict[str, Any]) -> CodeMap:
        result = CodeMap(name, content["version"])
        for group in content["group"]:
            if own := self.vocabulary_at(group["target"]):
                targets = {code: Target(own.url, code, own.displays[code]) for code in own.displays}
                result.coded.update({(own.url, code): target for code, target in targets.items()})
        for group in content["group"]:
            for source, target in elements(group, group["target"]):
                result.coded[source] = target
                result.plain.setdefault(source[1], target)
        return result


def maps_in(folder: Path) -> Maps:
    """The maps of a folder. Raises OSError, and ValueError for what is no JSON; `mappings.documents` says where."""
    files = sorted(folder.glob("*.*.json"))
    return Maps(folder, {path.name.removesuffix(".json"): json.loads(path.read_text("utf-8")) for path in files})


def elements(group: dict[str, Any], target_system: str) -> Iterator[tuple[tuple[str, str], Target]]:
    """((system, code), target) of each row of a ConceptMap's group that has a target."""
    for element in group["element"]:
        for target in element["target"][:1]:
            if "code" in target:  # equivalence `unmatched` has none: the row only explains why
                yield (group["source"], element["code"]), Target(target_system, target["code"], target["display"])


def _vocabulary(name: str, content: dict[str, Any]) -> Vocabulary:
    displays = {concept["code"]: concept.get("display", "") for concept in content["concept"]}
    definitions = {concept["code"]: concept["definition"] for concept in content["concept"] if "definition" in concept}
    words = {
        concept["code"]: each["valueString"]
        for concept in content["concept"]
        for each in concept.get("property", [])
        if each["code"] == "search-words"
    }
    return Vocabulary(name, content["url"], content["version"], displays, definitions, words)


PACKAGED = maps_in(MAPS)
read, names = PACKAGED.read, PACKAGED.names
vocabulary, vocabulary_at, code_map = PACKAGED.vocabulary, PACKAGED.vocabulary_at, PACKAGED.code_map
