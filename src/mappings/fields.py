"""Runs a field map: rows that say where each field of a referral comes from.

A row is {"id", "target", "source": [FHIRPath, ...], "note"}; the first source that yields something wins. Also:
  take      "first" (default), "all" (a list) or "joined" (texts, a blank line between)
  each      rows for the parts of an object, or of each object of a list; their sources start at the item
  convert   a ConceptMap of `maps/`, or a conversion named in to_referral.py
  show      "display" takes the words of the ConceptMap's target, not the code
  order_by  FHIRPath of a number that sorts what a source yields, what has none last
  value     what the target gets when a source yields anything, whatever that is
  first     what the first item of a list gets besides
  required  wanted by the standard (top level), or the item makes no sense without it (in `each`)
  default   the value when no source yields one
  unless    a target that, when true, keeps this field from being copied
Rows with the same target: of single values the first that yields one wins; lists and joined texts add up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.fhirpath import Expression, compile_expression
from mappings.translate import CodeMap

Json = dict[str, Any]
Roots = Mapping[str, list[Any]]  # "Patient" or "%practice" -> the resources of that name; "" -> the item at hand
Convert = Callable[[Any], Any]

UNRANKED = 1_000_000  # sorts what has no rank behind what has one


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    target: str
    path: tuple[str, ...]
    again: bool  # an earlier row has the same target
    sources: tuple[Expression, ...]
    take: str
    each: tuple["Row", ...]
    codes: CodeMap | None
    show: str
    convert: Convert | None
    value: Any
    order_by: Expression | None
    first: Json
    required: bool
    default: Any
    unless: tuple[str, ...]


@dataclass(slots=True)
class Filled:
    """What a map made of some resources.

    rows: [target, source, row id] of each field that was filled; a source that starts with a dot goes on from that of
    the object the field is in. unknown: {"expression", "system", "code", "text"} of each code that no map knows, once.
    """

    values: Json = field(default_factory=dict)
    rows: list[list[str]] = field(default_factory=list)
    unknown: dict[tuple[str | None, ...], dict[str, str | None]] = field(default_factory=dict)


def compile_rows(
    rows: list[Json], maps: Callable[[str], CodeMap], converts: Mapping[str, Convert], constants: Mapping[str, str]
) -> tuple[Row, ...]:
    """Makes a map ready to run. Raises ValueError for an expression outside the subset, LookupError for
    a map that is not there."""
    targets: set[str] = set()

    def compile_row(row: Json) -> Row:
        name, again = row.get("convert"), row["target"] in targets
        targets.add(row["target"])
        return Row(
            id=row["id"],
            target=row["target"],
            path=tuple(row["target"].split(".")),
            again=again,
            sources=tuple(compile_expression(source, constants) for source in row["source"]),
            take=row.get("take", "first"),
            each=compile_rows(row.get("each", []), maps, converts, constants),
            codes=maps(name) if name and name not in converts else None,
            show=row.get("show", "code"),
            convert=converts.get(name or ""),
            value=row.get("value"),
            order_by=compile_expression(row["order_by"]) if "order_by" in row else None,
            first=row.get("first", {}),
            required=row.get("required", False),
            default=row.get("default"),
            unless=tuple(row["unless"].split(".")) if "unless" in row else (),
        )

    return tuple(compile_row(row) for row in rows)


def fill(rows: tuple[Row, ...], roots: Roots, filled: Filled, values: Json, target: str = "", origin: str = "") -> bool:
    """Runs the rows into `values`; False when a required one found nothing.

    `target` names `values` in the whole and `origin` the item that relative sources start from; both end in a dot.
    """
    complete = True
    for row in rows:
        held = _held(values, row.path) if row.again else None
        if held is not None and row.take == "first":
            continue
        found = _find(row, roots, filled, target, origin, len(held) if type(held) is list else 0)
        if found is not None:
            if held is not None:
                found = held + found if row.take == "all" else f"{held}\n\n{found}"
            _put(values, row.path, found)
        elif held is None and row.default is not None:
            _put(values, row.path, row.default)
            filled.rows.append([target + row.target, "default", row.id])
        elif held is None and row.required:
            complete = False
    return complete


def _find(row: Row, roots: Roots, filled: Filled, target: str, origin: str, held: int) -> Any:
    """What the row's first useful source yields, noted in the trace; None when none does."""
    for source in row.sources:
        nodes = roots.get(source.root)
        if not nodes or not (nodes := source.run(nodes)):
            continue
        if row.unless and _held(filled.values, row.unless):
            filled.rows.append([target + row.target, f"not copied, because of {'.'.join(row.unless)}", row.id])
            return None
        if row.each:
            value = _objects(row, source, nodes, filled, target, origin, held)
        else:
            value = _value(row, source, nodes, filled, origin)
        if value is not None:
            if not row.each:
                filled.rows.append([target + row.target, f".{source.text}" if origin else source.text, row.id])
            return value
    return None


def _objects(
    row: Row, source: Expression, nodes: list[Any], filled: Filled, target: str, origin: str, held: int
) -> Any:
    """An object of each item's parts: of the first item that has all it needs, or a list of all such."""
    objects: list[Json] = []
    for index, node in _in_order(row, nodes):
        number = held + len(objects)
        name = f"{target}{row.target}[{number}]" if row.take == "all" else target + row.target
        place = f"{source.text}[{index}]"
        traced = len(filled.rows)
        filled.rows.append([name, place, row.id])
        made: Json = {}
        if not fill(row.each, {"": [node]}, filled, made, f"{name}.", f"{origin}{place}.") or not made:
            del filled.rows[traced:]
            continue
        if row.take != "all":
            return made
        if number == 0:
            made |= row.first
            filled.rows += [[f"{name}.{part}", ".$this", row.id] for part in row.first]
        objects.append(made)
    return objects or None


def _in_order(row: Row, nodes: list[Any]) -> list[tuple[int, Any]]:
    """The nodes with their places, as they came, or sorted."""
    numbered = list(enumerate(nodes))
    if row.order_by:
        order = row.order_by.run
        numbered.sort(key=lambda item: next(iter(order([item[1]])), UNRANKED))
    return numbered


def _value(row: Row, source: Expression, nodes: list[Any], filled: Filled, origin: str) -> Any:
    """The nodes as the target wants them: converted, without blanks."""
    if row.value is not None:
        return [row.value] if row.take == "all" else row.value
    if row.order_by:
        nodes = [node for _, node in _in_order(row, nodes)]
    if row.codes:
        nodes = [_translate(row.codes, row.show, node, filled, origin + source.text) for node in nodes]
    elif row.convert:
        nodes = [row.convert(node) for node in nodes]
    if row.take == "first":
        for node in nodes:
            if node is not None and node != "":
                return node
        return None
    found = [node for node in nodes if node is not None and node != ""]
    if not found:
        return None
    return found if row.take == "all" else "\n\n".join(found)


def _translate(codes: CodeMap, show: str, node: Any, filled: Filled, at: str) -> str | None:
    target = codes.concept(node)
    if target:
        return target.display if show == "display" else target.code
    unknown = {"expression": at.removesuffix(".$this"), **_sent(node)}
    filled.unknown.setdefault(tuple(unknown.values()), unknown)
    return None


def _sent(node: Any) -> dict[str, str | None]:
    """The system, code and text of what was sent: a code, a Coding or a CodeableConcept."""
    if not isinstance(node, dict):
        return {"system": None, "code": str(node), "text": None}
    coding = node if "code" in node else next(iter(node.get("coding", [])), {})
    return {
        "system": coding.get("system"),
        "code": coding.get("code"),
        "text": node.get("text") or coding.get("display"),
    }


def _held(values: Json, path: tuple[str, ...]) -> Any:
    held: Any = values
    for name in path:
        held = held.get(name)
        if held is None:
            return None
    return held


def _put(values: Json, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value
