"""How one EPR speaks where that is not as the standard maps expect: more codes, and other places to look.

A dialect is data, one file: {"name", "version", "title", "description", "codes", "rows"}.
  codes   [{"map", "source", "element"}]: rows for the ConceptMap of that name, written as its own (`element` as in
          ConceptMap.group.element), for codes of the system `source`. They go before the map's own.
  rows    rows of the field map (`mappings.fields`), each with `before` or `replaces`: the id of the standard row that
          it is tried before, or stands instead of.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from mappings.translate import CodeMap, Maps, elements

Json = dict[str, Any]

# Who somebody is, and whether their record is restricted, is read in the same way of every sender: by whoever
# translates a referral, and by whoever looks for a person's referrals.
FIXED_TARGETS = frozenset({"person.nhs_number", "person.nhs_number_status", "person.birth_date", "person.sensitive"})
FIXED_MAPS = frozenset({"nhs-number-status"})


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    version: str
    codes: list[Json]
    rows: list[Json]

    @property
    def mark(self) -> str:
        """What the version of a map gets behind it that this dialect adds to (semver.org, 10)."""
        return f"+{self.name}.{self.version}"

    def extended(self, standard: CodeMap, maps: Maps) -> CodeMap:
        """The map with the dialect's rows before its own; itself when the dialect has none for it."""
        added = [group for group in self.codes if group["map"] == standard.name]
        if not added:
            return standard
        content = maps.read(standard.name, "ConceptMap")
        own_sources = {group["source"] for group in content["group"]}
        coded, plain = dict(standard.coded), dict(standard.plain)
        for group in added:
            for element in group["element"]:  # `unmatched` here takes back what the map says
                coded.pop((group["source"], element["code"]), None)
            for (system, code), target in elements(group, content["group"][0]["target"]):
                coded[system, code] = target
                # A code element (priority) comes without a system: it means what it means in the map's own.
                if system in own_sources:
                    plain[code] = target
                else:
                    plain.setdefault(code, target)
        return replace(standard, version=standard.version + self.mark, coded=coded, plain=plain)

    def placed(self, standard: list[Json]) -> list[Json]:
        """The rows of a field map with the dialect's at their places."""
        return list(self._placed(standard))

    def _placed(self, rows: list[Json]) -> Iterator[Json]:
        for row in rows:
            replacing = [one for one in self.rows if one.get("replaces") == row["id"]]
            yield from (one for one in self.rows if one.get("before") == row["id"])
            yield from replacing
            if not replacing:
                yield row | {"each": self.placed(row["each"])} if "each" in row else row


def dialect_from(content: Json) -> Dialect:
    """Of a document that `mappings.documents` has read."""
    return Dialect(content["name"], content["version"], content.get("codes", []), content.get("rows", []))
